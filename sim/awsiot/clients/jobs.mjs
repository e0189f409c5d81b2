// The Jobs client of aws-iot-device-sdk-v2, a C library, as a device: over
// MQTT 5 and 3.1.1 without TLS, and over MQTT 5 with the device's certificate.

import { once } from "node:events";
import {
  CancelJobCommand, CreateJobCommand, CreateThingCommand, DescribeJobCommand, DescribeJobExecutionCommand,
} from "@aws-sdk/client-iot";
import { cloud, control, equal, Inbox, ok, run, show, thing } from "./check.mjs";
import { plain311, plain5, tls5 } from "./connect.mjs";

/** An inbox of a stream's events, once its subscription stands. */
async function opened(stream) {
  const inbox = new Inbox();
  const status = once(stream, "subscriptionStatus");
  stream.on("incomingPublish", (event) => inbox.put(event.message));
  stream.on("incomingPublishError", (event) => inbox.put({ unreadable: event }));
  stream.open();
  const [{ type, error }] = await status;
  ok(error === undefined, `the subscription: ${type} ${error}`);
  return inbox;
}

/** What the service says of what it refuses, as the SDK reads it. */
async function rejected(promise, code, what) {
  let said;
  try {
    said = { taken: await promise };
  } catch (error) {
    said = error.modeledError ?? { unmodeled: String(error), internal: String(error.internalError) };
  }
  equal(said.code, code, `${what} ${show(said)}`);
  ok(said.message?.length > 0, `${what} has a message`);
  ok(recent(said.timestamp), `${what} has a time: ${show(said)}`);
  return said;
}

// Times are as they came: whole seconds, whatever the SDK's types say.
const recent = (time) => Number.isInteger(time) && Math.abs(time * 1000 - Date.now()) < 3_600_000;
const ids = (list) => (list ?? []).map((e) => e.jobId);

