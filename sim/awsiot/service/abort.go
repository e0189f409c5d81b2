package service

import "fmt"

// allFailures stands for FAILED, REJECTED and TIMED_OUT where jobs are aborted
// [inferred], for FAILED and TIMED_OUT where they are tried again.
const allFailures = "ALL"

// trips says whether a criterion is met by the executions that ended, retried
// ones included; those canceled or removed were never executed [inferred].
func (a AbortCriterion) trips(done map[string]int) bool {
	bad := done[failed] + done[rejected] + done[timedOut]
	executed := done[succeeded] + bad
	if a.FailureType != allFailures {
		bad = done[a.FailureType]
	}
	return executed >= a.MinNumberOfExecutedThings && 100*float64(bad)/float64(executed) >= a.ThresholdPercentage
}

// abortIfDue cancels a job, without force, when one of its criteria is met.
func (s *Service) abortIfDue(j *job) {
	if j.over() || j.in.AbortConfig == nil {
		return
	}
	for _, a := range j.in.AbortConfig.CriteriaList {
		if !a.trips(j.done) {
			continue
		}
		// AWS fills in both; with which texts is undocumented.
		s.cancelJob(j, false, "ABORT_CRITERIA_MET", fmt.Sprintf(
			"The job was canceled because %v%% of the executions that ended, at least %d, were of the type %s.",
			a.ThresholdPercentage, a.MinNumberOfExecutedThings, a.FailureType))
		return
	}
}
