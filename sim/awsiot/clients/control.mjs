// @aws-sdk/client-iot as the release side: things and groups, packages, jobs
// with all that they can have, lists in pages, streams, and typed exceptions.

import * as sdk from "@aws-sdk/client-iot";
import { cloud, control, equal, group, minutes, ok, refused, role, run, thing } from "./check.mjs";

const send = (name, input = {}) => control.send(new sdk[`${name}Command`](input));
const recent = (date) => date instanceof Date && Math.abs(date.getTime() - Date.now()) < 3_600_000;

/** Everything of a list, page by page; each page is no longer than size. */
async function all(paginate, input, field, size) {
  const pages = [];
  for await (const page of sdk[paginate]({ client: control, pageSize: size }, input)) {
    ok(page[field].length <= size, `a page of ${page[field].length}`);
    pages.push(...page[field]);
  }
  return pages;
}

const things = Array.from({ length: 5 }, (_, i) => `board-${i}`);

async function registry() {
  const made = await send("CreateThingGroup", { thingGroupName: "boards", thingGroupProperties: { thingGroupDescription: "all boards" }, tags: [{ Key: "team", Value: "fw" }] });
  equal(made.thingGroupArn, group("boards"));
  await send("CreateThingGroup", { thingGroupName: "prototypes", parentGroupName: "boards" });
  for (const thingName of things) {
    equal((await send("CreateThing", { thingName, attributePayload: { attributes: { line: "a" } } })).thingArn, thing(thingName));
    await send("AddThingToThingGroup", { thingGroupName: "boards", thingName });
  }
  await send("AddThingToThingGroup", { thingGroupArn: group("prototypes"), thingArn: thing(things[0]) });
  equal((await all("paginateListThingsInThingGroup", { thingGroupName: "boards" }, "things", 2)).sort(), things, "things of a group");
  const groups = (await send("ListThingGroupsForThing", { thingName: things[0] })).thingGroups;
  equal(groups.map((g) => g.groupName).sort(), ["boards", "prototypes"], "groups of a thing");
  const shown = await send("DescribeThingGroup", { thingGroupName: "prototypes" });
  equal([shown.thingGroupMetadata.parentGroupName, shown.thingGroupArn], ["boards", group("prototypes")], "a group in another");
  const described = await send("DescribeThing", { thingName: things[1] });
  equal([described.attributes, described.version], [{ line: "a" }, 1], "a thing");
  await send("RemoveThingFromThingGroup", { thingGroupName: "prototypes", thingName: things[0] });
  equal((await send("ListThingsInThingGroup", { thingGroupName: "prototypes" })).things, [], "after it left");
  await refused(send("DescribeThing", { thingName: "nobody" }), sdk.ResourceNotFoundException, 404, "an unknown thing");
  await refused(send("AddThingToThingGroup", { thingGroupName: "boards", thingName: "nobody" }), sdk.ResourceNotFoundException, 404, "an unknown member");
  await refused(send("CreateThing", { thingName: things[1], attributePayload: { attributes: { line: "b" } } }), sdk.ResourceAlreadyExistsException, 409, "another thing of this name");
  for (const [endpointType, address] of Object.entries({ "iot:Data-ATS": cloud.mqtts, "iot:CredentialProvider": cloud.credentials })) {
    const { endpointAddress } = await send("DescribeEndpoint", { endpointType });
    ok(address.includes(endpointAddress), `${endpointType} is ${endpointAddress}, not ${address}`);
  }
}

