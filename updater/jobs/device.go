package jobs

import (
	"context"
	"time"

	"abota/updater/release"
)

// Link is the one connection to the broker that the device keeps.
type Link interface {
	// Publish hands a message over at QoS 1: nil once the broker has
	// acknowledged it, an error while offline.
	Publish(ctx context.Context, topic string, payload []byte) error
	// Subscribe stands over reconnects. Deliver runs on the link's goroutine
	// and does not block.
	Subscribe(filter string, deliver func(topic string, payload []byte)) (stop func())
	// Watch calls up after every (re)connection, once all subscriptions stand
	// again; also at once when connected already. It does not block.
	Watch(up func()) (stop func())
}

// Job is one execution of a job on this thing, as the device is told of it.
type Job struct {
	ID string
	// Execution counts the executions of this job on this thing: a retry is a
	// new one.
	Execution int64
	Document  Document
	// Release is what an earlier step of the same execution found the job to be
	// about, zero before the first. It outlasts the agent.
	Release release.ID
	// Cancelled says that the execution was cancelled, as far as is known: its
	// trial is for Disarm to leave, and for nobody to go on with.
	Cancelled bool
}

// Device does what the agent decides, in an order that the agent chooses:
// never two of Standing, Install, Restart and Disarm at a time. Each may take
// long, and ends soon after ctx does.
type Device interface {
	// Standing is what the device's journal says of the job's release. It needs
	// no network where Job.Release is set, or where the document alone tells
	// the release, and is asked every few seconds during a trial. An error says
	// that it cannot be known now.
	Standing(ctx context.Context, job Job) (Standing, error)
	// Install brings the release into the other slot and arms it, and ends with
	// nothing bootable there in every other case.
	Install(ctx context.Context, job Job, with Progressing) Result
	// Restart restarts into the release that was installed. It returns when the
	// restart was put off (Deferred) or failed, and with Done where nothing
	// needs one (any more) or it is under way.
	Restart(ctx context.Context, job Job) Result
	// Disarm takes back what the job installed and the device has not
	// confirmed: an armed slot leaves the boot order, and a trial is left for
	// the other slot, with a restart. The release is not to be held or
	// condemned for the former. ErrCannotDisarm where there is no such way.
	Disarm(ctx context.Context, job Job) error
	// RestartBudget is how long a restart and the health checks may take, with
	// all the attempts that a trial has.
	RestartBudget() time.Duration
	// Wait is how long the device has to wait until it may begin an install, 0
	// for not at all, and why, in a few words.
	Wait() (time.Duration, string)
}

// Progressing is what an install tells, and may ask.
type Progressing struct {
	// Progress is told how far the install is; it does not block.
	Progress func(Progress)
	// Renew asks AWS IoT for the document anew, with pre-signed URLs that are
	// valid again. The error is ErrOver when the execution has ended meanwhile.
	Renew func(ctx context.Context) (Document, error)
}

// Progress is how far an install is.
type Progress struct {
	// Done and Total are bytes as stored; Total is 0 when unknown.
	Done, Total int64
	// Blocks and AllBlocks are those of an MQTT stream, 0 for other sources.
	Blocks, AllBlocks int
	// Slot is the one that is written: "A" or "B".
	Slot string
	// Release is what is being installed, as far as it is known.
	Release release.ID
}

// State is how a release stands with the device.
type State int

// What the journal may say of a release.
const (
	// New: the device knows nothing of it, or nothing that keeps it from being
	// installed (again).
	New State = iota
	// Armed: it is installed and waits for a restart.
	Armed
	// OnTrial: it runs and was not confirmed yet; `abota boot` decides it.
	OnTrial
	// Confirmed: it runs and was found healthy. Nothing else is ever reported
	// as SUCCEEDED.
	Confirmed
	// Failed: its trial failed or the operator condemned it, or the device came
	// back from it for another reason that would not change by installing it
	// again. Reason says which.
	Failed
	// Busy: something else is under way that has to end first, such as the
	// trial of another release.
	Busy
)

var stateNames = [...]string{New: "new", Armed: "armed", OnTrial: "on trial", Confirmed: "confirmed", Failed: "failed", Busy: "busy"}

func (s State) String() string { return stateNames[s] }

// Standing is what the device's journal says.
type Standing struct {
	State State
	// Release is the job's, as far as it is known by now.
	Release release.ID
	// Running is what is booted and confirmed, as far as the device knows.
	Running release.ID
	// Slot is the one that the state speaks of: "A" or "B".
	Slot string
	// Reason is why, in one line.
	Reason string
}

// Kind is what an install or a restart ended in.
type Kind int

// What a step ends in; what follows from Done, Standing says.
const (
	// Done: there is nothing left to do in this step.
	Done Kind = iota
	// Stopped: ctx ended first.
	Stopped
	// Deferred: a hook or the device's maintenance window put it off.
	Deferred
	// Occupied: another abota holds the lock, or a trial is under way.
	Occupied
	// Transport: the network or a server failed, which may heal.
	Transport
	// Expired: the document's URL is no longer valid, and could not be renewed.
	Expired
	// Untrusted: the release is not what was signed, or is damaged.
	Untrusted
	// Refused: the release does not fit this device, or is condemned or held.
	Refused
	// Unhealthy: it was tried already, and the device went back. Only where no
	// restart is needed, as in directory slots.
	Unhealthy
	// Broken: anything else.
	Broken
)

var kindNames = [...]string{
	Done: "done", Stopped: "stopped", Deferred: "deferred", Occupied: "occupied", Transport: "transport", Expired: "expired",
	Untrusted: "untrusted", Refused: "refused", Unhealthy: "unhealthy", Broken: "failed",
}

func (k Kind) String() string { return kindNames[k] }

// Result is how a step ended.
type Result struct {
	Kind Kind
	// Release is what was installed, as far as it is known.
	Release release.ID
	// Slot is the one that was written: "A" or "B".
	Slot string
	// RetryAfter is when to try again, 0 for whenever the agent thinks fit.
	RetryAfter time.Duration
	// Err is why, for the log and, in one line, for the job's reason.
	Err error
}

// Store keeps the agent's record over restarts. Save is durable when it
// returns; Load gives an error where nothing was ever saved.
type Store interface {
	Load() ([]byte, error)
	Save(record []byte) error
}
