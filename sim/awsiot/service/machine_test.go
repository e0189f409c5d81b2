package service

import (
	"slices"
	"testing"
)

var everyStatus = []string{queued, inProgress, succeeded, failed, rejected, timedOut, canceled, removed}

// TestEveryTransition has the whole machine, from and by whom, as a table of
// its own.
func TestEveryTransition(t *testing.T) {
	type cell struct {
		from string
		who  actor
	}
	may := map[cell][]string{
		{queued, byDevice}:     {inProgress, succeeded, failed, rejected},
		{queued, byCancel}:     {canceled},
		{queued, byForce}:      {canceled},
		{queued, byGroup}:      {removed},
		{inProgress, byDevice}: {inProgress, succeeded, failed, rejected},
		{inProgress, byTimer}:  {timedOut},
		{inProgress, byForce}:  {canceled},
		{inProgress, byGroup}:  {removed},
	}
	for _, from := range everyStatus {
		for _, who := range []actor{byDevice, byTimer, byCancel, byForce, byGroup} {
			for _, to := range everyStatus {
				want := slices.Contains(may[cell{from, who}], to)
				if got := mayMove(from, who, to); got != want {
					t.Errorf("%s by %d to %s: got %v, want %v", from, who, to, got, want)
				}
			}
		}
	}
}

// reach brings an execution of job j on thing cam into a state.
func reach(w *world, status string) {
	w.Helper()
	group := w.groupOf("group", "cam")
	w.make("j", []string{group}, func(in *CreateJobInput) { in.TargetSelection, in.TimeoutConfig = continuous, within(1) })
	switch status {
	case queued:
	case inProgress:
		w.start("cam")
	case succeeded, failed, rejected:
		w.report("cam", "j", status)
	case timedOut:
		w.start("cam")
		w.minutes(1)
	case canceled:
		w.ok(w.CancelJobExecution(CancelExecutionInput{ThingName: "cam", JobID: "j", Force: true}))
	case removed:
		w.quit("group", "cam")
	}
	same(w, "status", w.latestOn("cam", "j").Status, status)
}

// TestEveryReport has every report from every state through the service.
func TestEveryReport(t *testing.T) {
	for _, from := range everyStatus {
		for _, to := range everyStatus {
			t.Run(from+" "+to, func(t *testing.T) {
				w := newWorld(t)
				reach(w, from)
				before := w.latestOn("cam", "j")
				_, err := w.UpdateJobExecution(UpdateInput{ThingName: "cam", JobID: "j", Status: to})
				after := w.latestOn("cam", "j")
				switch {
				case !slices.Contains([]string{inProgress, succeeded, failed, rejected}, to):
					w.invalid(err)
				case terminal(from):
					e := w.refused(err, "InvalidStateTransition", 409)
					same(w, "code", e.Code, "InvalidStateTransition")
					same(w, "state", e.State.Status, from)
					same(w, "version", e.State.VersionNumber, before.VersionNumber)
				default:
					w.ok(err)
					same(w, "status", after.Status, to)
					same(w, "version", after.VersionNumber, before.VersionNumber+1)
					return
				}
				same(w, "status", after.Status, from)
				same(w, "version", after.VersionNumber, before.VersionNumber)
			})
		}
	}
}

// TestEveryCancelAndDelete has the control plane's verbs in every state.
func TestEveryCancelAndDelete(t *testing.T) {
	for _, from := range everyStatus {
		for _, force := range []bool{false, true} {
			w := newWorld(t)
			reach(w, from)
			err := w.CancelJobExecution(CancelExecutionInput{ThingName: "cam", JobID: "j", Force: force})
			if from == queued || from == inProgress && force {
				w.ok(err)
				e := w.latestOn("cam", "j")
				same(w, "status", e.Status, canceled)
				same(w, "forceCanceled", *e.ForceCanceled, force)
			} else {
				w.refused(err, "InvalidStateTransition", 409)
				same(w, "status", w.latestOn("cam", "j").Status, from)
			}
		}
		for _, force := range []bool{false, true} {
			w := newWorld(t)
			reach(w, from)
			err := w.DeleteJobExecution(DeleteExecutionInput{ThingName: "cam", JobID: "j", ExecutionNumber: 1, Force: force})
			if terminal(from) || force {
				w.ok(err)
				same(w, "counts", w.counts("j"), "")
				_, err = w.Service.DescribeJobExecution(DescribeExecutionInput{ThingName: "cam", JobID: "j"})
				w.refused(err, "ResourceNotFound", 404)
			} else {
				w.refused(err, "InvalidStateTransition", 409)
				same(w, "counts", w.counts("j"), from+" 1")
			}
		}
	}
}
