// Package jobs takes jobs from AWS IoT: what their documents say ([Parse]), the
// Jobs protocol over MQTT ([Client]), what follows from what ([Decide]), and the
// loop that does it ([Agent]). What an install, a restart or a verdict is, its
// [Device] knows; how messages travel, its [Link].
//
// # Guarantee
//
// The device's journal is the truth. SUCCEEDED is told when [Device.Standing]
// says that the release runs and is confirmed, and never else; FAILED when this
// execution's install or trial failed, with the reason; REJECTED when doing it
// again would end the same: a document that cannot be carried out, a release
// that does not fit, or one that failed here in an earlier execution. An outcome
// that cannot be told is told again, also by the next agent, until AWS IoT takes
// it or says that the execution is over; it never changes what the device does.
//
// The device never restarts into a release without AWS IoT's word, given after
// the last (re)connection and the last notice, that the execution still stands.
// One that is cancelled, timed out, removed or deleted is dropped in every phase:
// an install is stopped through its context, an armed slot is disarmed, and a
// trial is left if the execution was cancelled (forced), but goes on if its time
// only ran out. What is committed stays.
//
// There is one request to AWS IoT under way, and one step of the device. A
// request whose answer is lost is made again a few times within minutes, with
// the same token, and then with pauses that double up to five minutes; a link
// that comes up ends a pause. An execution in hand is asked for after every
// connection, every notice, every answer that does not fit, and after five
// minutes without a word; without one in hand, the pending jobs are looked at
// after connections and notices, and at least every hour.
//
// An agent that is killed goes on where device and AWS IoT stand. Its record
// makes that quicker and says whose fault a failure is; where it is lost, the
// statusDetails that AWS IoT keeps say the same.
//
// # Not guaranteed
//
// A cancel that AWS IoT takes between its word and the restart comes too late:
// the trial begins, and is left once the agent runs there. Where the device
// cannot disarm ([ErrCannotDisarm]), what was armed is tried at the next start,
// whoever causes it. A step timer cannot outlast the job's own timeout; a job
// whose timeout is shorter than download, restart and trial times out, and its
// retry then finds the release confirmed. Two agents of this kind on one thing
// disturb one another.
//
// # Other agents
//
// With [Reject] abota answers for every job of the thing, and takes the next one
// by start-next. With [Leave] it starts by UpdateJobExecution, with the version
// that it saw, exactly the execution that it described: start-next would start
// whatever comes first. Jobs that it does not know are then passed over by the
// list of pending ones.
//
// # Format
//
// The protocol is that of the AWS IoT developer guide, "Jobs device MQTT API"
// and "Job execution states", and what captured traffic shows: times are whole
// seconds since 1970 (milliseconds are taken too), versions are numbers (text is
// taken too), a thingName may be there or not, unknown keys do not count. That
// statusDetails replace what was there is not documented; all of them are sent
// each time, so that it does not matter. That an execution may go from QUEUED to
// an outcome is not documented either, so every one is started first. Only
// InvalidStateTransition and VersionMismatch say what an execution's status is;
// why one is over is therefore asked by an update that will be refused.
//
// An afr_ota document is FreeRTOS's (ota-for-aws-iot-embedded-sdk); its details
// receive, self_test and reason are kept, beside phase, release, slot and
// progress. abota's own:
//
//	{"abota":{"version":1,
//	  "source":"s3://BUCKET/PREFIX" | "https://…" | {"bucket":…,"prefix":…,"region":…} | {"url":…},
//	  "checksum":"…", "release":"1.4.0", "package":{"name":…,"version":…}}}
//
// of which version and source are needed. The same key beside afr_ota, without a
// source, names the package alone. The [Record] is JSON; fields are only added.
package jobs