async function story(name, connect, thingName) {
  if (thingName !== cloud.device.thing) await control.send(new CreateThingCommand({ thingName }));
  const { jobs, close } = await connect(`${name}-client`);
  const next = await opened(jobs.createNextJobExecutionChangedStream({ thingName }));
  const changed = await opened(jobs.createJobExecutionsChangedStream({ thingName }));
  const [one, two, three] = ["one", "two", "three"].map((n) => `${name}-${n}`);
  const document = (jobId) => ({ operation: "install", of: jobId, nested: { list: [1, 2.5, null, "ü"], yes: true } });
  const make = (jobId) => control.send(new CreateJobCommand({ jobId, targets: [thing(thingName)], document: JSON.stringify(document(jobId)) }));
  const update = (jobId, more) => jobs.updateJobExecution({ thingName, jobId, ...more });
  const told = async (queued, running = []) => {
    const event = await changed.take(`notify with ${show(queued)}`);
    equal(ids(event.jobs.QUEUED), queued, "queued, as notify says");
    equal(ids(event.jobs.IN_PROGRESS), running, "in progress, as notify says");
    ok(recent(event.timestamp), "notify has a time");
  };
  const head = async (jobId) => {
    const event = await next.take(`notify-next with ${jobId}`);
    equal(event.execution?.jobId, jobId, "the next job, as notify-next says");
    if (jobId) equal(event.execution.jobDocument, document(jobId), "its document");
  };

  // Nothing is pending.
  let pending = await jobs.getPendingJobExecutions({ thingName });
  equal([pending.inProgressJobs, pending.queuedJobs], [[], []], "nothing is pending");
  ok(recent(pending.timestamp), "the answer has a time");
  equal((await jobs.startNextPendingJobExecution({ thingName })).execution, undefined, "nothing to start");
  equal((await jobs.describeJobExecution({ thingName, jobId: "$next" })).execution, undefined, "nothing to describe");
  await rejected(jobs.describeJobExecution({ thingName, jobId: `${name}-none` }), "ResourceNotFound", "a job that is not there");

  // Two jobs come; the second does not change which is next.
  await make(one);
  await head(one);
  await told([one]);
  await make(two);
  await told([one, two]);
  pending = await jobs.getPendingJobExecutions({ thingName });
  equal(ids(pending.queuedJobs), [one, two], "pending in order");
  equal([pending.queuedJobs[0].versionNumber, pending.queuedJobs[0].executionNumber], [1, 1], "versions begin at 1");
  ok(recent(pending.queuedJobs[0].queuedAt) && recent(pending.queuedJobs[0].lastUpdatedAt), "times of a summary");
  let { execution } = await jobs.describeJobExecution({ thingName, jobId: "$next" });
  equal([execution.jobId, execution.status, execution.versionNumber, execution.jobDocument], [one, "QUEUED", 1, document(one)], "$next");
  ({ execution } = await jobs.describeJobExecution({ thingName, jobId: two, includeJobDocument: true, executionNumber: 1 }));
  equal([execution.jobId, execution.status, execution.jobDocument], [two, "QUEUED", document(two)], "the second");
  await rejected(jobs.describeJobExecution({ thingName, jobId: two, executionNumber: 7 }), "ResourceNotFound", "an execution that is not there");

  // The first is begun; to begin it again changes nothing.
  for (const details of [{ step: "1" }, { step: "again" }]) {
    ({ execution } = await jobs.startNextPendingJobExecution({ thingName, statusDetails: details, stepTimeoutInMinutes: 5 }));
    equal([execution.jobId, execution.status, execution.versionNumber, execution.executionNumber], [one, "IN_PROGRESS", 2, 1], "begun");
    equal(execution.jobDocument, document(one), "the document of what was begun");
    ok(recent(execution.queuedAt) && recent(execution.startedAt) && recent(execution.lastUpdatedAt), "times of an execution");
  }
  ({ execution } = await jobs.describeJobExecution({ thingName, jobId: one }));
  equal(execution.statusDetails, { step: "1" }, "details of what was begun already are left");

  // Updates by version.
  let answer = await update(one, {
    status: "IN_PROGRESS", expectedVersion: 2, executionNumber: 1, statusDetails: { receive: "64/158" }, includeJobExecutionState: true, includeJobDocument: true,
  });
  equal(answer.executionState, { status: "IN_PROGRESS", statusDetails: { receive: "64/158" }, versionNumber: 3 }, "the state that was asked for");
  equal(answer.jobDocument, document(one), "the document that was asked for");
  answer = await update(one, { status: "IN_PROGRESS", expectedVersion: 3 });
  equal([answer.executionState, answer.jobDocument], [undefined, undefined], "what was not asked for");
  let error = await rejected(update(one, { status: "SUCCEEDED", expectedVersion: 2 }), "VersionMismatch", "an old version");
  equal(error.executionState, { status: "IN_PROGRESS", statusDetails: { receive: "64/158" }, versionNumber: 4 }, "the state beside VersionMismatch");
  const many = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`k${i}`, "v"]));
  for (const [what, more] of Object.entries({
    "eleven details": { statusDetails: many }, "a control character": { statusDetails: { a: "b\n" } }, "a key with a blank": { statusDetails: { "a b": "c" } },
    "a step of less than no time": { stepTimeoutInMinutes: -2 }, "a step of more than a week": { stepTimeoutInMinutes: 10081 },
  })) await rejected(update(one, { status: "IN_PROGRESS", ...more }), "InvalidRequest", what);
  await rejected(update(`${name}-none`, { status: "SUCCEEDED" }), "ResourceNotFound", "an update of nothing");

  // It ends, and the second is next.
  await update(one, { status: "SUCCEEDED", expectedVersion: 4, statusDetails: { reason: "accepted" } });
  await head(two);
  await told([two]);
  error = await rejected(update(one, { status: "FAILED" }), "InvalidStateTransition", "an update after the end");
  equal([error.executionState.status, error.executionState.versionNumber], ["SUCCEEDED", 5], "the state beside InvalidStateTransition");
  await rejected(jobs.describeJobExecution({ thingName, jobId: one }), "TerminalStateReached", "a description after the end");
  const seen = (await control.send(new DescribeJobExecutionCommand({ jobId: one, thingName }))).execution;
  equal([seen.status, seen.statusDetails.detailsMap, seen.versionNumber], ["SUCCEEDED", { reason: "accepted" }, 5], "the other side sees it");

  // The second is cancelled while it runs, and the third comes.
  ({ execution } = await jobs.startNextPendingJobExecution({ thingName }));
  equal(execution.jobId, two, "the second is begun");
  await make(three);
  await told([three], [two]);
  await control.send(new CancelJobCommand({ jobId: two, force: true, reasonCode: "MISTAKE", comment: "not this one" }));
  await head(three);
  await told([three]);
  error = await rejected(update(two, { status: "SUCCEEDED", expectedVersion: 2 }), "InvalidStateTransition", "an update of what was cancelled");
  equal(error.executionState.status, "CANCELED", "the state of what was cancelled");
  ({ execution } = await jobs.startNextPendingJobExecution({ thingName }));
  equal([execution.jobId, execution.versionNumber], [three, 2], "the third is begun");

  // Refused by the device, and nothing is left.
  await update(three, { status: "REJECTED", statusDetails: { reason: "not for this board" } });
  await head(undefined);
  const last = await changed.take("the last notify");
  equal(last.jobs, {}, "nothing is pending, as notify says");
  equal((await control.send(new DescribeJobCommand({ jobId: three }))).job.status, "COMPLETED", "the job of the third");

  // One more journey proves that nothing else was said.
  await jobs.getPendingJobExecutions({ thingName });
  equal([next.rest, changed.rest], [[], []], "no other announcement came");
  await close();
}

await run("aws-iot-device-sdk-v2", [
  ["MQTT 5", () => story("five", plain5, "pump-five")],
  ["MQTT 3.1.1", () => story("three", plain311, "pump-three")],
  ["MQTT 5 over TLS", () => story("tls", tls5, cloud.device.thing)],
]);