async function packages() {
  const packageName = "firmware", attributes = { board: "arm64", size: "12" };
  equal((await send("CreatePackage", { packageName, description: "of boards", tags: { team: "fw" } })).packageName, packageName);
  await refused(send("CreatePackage", { packageName }), sdk.ConflictException, 409, "a package twice");
  for (const versionName of ["1.0.0", "1.1.0", "2.0.0"]) {
    const made = await send("CreatePackageVersion", { packageName, versionName, attributes, description: `number ${versionName}` });
    equal([made.status, made.packageVersionArn], ["DRAFT", `arn:aws:iot:${cloud.region}:${cloud.account}:package/firmware/version/${versionName}`]);
  }
  const arn = (v) => `arn:aws:iot:${cloud.region}:${cloud.account}:package/firmware/version/${v}`;
  const job = { jobId: "of-a-package", targets: [group("boards")], document: "{}", destinationPackageVersions: [arn("1.0.0")] };
  await refused(send("CreateJob", job), sdk.InvalidRequestException, 400, "a job of a draft");
  await send("UpdatePackageVersion", { packageName, versionName: "1.0.0", attributes: { ...attributes, size: "13" } });
  for (const [versionName, action, status] of [["1.0.0", "PUBLISH", "PUBLISHED"], ["1.1.0", "PUBLISH", "PUBLISHED"], ["1.1.0", "DEPRECATE", "DEPRECATED"], ["1.1.0", "PUBLISH", "PUBLISHED"], ["1.1.0", "DEPRECATE", "DEPRECATED"]]) {
    await send("UpdatePackageVersion", { packageName, versionName, action });
    equal((await send("GetPackageVersion", { packageName, versionName })).status, status, `${versionName} after ${action}`);
  }
  const shown = await send("GetPackageVersion", { packageName, versionName: "1.0.0" });
  equal([shown.attributes, shown.description], [{ ...attributes, size: "13" }, "number 1.0.0"], "the version");
  ok(recent(shown.creationDate) && recent(shown.lastModifiedDate), "its times");
  const frozen = await send("UpdatePackageVersion", { packageName, versionName: "1.0.0", attributes: {} }).then(() => "taken", (e) => e.$metadata.httpStatusCode);
  ok(frozen >= 400 && frozen < 500, `attributes after the publication: ${frozen}`);
  const listed = await all("paginateListPackageVersions", { packageName }, "packageVersionSummaries", 2);
  equal(listed.map((v) => `${v.versionName} ${v.status}`).sort(), ["1.0.0 PUBLISHED", "1.1.0 DEPRECATED", "2.0.0 DRAFT"], "versions in pages");
  equal((await send("ListPackageVersions", { packageName, status: "DRAFT" })).packageVersionSummaries.map((v) => v.versionName), ["2.0.0"], "drafts");
  await send("UpdatePackage", { packageName, defaultVersionName: "1.0.0" });
  equal((await send("GetPackage", { packageName })).defaultVersionName, "1.0.0", "the default");
  equal((await send("ListPackages")).packageSummaries.map((p) => [p.packageName, p.defaultVersionName]), [[packageName, "1.0.0"]], "packages");
  const versionUpdateByJobsConfig = { enabled: true, roleArn: role };
  await send("UpdatePackageConfiguration", { versionUpdateByJobsConfig });
  equal((await send("GetPackageConfiguration")).versionUpdateByJobsConfig, versionUpdateByJobsConfig);

  // Attributes get into the document, and the job says what it installs.
  const document = JSON.stringify({ size: "${aws:iot:package:firmware:version:1.0.0:attributes:size}", all: "${aws:iot:package:firmware:version:1.0.0:attributes}" });
  await send("CreateJob", { ...job, document });
  equal((await send("DescribeJob", { jobId: job.jobId })).job.destinationPackageVersions, [arn("1.0.0")]);
  const text = (await send("GetJobDocument", { jobId: job.jobId })).document;
  equal(JSON.parse(text), { size: "13", all: { ...attributes, size: "13" } }, "attributes in the document");
  equal((await send("GetJobDocument", { jobId: job.jobId, beforeSubstitution: true })).document, document, "the document before that");
  await refused(send("CreateJob", { ...job, jobId: "bad", document: '{"a":"${aws:iot:package:firmware:version:9:attributes:size}"}' }), sdk.ServiceException ?? Error, 400, "a version that is not there");
  await send("DeleteJob", { jobId: job.jobId, force: true });

  await send("UpdatePackage", { packageName, unsetDefaultVersion: true });
  for (const versionName of ["1.0.0", "1.1.0", "2.0.0"]) await send("DeletePackageVersion", { packageName, versionName });
  await refused(send("GetPackageVersion", { packageName, versionName: "1.0.0" }), sdk.ResourceNotFoundException, 404, "a version that was deleted");
  await send("DeletePackage", { packageName });
  equal((await send("ListPackages")).packageSummaries, [], "no package is left");
}

