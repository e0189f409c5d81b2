package service

import (
	"testing"
)

func TestRetries(t *testing.T) {
	for _, test := range []struct {
		name     string
		criteria []RetryCriterion
		ends     []string // of one execution after another
		// tries is how many executions there are in the end.
		tries int64
		left  string
	}{
		{"none", nil, []string{failed}, 1, "FAILED 1"},
		{"failed once", []RetryCriterion{retries(failed, 1)}, []string{failed, failed}, 2, "FAILED 1"},
		{"failed, then well", []RetryCriterion{retries(failed, 3)}, []string{failed, succeeded}, 2, "SUCCEEDED 1"},
		{"rejected", []RetryCriterion{retries(allFailures, 10)}, []string{rejected}, 1, "REJECTED 1"},
		{"canceled", []RetryCriterion{retries(allFailures, 10)}, []string{canceled}, 1, "CANCELED 1"},
		{"failed is not timed out", []RetryCriterion{retries(timedOut, 3)}, []string{failed}, 1, "FAILED 1"},
		{"timed out is not failed", []RetryCriterion{retries(failed, 3)}, []string{timedOut}, 1, "TIMED_OUT 1"},
		{"timed out", []RetryCriterion{retries(timedOut, 2)}, []string{timedOut, timedOut, timedOut}, 3, "TIMED_OUT 1"},
		{"each by itself", []RetryCriterion{retries(failed, 1), retries(timedOut, 2)}, []string{timedOut, failed, timedOut, failed}, 4, "FAILED 1"},
		{"all together", []RetryCriterion{retries(allFailures, 2)}, []string{failed, timedOut, failed}, 3, "FAILED 1"},
		{"none by number", []RetryCriterion{retries(failed, 0)}, []string{failed}, 1, "FAILED 1"},
		{"ten", []RetryCriterion{retries(allFailures, 10)}, []string{failed, failed, failed, failed, failed, failed, failed, failed, failed, failed, failed}, 11, "FAILED 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.make("j", []string{w.thingNamed("cam")}, func(in *CreateJobInput) {
				in.TimeoutConfig = within(10)
				if test.criteria != nil {
					in.JobExecutionsRetryConfig = &RetryConfig{test.criteria}
				}
			})
			for i, end := range test.ends {
				e := w.start("cam")
				same(w, "number", e.ExecutionNumber, int64(i+1))
				same(w, "version", e.VersionNumber, 2)
				same(w, "job", w.status("j"), inProgress)
				switch end {
				case timedOut:
					w.minutes(10)
				case canceled:
					w.ok(w.CancelJobExecution(CancelExecutionInput{ThingName: "cam", JobID: "j", Force: true}))
				default:
					w.report("cam", "j", end)
				}
			}
			same(w, "tries", w.latestOn("cam", "j").ExecutionNumber, test.tries)
			same(w, "counts", w.counts("j"), test.left)
			same(w, "job", w.status("j"), completed)
			list := must[ListJobExecutionsForJobOutput](w)(w.ListJobExecutionsForJob(ListJobExecutionsForJobInput{JobID: "j"})).ExecutionSummaries
			for i, e := range list {
				same(w, "retryAttempt", e.Summary.RetryAttempt, i)
			}
		})
	}
}

// TestRetryIsAnnounced: the execution that ended goes, the new one is next.
func TestRetryIsAnnounced(t *testing.T) {
	w := newWorld(t)
	w.make("j", []string{w.thingNamed("cam")}, func(in *CreateJobInput) {
		in.JobExecutionsRetryConfig = &RetryConfig{[]RetryCriterion{retries(failed, 1)}}
	})
	w.start("cam")
	w.news()
	w.report("cam", "j", failed)
	w.hears("cam notify j:QUEUED", "cam notify-next j QUEUED")
}

// TestRejoinResetsRetries: a thing that leaves and comes back has them all again.
func TestRejoinResetsRetries(t *testing.T) {
	w := newWorld(t)
	group := w.groupOf("group", "cam")
	w.make("j", []string{group}, func(in *CreateJobInput) {
		in.TargetSelection = continuous
		in.JobExecutionsRetryConfig = &RetryConfig{[]RetryCriterion{retries(failed, 1)}}
	})
	w.report("cam", "j", failed)
	w.report("cam", "j", failed)
	same(w, "used up", w.latestOn("cam", "j").ExecutionNumber, 2)
	same(w, "used up", w.counts("j"), "FAILED 1")
	w.quit("group", "cam")
	w.join("group", "cam")
	same(w, "begun anew", w.counts("j"), "QUEUED 1")
	w.report("cam", "j", failed)
	same(w, "tried again", w.counts("j"), "QUEUED 1")
	w.report("cam", "j", failed)
	same(w, "used up", w.counts("j"), "FAILED 1")
	same(w, "tries", w.latestOn("cam", "j").ExecutionNumber, 4)
}

func TestUpdateJobSetsRetriesToZeroOnly(t *testing.T) {
	w := newWorld(t)
	w.make("j", []string{w.thingNamed("cam")}, func(in *CreateJobInput) {
		in.JobExecutionsRetryConfig = &RetryConfig{[]RetryCriterion{retries(failed, 5)}}
	})
	for _, n := range []int{1, 5, 10} {
		w.invalid(w.UpdateJob(UpdateJobInput{JobID: "j", JobExecutionsRetryConfig: &RetryConfig{[]RetryCriterion{retries(failed, n)}}}))
	}
	w.ok(w.UpdateJob(UpdateJobInput{JobID: "j", JobExecutionsRetryConfig: &RetryConfig{[]RetryCriterion{retries(failed, 0)}}}))
	w.report("cam", "j", failed)
	same(w, "counts", w.counts("j"), "FAILED 1")
}
