// Package fleet is many devices in one process: the device's own code, as it
// ships, on hardware that is simulated, against the emulator's real control
// plane, broker and store. It plays a release that goes wrong: a rollout that
// grows until too many devices have come back from it, and stops by itself;
// then the fix, which reaches every device.
//
// # What is real
//
// The jobs agent ([jobs.Agent]) over a connection of its own ([mqtt.Link], TCP)
// for each device; the download by an MQTT stream, its signature, and the
// engine ([updater.Engine]) with its journal, verdicts and boot counting;
// `abota-publish create-ota` and `ota show`, started as anybody starts them,
// against the emulator over HTTP; MinIO, signing jobs, streams.
//
// # What is simulated
//
// Slots are files in memory, boot table and journal are variables, and the boot
// script is its model ([bootscript]). A restart ends everything that runs on a
// device and begins anew with what was stored; when the power is cut, nothing
// that still runs is stored any more. What puts agent and engine together is
// this package's, and shorter than the device's own in cmd/abota, which has
// locks, configuration, windows and hooks besides; the scenario with real
// machines plays that one.
//
// # Time
//
// The service's clock is virtual and stands still but for steps of one minute,
// the unit in which it rolls a job out. A step is taken when every device that
// was told before has done what it can do: so it does not matter how fast this
// machine is, and the numbers of every minute are exact. Devices live in real
// time; of their own timers (pauses after failures, the second look during a
// trial) few are waited for, because verdicts are reached at once here and what
// is published can be fetched. Step and in-progress timers are the service's and
// run on the virtual clock.
//
// Devices that are told in the same minute install side by side and wait, each
// before its restart, until all have come so far. Where any order of their
// outcomes leads to the same end they restart side by side, too. Where the
// order decides at which execution the job is aborted, they restart one after
// the other in an order that the seed gives.
//
// # What is expected
//
// What has to come out is calculated apart from the emulator, by the rules that
// AWS documents for rollouts and abort criteria: see plan.
package fleet