/** A job with everything that CreateJob takes, as the sample cannot have it. */
const whole = {
  jobId: "whole", targets: [group("boards")], document: '{"operation":"install","url":"${aws:iot:s3-presigned-url-v2:https://s3.us-east-1.amazonaws.com/b/k%3FversionId%3Dv}"}',
  description: "all of it", targetSelection: "CONTINUOUS", presignedUrlConfig: { roleArn: role, expiresInSec: 900 },
  jobExecutionsRolloutConfig: { maximumPerMinute: 500, exponentialRate: { baseRatePerMinute: 5, incrementFactor: 1.5, rateIncreaseCriteria: { numberOfNotifiedThings: 10 } } },
  abortConfig: { criteriaList: [{ failureType: "FAILED", action: "CANCEL", thresholdPercentage: 12.25, minNumberOfExecutedThings: 3 }, { failureType: "ALL", action: "CANCEL", thresholdPercentage: 50, minNumberOfExecutedThings: 1 }] },
  timeoutConfig: { inProgressTimeoutInMinutes: 60 },
  jobExecutionsRetryConfig: { criteriaList: [{ failureType: "FAILED", numberOfRetries: 2 }, { failureType: "TIMED_OUT", numberOfRetries: 8 }] },
  schedulingConfig: {
    endTime: minutes(60 * 24 * 180), endBehavior: "FORCE_CANCEL",
    maintenanceWindows: [{ startTime: "cron(0 2 ? * SAT *)", durationInMinutes: 120 }, { startTime: "cron(30 4 L * ? *)", durationInMinutes: 10 }],
  },
};

async function jobsWithEverything() {
  const made = await send("CreateJob", { ...whole, tags: [{ Key: "team", Value: "fw" }] });
  equal([made.jobId, made.description], [whole.jobId, whole.description]);
  const { job } = await send("DescribeJob", { jobId: whole.jobId });
  const { document, ...rest } = whole;
  for (const [key, want] of Object.entries(rest)) equal(job[key], want, `DescribeJob's ${key}`);
  equal([job.jobArn, job.status, job.isConcurrent], [made.jobArn, "SCHEDULED", false], "the job waits for its window");
  ok(recent(job.createdAt) && recent(job.lastUpdatedAt) && job.completedAt === undefined, "its times");
  equal(job.scheduledJobRollouts.length, 7, "the next seven windows");
  ok(job.scheduledJobRollouts.every((r) => Date.parse(`${r.startTime.replace(" ", "T").replace(/Z?$/, "Z")}`.replaceAll("/", "-")) > Date.now()), `they are to come: ${JSON.stringify(job.scheduledJobRollouts)}`);
  equal((await send("GetJobDocument", { jobId: whole.jobId })).document, document, "links are made when a device asks");
  equal((await send("ListTagsForResource", { resourceArn: made.jobArn })).tags, [{ Key: "team", Value: "fw" }], "tags");
  await send("TagResource", { resourceArn: made.jobArn, tags: [{ Key: "stage", Value: "test" }] });
  await send("UntagResource", { resourceArn: made.jobArn, tagKeys: ["team"] });
  equal((await send("ListTagsForResource", { resourceArn: made.jobArn })).tags, [{ Key: "stage", Value: "test" }], "tags after that");
  const change = { description: "less of it", timeoutConfig: { inProgressTimeoutInMinutes: 90 }, abortConfig: { criteriaList: [{ failureType: "TIMED_OUT", action: "CANCEL", thresholdPercentage: 1, minNumberOfExecutedThings: 1 }] } };
  await send("UpdateJob", { jobId: whole.jobId, ...change });
  const after = (await send("DescribeJob", { jobId: whole.jobId })).job;
  for (const [key, want] of Object.entries(change)) equal(after[key], want, `${key} after UpdateJob`);
  await send("DeleteJob", { jobId: whole.jobId, force: true });

  // A snapshot that begins in an hour and ends an hour later.
  const schedulingConfig = { startTime: minutes(61), endTime: minutes(121), endBehavior: "CANCEL" };
  await send("CreateJob", { jobId: "later", targets: [group("boards")], document: "{}", targetSelection: "SNAPSHOT", schedulingConfig });
  const later = (await send("DescribeJob", { jobId: "later" })).job;
  equal([later.status, later.schedulingConfig], ["SCHEDULED", schedulingConfig]);
  equal((await send("ListJobExecutionsForJob", { jobId: "later" })).executionSummaries, [], "nothing was rolled out");
  await send("CancelJob", { jobId: "later", reasonCode: "NOT_TODAY", comment: "after all" });
  const cancelled = (await send("DescribeJob", { jobId: "later" })).job;
  equal([cancelled.status, cancelled.reasonCode, cancelled.comment], ["CANCELED", "NOT_TODAY", "after all"]);
  await send("DeleteJob", { jobId: "later" });
}

