package service

import (
	"maps"
	"slices"
)

// next is what a device asks for when it does not know a job's ID.
const next = "$next"

// GetPendingJobExecutions tells a device what is pending.
func (s *Service) GetPendingJobExecutions(in GetPendingInput) (GetPendingOutput, error) {
	return do(s, func() (GetPendingOutput, error) {
		t, err := s.thing(in.ThingName)
		if err != nil {
			return GetPendingOutput{}, err
		}
		out := GetPendingOutput{
			ClientToken: in.ClientToken, Timestamp: s.now.Unix(),
			InProgressJobs: []JobExecutionSummary{}, QueuedJobs: []JobExecutionSummary{},
		}
		for _, e := range t.pending() {
			if e.status == inProgress {
				out.InProgressJobs = append(out.InProgressJobs, e.brief())
				continue
			}
			out.QueuedJobs = append(out.QueuedJobs, e.brief())
		}
		return out, nil
	})
}

// StartNextPendingJobExecution starts a device's next execution, or answers the
// one it has in progress, with status details and timer as they are.
func (s *Service) StartNextPendingJobExecution(in StartNextInput) (ExecutionOutput, error) {
	return do(s, func() (ExecutionOutput, error) {
		out := ExecutionOutput{ClientToken: in.ClientToken, Timestamp: s.now.Unix()}
		t, err := s.thing(in.ThingName)
		if err != nil {
			return out, err
		}
		if err := checkReport(in.StatusDetails, in.StepTimeoutInMinutes); err != nil {
			return out, err
		}
		pending := t.pending()
		if len(pending) == 0 {
			return out, nil
		}
		e := pending[0]
		document, err := s.readDocument(e.job) // first: a refusal changes nothing
		if err != nil {
			return out, err
		}
		if e.status == queued {
			s.move(e, inProgress)
			e.details = maps.Clone(in.StatusDetails)
			s.setStep(e, in.StepTimeoutInMinutes)
		}
		out.Execution = s.shown(e, document)
		return out, nil
	})
}

// DescribeDeviceJobExecution shows an execution to its device.
func (s *Service) DescribeDeviceJobExecution(in DescribeInput) (ExecutionOutput, error) {
	return do(s, func() (ExecutionOutput, error) {
		out := ExecutionOutput{ClientToken: in.ClientToken, Timestamp: s.now.Unix()}
		e, err := s.described(in)
		if err != nil || e == nil {
			return out, err
		}
		var document *Document
		if in.IncludeJobDocument == nil || *in.IncludeJobDocument {
			if document, err = s.readDocument(e.job); err != nil {
				return out, err
			}
		}
		out.Execution = s.shown(e, document)
		return out, nil
	})
}

// described is the execution that a device asks for, none for a $next when
// nothing is pending.
func (s *Service) described(in DescribeInput) (*execution, error) {
	if in.JobID == next {
		t, err := s.thing(in.ThingName)
		if err != nil {
			return nil, err
		}
		if pending := t.pending(); len(pending) > 0 {
			return pending[0], nil
		}
		return nil, nil
	}
	e, err := s.execution(in.ThingName, in.JobID, in.ExecutionNumber)
	if err == nil && terminal(e.status) {
		return nil, terminalState("execution %d of job %s is %s", e.number, in.JobID, e.status)
	}
	return e, err
}

// UpdateJobExecution takes a device's report.
func (s *Service) UpdateJobExecution(in UpdateInput) (UpdateOutput, error) {
	return do(s, func() (UpdateOutput, error) {
		out := UpdateOutput{ClientToken: in.ClientToken, Timestamp: s.now.Unix()}
		e, err := s.reported(in)
		if err != nil {
			return out, err
		}
		if in.IncludeJobDocument {
			if out.JobDocument, err = s.readDocument(e.job); err != nil {
				return out, err
			}
		}
		// Details that are given take the place of the old ones; whether AWS
		// merges them is undocumented.
		if in.StatusDetails != nil {
			e.details = maps.Clone(in.StatusDetails)
		}
		if terminal(in.Status) {
			s.finish(e, in.Status)
		} else {
			s.move(e, in.Status)
			s.setStep(e, in.StepTimeoutInMinutes)
		}
		if in.IncludeJobExecutionState {
			out.ExecutionState = e.state()
		}
		return out, nil
	})
}

// reported is the execution that a report is about, if it may be made. An ended
// execution says so whatever version was expected [not established].
func (s *Service) reported(in UpdateInput) (*execution, error) {
	if !slices.Contains([]string{inProgress, succeeded, failed, rejected}, in.Status) {
		return nil, invalid("status %s is none of IN_PROGRESS, SUCCEEDED, FAILED and REJECTED", show(in.Status))
	}
	if err := checkReport(in.StatusDetails, in.StepTimeoutInMinutes); err != nil {
		return nil, err
	}
	e, err := s.execution(in.ThingName, in.JobID, in.ExecutionNumber)
	if err != nil {
		return nil, err
	}
	if !mayMove(e.status, byDevice, in.Status) {
		return nil, badTransition(e.state(), "execution %d of job %s is %s and cannot become %s", e.number, in.JobID, e.status, in.Status)
	}
	if in.ExpectedVersion != nil && int64(*in.ExpectedVersion) != e.version {
		return nil, versionMismatch(e.state(), "execution %d of job %s has version %d, not %d", e.number, in.JobID, e.version, *in.ExpectedVersion)
	}
	return e, nil
}

func checkReport(details map[string]string, step *Number) error {
	if step != nil && *step != -1 && (*step < 1 || *step > maxTimeoutMinutes) {
		return invalid("stepTimeoutInMinutes is %d: give 1 to %d, or -1 for none", *step, maxTimeoutMinutes)
	}
	return checkDetails(details)
}

func (e *execution) state() *JobExecutionState {
	return &JobExecutionState{e.status, orEmpty(maps.Clone(e.details)), e.version}
}

// shown is an execution as its device sees it.
func (s *Service) shown(e *execution, document *Document) *JobExecution {
	b := e.brief()
	return &JobExecution{
		JobID: b.JobID, Status: e.status, StatusDetails: maps.Clone(e.details), QueuedAt: b.QueuedAt, StartedAt: b.StartedAt,
		LastUpdatedAt: b.LastUpdatedAt, VersionNumber: e.version, ExecutionNumber: e.number,
		ApproximateSecondsBeforeTimedOut: s.secondsLeft(e), JobDocument: document,
	}
}

func (e *execution) brief() JobExecutionSummary {
	b := JobExecutionSummary{
		JobID: e.job.in.JobID, QueuedAt: e.queuedAt.Unix(), LastUpdatedAt: e.updatedAt.Unix(),
		ExecutionNumber: e.number, VersionNumber: e.version,
	}
	if !e.startedAt.IsZero() {
		b.StartedAt = e.startedAt.Unix()
	}
	return b
}
