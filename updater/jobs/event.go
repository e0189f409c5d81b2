package jobs

import "time"

// Op is one thing that the agent does.
type Op int

// The first group asks AWS IoT, the second the device: of each, one at a time.
// Cancel ends what the device does.
const (
	Nothing Op = iota
	// Look finds the next execution that abota can carry out.
	Look
	// Describe asks how the execution in hand stands.
	Describe
	// Begin makes it IN_PROGRESS.
	Begin
	// Tell updates its details and its step timer.
	Tell
	// Report tells its outcome.
	Report
	// Shadow writes the thing's $package shadow.
	Shadow

	// Judge asks the device how the release stands with it.
	Judge
	// Install installs it.
	Install
	// Restart restarts into it.
	Restart
	// Disarm takes it back.
	Disarm

	// Cancel cancels what the device does.
	Cancel
)

var opNames = [...]string{
	Nothing: "nothing", Look: "look", Describe: "describe", Begin: "begin", Tell: "tell", Report: "report", Shadow: "shadow",
	Judge: "judge", Install: "install", Restart: "restart", Disarm: "disarm", Cancel: "cancel",
}

func (o Op) String() string { return opNames[o] }

// asks reports whether it is a request to AWS IoT.
func (o Op) asks() bool { return o >= Look && o <= Shadow }

// Action is what is to be done now.
type Action struct {
	Do Op
	// Job is the execution that it is about, without a document in Look and
	// Shadow.
	Job Job
	// Change is what Begin, Tell and Report send.
	Change Change
	// Package is what Shadow writes.
	Package Package
}

// Event is what has happened. Each kind of it is a type below.
type Event interface {
	about() (job string, execution int64)
}

// key is the execution that an event is about.
type key struct {
	Job       string
	Execution int64
}

func (k key) about() (string, int64) { return k.Job, k.Execution }

type (
	// Connected: the link is up (again).
	Connected struct{ key }
	// Notified: AWS IoT says that the pending jobs have changed.
	Notified struct{ key }
	// Tick: time has passed.
	Tick struct{ key }
	// Looked: Look has ended. Found is nil when nothing is to be done.
	Looked struct {
		key
		Found *Found
		Err   error
	}
	// Answered: another request to AWS IoT has ended.
	Answered struct {
		key
		Op Op
		// Found is the execution, from Describe and, where start-next was used,
		// from Begin; nil else, and when start-next had none.
		Found *Found
		// Version is the execution's, from an update.
		Version int64
		Err     error
	}
	// Stood: Judge has ended.
	Stood struct {
		key
		Standing
		Err error
		// Wait is how long the device must not begin an install, and Why.
		Wait time.Duration
		Why  string
		// Budget is how long a restart and its trial may take.
		Budget time.Duration
	}
	// Progressed: the install has come this far.
	Progressed struct {
		key
		Progress
	}
	// Ended: Install, Restart or Disarm has ended.
	Ended struct {
		key
		Op Op
		Result
	}
)

// Found is an execution with its document.
type Found struct {
	Execution
	// Parsed is the document; Err why it cannot be carried out.
	Parsed Document
	Err    error
}