async function listsAndExecutions() {
  const names = Array.from({ length: 7 }, (_, i) => `list-${i}`);
  for (const jobId of names) await send("CreateJob", { jobId, targets: [group("boards")], document: "{}", targetSelection: jobId === "list-6" ? "CONTINUOUS" : "SNAPSHOT" });
  equal((await all("paginateListJobs", {}, "jobs", 3)).map((j) => j.jobId).sort(), names, "each job once");
  equal((await all("paginateListJobs", { targetSelection: "CONTINUOUS" }, "jobs", 3)).map((j) => j.jobId), ["list-6"], "by selection");
  equal((await all("paginateListJobs", { thingGroupName: "boards", status: "IN_PROGRESS" }, "jobs", 4)).length, 7, "by group");
  equal((await send("ListJobs", { status: "CANCELED" })).jobs, [], "by status");
  await refused(send("ListJobs", { nextToken: "made up" }), sdk.InvalidRequestException, 400, "a token that nobody gave");

  const executions = await all("paginateListJobExecutionsForJob", { jobId: "list-0" }, "executionSummaries", 2);
  equal(executions.map((e) => e.thingArn).sort(), things.map(thing), "executions of a job");
  equal([...new Set(executions.map((e) => `${e.jobExecutionSummary.status} ${e.jobExecutionSummary.executionNumber}`))], ["QUEUED 1"]);
  const mine = await all("paginateListJobExecutionsForThing", { thingName: things[3] }, "executionSummaries", 3);
  equal(mine.map((e) => e.jobId).sort(), names, "executions of a thing");

  // One execution is cancelled, another deleted.
  const at = { jobId: "list-0", thingName: things[0] };
  await send("CancelJobExecution", { ...at, statusDetails: { why: "not here" } });
  const { execution } = await send("DescribeJobExecution", at);
  equal([execution.status, execution.statusDetails.detailsMap, execution.thingArn], ["CANCELED", { why: "not here" }, thing(things[0])]);
  await refused(send("CancelJobExecution", at), sdk.InvalidStateTransitionException, 409, "to cancel it again");
  await refused(send("DescribeJobExecution", { ...at, jobId: "none" }), sdk.ResourceNotFoundException, 404, "an execution of no job");
  await send("DeleteJobExecution", { ...at, executionNumber: 1 });
  await refused(send("DescribeJobExecution", at), sdk.ResourceNotFoundException, 404, "an execution that was deleted");
  equal((await send("DescribeJob", { jobId: "list-0" })).job.jobProcessDetails.numberOfQueuedThings, 4, "what is left of it");

  // A continuous job takes more targets.
  await send("CreateThing", { thingName: "late" });
  await send("AssociateTargetsWithJob", { jobId: "list-6", targets: [thing("late")], comment: "one more" });
  equal((await send("DescribeJob", { jobId: "list-6" })).job.targets.sort(), [group("boards"), thing("late")].sort());
  await refused(send("AssociateTargetsWithJob", { jobId: "list-0", targets: [thing("late")] }), sdk.ServiceException ?? Error, 400, "more targets of a snapshot");

  await refused(send("DeleteJob", { jobId: "list-1" }), sdk.InvalidStateTransitionException, 409, "to delete what is in progress");
  const cancelled = await send("CancelJob", { jobId: "list-1" });
  equal(cancelled.jobId, "list-1");
  equal((await send("DescribeJob", { jobId: "list-1" })).job.jobProcessDetails.numberOfCanceledThings, 5);
  await refused(send("CancelJob", { jobId: "list-1" }), sdk.InvalidRequestException, 400, "to cancel it again");
  for (const jobId of names) await send("DeleteJob", { jobId, force: true });
  equal((await send("ListJobs")).jobs, [], "no job is left");
}

