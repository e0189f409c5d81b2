// Both of Amazon's clients at work together: what the release side asks for
// is what the device's side gets. Retries, links to objects, and packages that
// a job has reported in the shadow $package.

import { createHash } from "node:crypto";
import * as sdk from "@aws-sdk/client-iot";
import { cloud, control, equal, ok, role, run, thing } from "./check.mjs";
import { plain5 } from "./connect.mjs";

const send = (name, input = {}) => control.send(new sdk[`${name}Command`](input));

/** A new thing, and its connection for as long as f runs. */
async function device(thingName, f) {
  await send("CreateThing", { thingName });
  const { jobs, shadows, close } = await plain5(`${thingName}-client`);
  await f({
    thingName, shadows,
    start: async () => (await jobs.startNextPendingJobExecution({ thingName })).execution,
    describe: async (jobId) => (await jobs.describeJobExecution({ thingName, jobId, includeJobDocument: true })).execution,
    update: (jobId, status) => jobs.updateJobExecution({ thingName, jobId, status }),
  });
  await close();
}

const job = (jobId, thingName, more) => send("CreateJob", { jobId, targets: [thing(thingName)], document: "{}", ...more });

const retries = () => device("retrier", async ({ thingName, start, update }) => {
  const jobId = "twice";
  await job(jobId, thingName, { jobExecutionsRetryConfig: { criteriaList: [{ failureType: "FAILED", numberOfRetries: 2 }] } });
  for (const executionNumber of [1, 2, 3]) {
    const begun = await start();
    equal([begun?.jobId, begun?.status], [jobId, "IN_PROGRESS"], `try ${executionNumber}`);
    equal(begun.executionNumber, executionNumber, "a try is an execution of its own");
    await update(jobId, "FAILED");
  }
  equal(await start(), undefined, "no fourth try");
  const { job: ended } = await send("DescribeJob", { jobId });
  equal([ended.status, ended.jobProcessDetails.numberOfFailedThings], ["COMPLETED", 1], "the job after that");
  const { executionSummaries } = await send("ListJobExecutionsForJob", { jobId });
  ok(executionSummaries.some((e) => e.jobExecutionSummary.retryAttempt === 2), "two tries after the first");

  // What a device refuses is not tried again.
  await job("once", thingName, { jobExecutionsRetryConfig: { criteriaList: [{ failureType: "ALL", numberOfRetries: 10 }] } });
  await start();
  await update("once", "REJECTED");
  equal(await start(), undefined, "after REJECTED");
  equal((await send("DescribeJob", { jobId: "once" })).job.status, "COMPLETED");
});

const links = () => device("linked", async ({ thingName, start, describe }) => {
  const { bucket, key, version, sha256 } = cloud.file;
  const url = `\${aws:iot:s3-presigned-url-v2:https://s3.${cloud.region}.amazonaws.com/${bucket}/${key}%3FversionId%3D${version}}`;
  const document = { afr_ota: { protocols: ["HTTP"], files: [{ fileid: 0, update_data_url: url, auth_scheme: "aws.s3.presigned" }] } };
  await job("link", thingName, { document: JSON.stringify(document), presignedUrlConfig: { roleArn: role, expiresInSec: 60 } });
  for (const execution of [await start(), await describe("link"), await describe("$next")]) {
    const [file] = execution.jobDocument.afr_ota.files;
    equal({ ...file, update_data_url: url }, document.afr_ota.files[0], "the rest of the document is as it was");
    const answer = await fetch(file.update_data_url);
    equal(answer.status, 200, file.update_data_url);
    equal(createHash("sha256").update(Buffer.from(await answer.arrayBuffer())).digest("hex"), sha256, "the object behind the link");
    const other = await fetch(file.update_data_url.replace(`/${key}`, "/firmware.bin"));
    equal(other.status, 403, "the link leads to nothing else");
  }
  equal((await send("GetJobDocument", { jobId: "link" })).document, JSON.stringify(document), "the other side sees the placeholder");
});

const packages = () => device("shadowed", async ({ thingName, start, update, shadows }) => {
  const packageName = "app", versionName = "3.2.1", shadow = { thingName, shadowName: "$package" };
  await send("CreatePackage", { packageName });
  const { packageVersionArn } = await send("CreatePackageVersion", { packageName, versionName, attributes: { channel: "stable" } });
  await send("UpdatePackageVersion", { packageName, versionName, action: "PUBLISH" });
  await send("UpdatePackageConfiguration", { versionUpdateByJobsConfig: { enabled: true, roleArn: role } });
  const missing = await shadows.getNamedShadow(shadow).then(() => undefined, (e) => e.modeledError);
  equal(missing?.code, 404, "no shadow before the job");

  await job("catalog", thingName, { destinationPackageVersions: [packageVersionArn], document: '{"channel":"${aws:iot:package:app:version:3.2.1:attributes:channel}"}' });
  equal((await start()).jobDocument, { channel: "stable" }, "an attribute in the device's document");
  await update("catalog", "SUCCEEDED");
  const { state } = await shadows.getNamedShadow(shadow);
  equal([state.reported.app?.version, state.desired], [versionName, undefined], "the shadow after it");

  // A device may report it too, and nothing but version and attributes.
  await shadows.updateNamedShadow({ ...shadow, state: { reported: { app: { version: "3.2.2", attributes: {} } } } });
  equal((await shadows.getNamedShadow(shadow)).state.reported.app.version, "3.2.2", "what the device reports");
  const refused = await shadows.updateNamedShadow({ ...shadow, state: { reported: { app: { version: "4", size: 7 } } } }).then(() => undefined, (e) => e.modeledError);
  equal(refused?.code, 400, "another key");
});

await run("both of Amazon's", [["retries", retries], ["links", links], ["packages", packages]]);
