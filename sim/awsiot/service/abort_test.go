package service

import (
	"fmt"
	"testing"
)

func TestTrips(t *testing.T) {
	for _, test := range []struct {
		kind      string
		threshold float64
		least     int
		done      map[string]int
		want      bool
	}{
		{failed, 20, 5, map[string]int{failed: 1, succeeded: 3}, false}, // too few yet
		{failed, 20, 5, map[string]int{failed: 1, succeeded: 4}, true},
		{failed, 20.01, 5, map[string]int{failed: 1, succeeded: 4}, false},
		{failed, 20, 5, map[string]int{failed: 1, succeeded: 5}, false},
		{failed, 100, 1, map[string]int{failed: 1}, true},
		{failed, 100, 1, map[string]int{}, false},
		{failed, 1, 1, map[string]int{rejected: 5, timedOut: 5}, false},
		{rejected, 50, 1, map[string]int{rejected: 5, timedOut: 5}, true},
		{timedOut, 50, 1, map[string]int{rejected: 5, timedOut: 5}, true},
		{allFailures, 60, 10, map[string]int{failed: 2, rejected: 2, timedOut: 2, succeeded: 4}, true},
		{allFailures, 60.1, 10, map[string]int{failed: 2, rejected: 2, timedOut: 2, succeeded: 4}, false},
		{allFailures, 1, 1, map[string]int{canceled: 50, removed: 50}, false},
		{failed, 33.33, 3, map[string]int{failed: 1, succeeded: 2}, true},
		{failed, 33.34, 3, map[string]int{failed: 1, succeeded: 2}, false},
	} {
		a := AbortCriterion{test.kind, "CANCEL", test.threshold, test.least}
		if got := a.trips(test.done); got != test.want {
			t.Errorf("%s %v%% of %d in %v: got %v", test.kind, test.threshold, test.least, test.done, got)
		}
	}
}

func TestAbort(t *testing.T) {
	w := newWorld(t)
	group := w.fleet("f", 12)
	w.make("j", []string{group}, func(in *CreateJobInput) {
		in.JobExecutionsRolloutConfig = &RolloutConfig{MaximumPerMinute: ptr(10)}
		in.JobExecutionsRetryConfig = &RetryConfig{[]RetryCriterion{retries(failed, 3)}}
		in.AbortConfig = &AbortConfig{[]AbortCriterion{{rejected, "CANCEL", 1, 1}, {failed, "CANCEL", 50, 4}}}
	})
	w.start("f0009")
	w.report("f0000", "j", succeeded)
	w.report("f0001", "j", succeeded)
	w.report("f0002", "j", failed) // its retry is queued
	same(w, "before", w.counts("j"), "QUEUED 7, IN_PROGRESS 1, SUCCEEDED 2")
	w.report("f0003", "j", failed)
	// What is queued is canceled, retries too, and no retry is made of the last
	// failure; what is in progress goes on.
	same(w, "after", w.counts("j"), "IN_PROGRESS 1, SUCCEEDED 2, FAILED 1, CANCELED 6")
	d := must[DescribeJobOutput](w)(w.DescribeJob("j")).Job
	same(w, "status", d.Status, canceled)
	same(w, "forceCanceled", *d.ForceCanceled, false)
	same(w, "reasonCode", reasonCodePattern.MatchString(d.ReasonCode), true)
	same(w, "comment", d.Comment != "", true)
	w.report("f0009", "j", inProgress)
	w.report("f0009", "j", failed)
	same(w, "no retry", w.counts("j"), "SUCCEEDED 2, FAILED 2, CANCELED 6")
	w.minutes(5)
	same(w, "no rollout", w.counts("j"), "SUCCEEDED 2, FAILED 2, CANCELED 6")
}

// TestAbortOfAnExponentialRollout: a fleet of a thousand is spared the most of
// a bad release.
func TestAbortOfAnExponentialRollout(t *testing.T) {
	w := newWorld(t)
	group := w.fleet("f", 1000)
	w.make("j", []string{group}, func(in *CreateJobInput) {
		in.JobExecutionsRolloutConfig = exponential(10, 2, ptr(10), nil)
		in.AbortConfig = &AbortConfig{[]AbortCriterion{{failed, "CANCEL", 20, 30}}}
	})
	reported := 0
	for minute := 0; w.status("j") == inProgress; minute++ {
		for ; reported < queuedAndEnded(w); reported++ {
			status := succeeded
			if reported%4 == 3 {
				status = failed
			}
			if _, err := w.UpdateJobExecution(UpdateInput{ThingName: fmt.Sprintf("f%04d", reported), JobID: "j", Status: status}); err != nil {
				w.refused(err, "InvalidStateTransition", 409)
				break // canceled meanwhile
			}
		}
		w.minutes(1)
		if minute > 20 {
			t.Fatal("the job is never aborted")
		}
	}
	// 10 in the first minute, 20 in the second: at the thirtieth end 7 have failed.
	same(w, "counts", w.counts("j"), "SUCCEEDED 23, FAILED 7")
	same(w, "status", w.status("j"), canceled)
}

func queuedAndEnded(w *world) int {
	w.Helper()
	d := must[DescribeJobOutput](w)(w.DescribeJob("j")).Job.JobProcessDetails
	return d.NumberOfQueuedThings + d.NumberOfSucceededThings + d.NumberOfFailedThings
}

// TestDeletingAnExecutionChangesTheShare: what was deleted counts no more.
func TestDeletingAnExecutionChangesTheShare(t *testing.T) {
	w := newWorld(t)
	group := w.fleet("f", 6)
	w.make("j", []string{group}, func(in *CreateJobInput) {
		in.AbortConfig = &AbortConfig{[]AbortCriterion{{failed, "CANCEL", 50, 2}}}
	})
	w.report("f0000", "j", failed)
	w.ok(w.DeleteJobExecution(DeleteExecutionInput{ThingName: "f0000", JobID: "j", ExecutionNumber: 1}))
	w.report("f0001", "j", succeeded)
	w.report("f0002", "j", succeeded)
	w.report("f0003", "j", failed)
	same(w, "one of three", w.status("j"), inProgress)
	w.report("f0004", "j", failed)
	same(w, "two of four", w.status("j"), canceled)
}