async function limits() {
  const job = { jobId: "limit", targets: [group("boards")], document: "{}" };
  const bad = {
    "a document that is no JSON": { document: "{" },
    "a document of more than 32 KiB": { document: JSON.stringify({ a: "x".repeat(32768) }) },
    "no target": { targets: [] },
    "101 targets": { targets: Array.from({ length: 101 }, (_, i) => thing(`t-${i}`)) },
    "a description of 2,029 characters": { description: "x".repeat(2029) },
    "a timeout of no minutes": { timeoutConfig: { inProgressTimeoutInMinutes: 0 } },
    "a timeout of more than a week": { timeoutConfig: { inProgressTimeoutInMinutes: 10081 } },
    "eleven retries": { timeoutConfig: { inProgressTimeoutInMinutes: 10 }, jobExecutionsRetryConfig: { criteriaList: [{ failureType: "ALL", numberOfRetries: 11 }] } },
    "eleven retries in two": { timeoutConfig: { inProgressTimeoutInMinutes: 10 }, jobExecutionsRetryConfig: { criteriaList: [{ failureType: "FAILED", numberOfRetries: 6 }, { failureType: "TIMED_OUT", numberOfRetries: 5 }] } },
    "retries of timeouts without one": { jobExecutionsRetryConfig: { criteriaList: [{ failureType: "TIMED_OUT", numberOfRetries: 1 }] } },
    "a start in ten minutes": { schedulingConfig: { startTime: minutes(10) } },
    "an end 29 minutes after the start": { schedulingConfig: { startTime: minutes(60), endTime: minutes(89), endBehavior: "CANCEL" } },
    "a behaviour without an end": { schedulingConfig: { startTime: minutes(60), endBehavior: "CANCEL" } },
    "windows of a snapshot": { schedulingConfig: { maintenanceWindows: [{ startTime: "cron(0 2 ? * SAT *)", durationInMinutes: 60 }] } },
    "a window of 24 hours": { targetSelection: "CONTINUOUS", schedulingConfig: { maintenanceWindows: [{ startTime: "cron(0 2 ? * SAT *)", durationInMinutes: 1440 }] } },
    "a window with both days": { targetSelection: "CONTINUOUS", schedulingConfig: { maintenanceWindows: [{ startTime: "cron(0 2 1 * SAT *)", durationInMinutes: 60 }] } },
    "a link that holds for a second": { presignedUrlConfig: { roleArn: role, expiresInSec: 1 } },
    "a link without a role": { document: '{"u":"${aws:iot:s3-presigned-url-v2:https://s3.us-east-1.amazonaws.com/b/k}"}' },
    "a rate of 1,001": { jobExecutionsRolloutConfig: { maximumPerMinute: 1001 } },
    "a factor of 6": { jobExecutionsRolloutConfig: { exponentialRate: { baseRatePerMinute: 5, incrementFactor: 6, rateIncreaseCriteria: { numberOfNotifiedThings: 10 } } } },
    "a percentage of 101": { abortConfig: { criteriaList: [{ failureType: "ALL", action: "CANCEL", thresholdPercentage: 101, minNumberOfExecutedThings: 1 }] } },
  };
  for (const [what, more] of Object.entries(bad)) await refused(send("CreateJob", { ...job, ...more }), sdk.InvalidRequestException, 400, what);
  await refused(send("CreateJob", { ...job, targets: [group("nobody")] }), sdk.ResourceNotFoundException, 404, "an unknown group");
  equal((await send("ListJobs")).jobs, [], "nothing of it was made");

  await send("CreateJob", job);
  const error = await refused(send("CreateJob", { ...job, document: '{"other":1}' }), sdk.ResourceAlreadyExistsException, 409, "another job of this name");
  equal(error.resourceId, job.jobId, "the resource that exists");
  await send("DeleteJob", { jobId: job.jobId, force: true });
  for (const [name, input] of [["DescribeJob", {}], ["GetJobDocument", {}], ["CancelJob", {}], ["DeleteJob", {}], ["UpdateJob", { description: "x" }]]) {
    await refused(send(name, { jobId: "none", ...input }), sdk.ResourceNotFoundException, 404, `${name} of no job`);
  }
}

