package service

import (
	"cmp"
	"maps"
	"slices"
)

// DescribeJobExecution shows an execution to the control plane.
func (s *Service) DescribeJobExecution(in DescribeExecutionInput) (DescribeExecutionOutput, error) {
	return do(s, func() (DescribeExecutionOutput, error) {
		var number *Number
		if in.ExecutionNumber != 0 {
			n := Number(in.ExecutionNumber)
			number = &n
		}
		e, err := s.execution(in.ThingName, in.JobID, number)
		if err != nil {
			return DescribeExecutionOutput{}, err
		}
		return DescribeExecutionOutput{Execution{
			JobID: in.JobID, Status: e.status, ForceCanceled: e.forceCanceled,
			StatusDetails: &StatusDetails{orEmpty(maps.Clone(e.details))}, ThingARN: s.arn("thing", e.thing.name),
			QueuedAt: Timestamp{e.queuedAt}, StartedAt: Timestamp{e.startedAt}, LastUpdatedAt: Timestamp{e.updatedAt},
			ExecutionNumber: e.number, VersionNumber: e.version, ApproximateSecondsBeforeTimedOut: s.secondsLeft(e),
		}}, nil
	})
}

// secondsLeft is the time to an execution's deadline, rounded down.
func (s *Service) secondsLeft(e *execution) *int64 {
	if e.deadline().IsZero() {
		return nil
	}
	seconds := int64(e.deadline().Sub(s.now).Seconds())
	return &seconds
}

func (e *execution) summary() ExecutionSummary {
	return ExecutionSummary{
		Status: e.status, QueuedAt: Timestamp{e.queuedAt}, StartedAt: Timestamp{e.startedAt}, LastUpdatedAt: Timestamp{e.updatedAt},
		ExecutionNumber: e.number, RetryAttempt: e.retryAttempt,
	}
}

// ListJobExecutionsForJob lists a job's executions, in the order they were
// queued.
func (s *Service) ListJobExecutionsForJob(in ListJobExecutionsForJobInput) (ListJobExecutionsForJobOutput, error) {
	return do(s, func() (ListJobExecutionsForJobOutput, error) {
		j, err := s.job(in.JobID)
		if err = cmp.Or(err, knownStatus(in.Status)); err != nil {
			return ListJobExecutionsForJobOutput{}, err
		}
		shown, next, err := cut(withStatus(j.executions, in.Status), in.Page)
		out := ListJobExecutionsForJobOutput{ExecutionSummaries: []ExecutionSummaryForJob{}, NextToken: next}
		for _, e := range shown {
			out.ExecutionSummaries = append(out.ExecutionSummaries, ExecutionSummaryForJob{s.arn("thing", e.thing.name), e.summary()})
		}
		return out, err
	})
}

func knownStatus(filter string) error {
	return known("status", filter, queued, inProgress, succeeded, failed, timedOut, rejected, removed, canceled)
}

func withStatus(all []*execution, status string) []*execution {
	var list []*execution
	for _, e := range all {
		if matches(status, e.status) {
			list = append(list, e)
		}
	}
	return list
}

// ListJobExecutionsForThing lists a thing's executions, the newest job first.
func (s *Service) ListJobExecutionsForThing(in ListJobExecutionsForThingInput) (ListJobExecutionsForThingOutput, error) {
	return do(s, func() (ListJobExecutionsForThingOutput, error) {
		t, err := s.thing(in.ThingName)
		if err = cmp.Or(err, knownStatus(in.Status)); err != nil {
			return ListJobExecutionsForThingOutput{}, err
		}
		var all []*execution
		for _, j := range s.byAge() {
			if matches(in.JobID, j.in.JobID) && matches(in.NamespaceID, j.in.NamespaceID) {
				all = append(all, withStatus(t.executions[j], in.Status)...)
			}
		}
		slices.Reverse(all)
		shown, next, err := cut(all, in.Page)
		out := ListJobExecutionsForThingOutput{ExecutionSummaries: []ExecutionSummaryForThing{}, NextToken: next}
		for _, e := range shown {
			out.ExecutionSummaries = append(out.ExecutionSummaries, ExecutionSummaryForThing{e.job.in.JobID, e.summary()})
		}
		return out, err
	})
}
