package main

import (
	"encoding/json"
	"fmt"
	"time"

	"abota/updater/jobs"
	"abota/updater/release"
)

// jobStatus is how a job stands, in the form that `abota status --json` prints.
type jobStatus struct {
	Job       string `json:"job"`
	Execution int64  `json:"execution"`
	// Phase is what is done about it, empty for a job of before; Status is the
	// execution's at AWS IoT, as far as the agent knows.
	Phase   jobs.Phase  `json:"phase,omitempty"`
	Status  jobs.Status `json:"status"`
	Release release.ID  `json:"release,omitzero"`
	// Reason is the outcome's, where there is one.
	Reason string `json:"reason,omitempty"`
	// Reported is when AWS IoT has taken the outcome, zero while it has not.
	Reported time.Time `json:"reported,omitzero"`
}

// jobAt reads what the agent keeps of its job; nil when there never was one.
func jobAt(stateDir string) *jobStatus {
	text, err := jobRecord(stateDir).Load()
	if err != nil {
		return nil
	}
	var r jobs.Record
	if json.Unmarshal(text, &r) != nil {
		return nil
	}
	switch {
	case r.Phase != jobs.Idle:
		s := &jobStatus{Job: r.Job, Execution: r.Execution, Phase: r.Phase, Status: r.Status, Release: r.Release}
		if r.Outcome != nil {
			s.Reason = fmt.Sprintf("%s: %s", r.Outcome.Status, r.Outcome.Reason)
		}
		return s
	case r.Last != nil:
		return &jobStatus{Job: r.Last.Job, Execution: r.Last.Execution, Status: r.Last.Status, Release: r.Last.Release, Reason: r.Last.Reason, Reported: r.Last.At}
	}
	return nil
}

func (s *jobStatus) line() string {
	switch {
	case !s.Reported.IsZero():
		return fmt.Sprintf("%s (execution %d) was reported as %s on %s: %s", s.Job, s.Execution, s.Status, s.Reported.Format(time.RFC3339), s.Reason)
	case s.Reason != "":
		return fmt.Sprintf("%s (execution %d): AWS IoT is still to be told: %s", s.Job, s.Execution, s.Reason)
	}
	return fmt.Sprintf("%s (execution %d): %s, release %s", s.Job, s.Execution, s.Phase, s.Release.Name())
}