/** As many jobs as may roll out at a time, and one more. */
async function concurrency() {
  const job = (i) => send("CreateJob", { jobId: `many-${i}`, targets: [group("boards")], document: "{}", jobExecutionsRolloutConfig: { maximumPerMinute: 1 } });
  const each = async (from, f) => Promise.all(Array.from({ length: 50 }, (_, i) => f(from + i)));
  for (let from = 0; from < 500; from += 50) await each(from, job);
  await refused(job(500), sdk.LimitExceededException, 410, "the 501st job");
  equal((await send("DescribeJob", { jobId: "many-0" })).job.isConcurrent, true, "it is rolling out");
  equal((await all("paginateListJobs", { status: "IN_PROGRESS" }, "jobs", 250)).length, 500, "jobs in two pages");
  await refused(send("ListJobs", { maxResults: 251 }), sdk.InvalidRequestException, 400, "a page of 251");
  await send("DeleteJob", { jobId: "many-0", force: true });
  await job(500);
  for (let from = 1; from < 500; from += 50) await each(from, (i) => send("DeleteJob", { jobId: `many-${i}`, force: true }));
  equal((await send("ListJobs")).jobs, [], "no job is left");
}

async function streams() {
  const file = (fileId) => ({ fileId, s3Location: { bucket: cloud.bucket, key: cloud.image, version: "v" } });
  for (const streamId of ["s-1", "s-2", "s-3"]) {
    const made = await send("CreateStream", { streamId, description: "of npm", files: [file(0)], roleArn: role });
    equal([made.streamId, made.streamVersion, made.streamArn], [streamId, 1, `arn:aws:iot:${cloud.region}:${cloud.account}:stream/${streamId}`]);
  }
  equal((await all("paginateListStreams", {}, "streams", 2)).map((s) => s.streamId).sort(), ["s-1", "s-2", "s-3"], "streams in pages");
  const ascending = (await send("ListStreams", { ascendingOrder: true })).streams.map((s) => s.streamId);
  const descending = (await send("ListStreams", { ascendingOrder: false })).streams.map((s) => s.streamId);
  equal(ascending, ["s-1", "s-2", "s-3"], "the order");
  equal(ascending, [...descending].reverse(), "the order");
  const changed = await send("UpdateStream", { streamId: "s-2", files: [file(0), file(255)], description: "two files" });
  equal([changed.streamVersion, changed.description], [2, "two files"]);
  const { streamInfo } = await send("DescribeStream", { streamId: "s-2" });
  equal([streamInfo.files, streamInfo.roleArn, streamInfo.streamVersion], [[file(0), file(255)], role, 2]);
  ok(recent(streamInfo.createdAt) && recent(streamInfo.lastUpdatedAt), "its times");
  await refused(send("CreateStream", { streamId: "s-2", files: [file(0)], roleArn: role }), sdk.ResourceAlreadyExistsException, 409, "a stream twice");
  await refused(send("CreateStream", { streamId: "s-9", files: [], roleArn: role }), sdk.InvalidRequestException, 400, "a stream of nothing");
  await refused(send("CreateStream", { streamId: "s-9", files: [file(256)], roleArn: role }), sdk.InvalidRequestException, 400, "file 256");
  await refused(send("CreateStream", { streamId: "s-9", files: [file(1), file(1)], roleArn: role }), sdk.InvalidRequestException, 400, "a file twice");
  for (const streamId of ["s-1", "s-2", "s-3"]) await send("DeleteStream", { streamId });
  for (const name of ["DescribeStream", "DeleteStream"]) await refused(send(name, { streamId: "s-1" }), sdk.ResourceNotFoundException, 404, `${name} after its end`);
}

await run("@aws-sdk/client-iot", [
  ["things and groups", registry], ["packages and versions", packages], ["jobs with everything", jobsWithEverything],
  ["lists and executions", listsAndExecutions], ["limits", limits], ["concurrent jobs", concurrency], ["streams", streams],
]);
