package jobs

import (
	"encoding/json"
	"time"

	"abota/updater/release"
)

// Phase is how far the execution in hand has come, as the agent knows it.
type Phase string

// The phases. What the device says ([State]) decides between them.
const (
	// Idle: there is no execution in hand.
	Idle Phase = ""
	// Judging: what the device says of the release is to be asked, or the
	// install waits for something.
	Judging Phase = "judging"
	// Installing: the install is under way.
	Installing Phase = "installing"
	// Ready: installed; AWS IoT has to say that the job still stands, then the
	// device restarts.
	Ready Phase = "ready"
	// Restarting: the restart was asked for.
	Restarting Phase = "restarting"
	// Testing: the release runs and is on trial.
	Testing Phase = "testing"
	// Owing: the outcome is decided, and AWS IoT is to be told.
	Owing Phase = "owing"
	// Leaving: the execution is over without abota's doing; what it installed
	// is taken back.
	Leaving Phase = "leaving"
)

// Outcome is what an execution ended in: SUCCEEDED, FAILED or REJECTED.
type Outcome struct {
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"`
}

// Record is what outlasts the agent. It is stored as JSON; fields are only
// added. It holds no address and no document.
type Record struct {
	Phase Phase `json:"phase,omitempty"`
	// Job, Execution, Version and Status are the execution in hand, as AWS IoT
	// had it when the record was written.
	Job       string `json:"job,omitempty"`
	Execution int64  `json:"execution,omitempty"`
	Version   int64  `json:"version,omitempty"`
	Status    Status `json:"status,omitempty"`
	// Queued is when it came to be: a job that was deleted and made again has
	// the same name and number.
	Queued time.Time `json:"queued,omitzero"`
	// Release is what the job is about, Slot where it is, as far as known.
	Release release.ID `json:"release,omitzero"`
	Slot    string     `json:"slot,omitempty"`
	// Begun says that this execution began to install it, or took an armed slot
	// or a trial over: then its failure is this execution's. Installed says that
	// it was armed.
	Begun     bool `json:"begun,omitempty"`
	Installed bool `json:"installed,omitempty"`
	// Tries counts the installs of this execution that the device lost.
	Tries int `json:"tries,omitempty"`
	// Ended is what the execution ended in without abota's doing, while Leaving.
	Ended Status `json:"ended,omitempty"`
	// Outcome is what AWS IoT is to be told, while Owing.
	Outcome *Outcome `json:"outcome,omitempty"`
	// Package is what the catalog calls the job's release.
	Package Package `json:"package,omitzero"`
	// Reported is the package of the last job that succeeded, Shadow the one
	// that is still to be written into the thing's $package shadow.
	Reported *Package `json:"reported,omitempty"`
	Shadow   *Package `json:"shadow,omitempty"`
	// Last is how the execution before this one ended.
	Last *Last `json:"last,omitempty"`
}

// Last is how an execution ended at AWS IoT.
type Last struct {
	Job       string `json:"job"`
	Execution int64  `json:"execution"`
	Status    Status `json:"status"`
	// Reason is what abota said of it, empty where it ended otherwise.
	Reason  string     `json:"reason,omitempty"`
	Release release.ID `json:"release,omitzero"`
	At      time.Time  `json:"at"`
}

// decodeRecord reads what an earlier agent left.
func decodeRecord(text []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		return Record{}, err
	}
	if r.Phase != Idle && !jobIDs.MatchString(r.Job) || r.Phase == Owing && r.Outcome == nil {
		return Record{Reported: r.Reported, Shadow: r.Shadow, Last: r.Last}, nil
	}
	return r, nil
}

// Start is the state of an agent that begins, with the record of an earlier
// one. What was under way is judged anew, and so is a success that is still to
// be told: the device may have gone back meanwhile. The link has a moment to be
// made before it is used and missed.
func Start(r Record, now time.Time) Situation {
	s := Situation{Record: r, look: true, stale: r.Phase != Idle, serviceAt: now.Add(firstRetry)}
	switch {
	case r.Phase == Idle, r.Phase == Leaving, r.Phase == Owing && r.Outcome.Status != Succeeded:
	default:
		s.Phase, s.Outcome = Judging, nil
	}
	return s
}
