package service

import (
	"maps"
	"slices"
	"time"
)

// Execution states.
const (
	queued     = "QUEUED"
	inProgress = "IN_PROGRESS" // a job's, too
	succeeded  = "SUCCEEDED"
	failed     = "FAILED"
	rejected   = "REJECTED"
	timedOut   = "TIMED_OUT"
	removed    = "REMOVED"
)

// actor is who changes an execution.
type actor int

const (
	byDevice actor = iota
	byTimer
	byCancel // without force
	byForce
	byGroup // leaving the targets
)

// allowed is the execution machine: from where, by whom, to where. A device may
// end an execution that it never started: that is not forbidden [inferred].
// Whether a report of IN_PROGRESS about one in progress changes it, its version
// says.
var allowed = map[string]map[actor][]string{
	queued: {
		byDevice: {inProgress, succeeded, failed, rejected},
		byCancel: {canceled},
		byForce:  {canceled},
		byGroup:  {removed},
	},
	inProgress: {
		byDevice: {inProgress, succeeded, failed, rejected},
		byTimer:  {timedOut},
		byForce:  {canceled},
		byGroup:  {removed},
	},
}

func mayMove(from string, who actor, to string) bool {
	return slices.Contains(allowed[from][who], to)
}

// terminal says whether a status is final.
func terminal(status string) bool { return status != queued && status != inProgress }

// execution is a job on a thing, once.
type execution struct {
	job          *job
	thing        *thing
	number       int64
	retryAttempt int

	status        string
	version       int64
	details       map[string]string
	forceCanceled *bool

	queuedAt, startedAt, updatedAt time.Time
	// limit is when the job's timeout strikes, step when the device's own does;
	// zero where there is none.
	limit, step time.Time
}

// deadline is the first of both timers, zero without any.
func (e *execution) deadline() time.Time {
	if e.step.IsZero() || !e.limit.IsZero() && e.limit.Before(e.step) {
		return e.limit
	}
	return e.step
}

// queue makes a thing's next execution of a job.
func (s *Service) queue(j *job, t *thing, retryAttempt int) {
	e := &execution{
		job: j, thing: t, number: 1, retryAttempt: retryAttempt, status: queued, version: 1,
		queuedAt: s.now, updatedAt: s.now,
	}
	// That a retry has the next number, and its versions begin at 1, is [inferred].
	if kept := t.executions[j]; len(kept) > 0 {
		e.number = kept[len(kept)-1].number + 1
	}
	if j.latest[t] == nil {
		j.notified++
	}
	t.executions[j] = append(t.executions[j], e)
	t.queue = append(t.queue, e)
	j.executions = append(j.executions, e)
	j.show(t, e)
	s.touch(t)
}

// show makes an execution the one that its thing is counted by; nil for none.
func (j *job) show(t *thing, e *execution) {
	if old := j.latest[t]; old != nil {
		j.count[old.status]--
	}
	if e == nil {
		delete(j.latest, t)
		return
	}
	j.latest[t] = e
	j.count[e.status]++
}

// move gives an execution a status, one version up. The caller has made sure
// that it may.
func (s *Service) move(e *execution, status string) {
	if e.job.latest[e.thing] == e {
		e.job.count[e.status]--
		e.job.count[status]++
	}
	if e.startedAt.IsZero() && status == inProgress {
		e.startedAt = s.now
		s.startTimer(e)
	}
	e.status, e.updatedAt = status, s.now
	e.version++
	if terminal(status) {
		e.job.done[status]++
		e.limit, e.step = time.Time{}, time.Time{}
		e.thing.queue = slices.DeleteFunc(e.thing.queue, func(other *execution) bool { return other == e })
	}
	s.touch(e.thing)
}

// startTimer has the job's timeout begin. Updates do not extend it.
func (s *Service) startTimer(e *execution) {
	if c := e.job.in.TimeoutConfig; c != nil && c.InProgressTimeoutInMinutes != nil {
		e.limit = s.now.Add(time.Duration(*c.InProgressTimeoutInMinutes) * time.Minute)
		s.watch(e)
	}
}

// setStep replaces the device's timer; -1 discards it.
func (s *Service) setStep(e *execution, minutes *Number) {
	if minutes == nil || e.status != inProgress {
		return
	}
	e.step = time.Time{}
	if *minutes != -1 {
		e.step = s.now.Add(time.Duration(*minutes) * time.Minute)
	}
	s.watch(e)
}

// watch has an execution time out at its deadline, unless that changes.
func (s *Service) watch(e *execution) {
	deadline := e.deadline()
	if deadline.IsZero() {
		return
	}
	s.at(deadline, func() {
		if e.status == inProgress && e.deadline().Equal(deadline) {
			s.finish(e, timedOut)
		}
	})
}

// finish ends an execution and does what follows from it.
func (s *Service) finish(e *execution, status string) {
	s.move(e, status)
	s.executionEvent(e)
	if status == succeeded {
		s.reportPackages(e.thing, e.job)
	}
	if status != canceled && status != removed {
		s.abortIfDue(e.job)
		s.retry(e)
	}
	s.completeIfDone(e.job)
}

func (s *Service) cancelExecution(e *execution, force bool) {
	e.forceCanceled = &force
	s.finish(e, canceled)
}

// drop takes an execution out of everything but its job's list.
func (s *Service) drop(e *execution) {
	j, t := e.job, e.thing
	kept := slices.DeleteFunc(t.executions[j], func(other *execution) bool { return other == e })
	t.executions[j] = kept
	t.queue = slices.DeleteFunc(t.queue, func(other *execution) bool { return other == e })
	if terminal(e.status) {
		j.done[e.status]--
	}
	if j.latest[t] == e {
		var last *execution
		if len(kept) > 0 {
			last = kept[len(kept)-1]
		}
		j.show(t, last)
	}
	e.limit, e.step = time.Time{}, time.Time{}
	s.touch(t)
}

// CancelJobExecution cancels one execution.
func (s *Service) CancelJobExecution(in CancelExecutionInput) error {
	return s.change(func() error {
		e, err := s.execution(in.ThingName, in.JobID, nil)
		if err != nil {
			return err
		}
		if err := checkDetails(in.StatusDetails); err != nil {
			return err
		}
		who := byCancel
		if in.Force {
			who = byForce
		}
		if !mayMove(e.status, who, canceled) {
			return badTransition(nil, "execution %d of job %s on %s is %s: it cannot be canceled%s", e.number, in.JobID, in.ThingName, e.status, unlessForced(e.status))
		}
		if in.ExpectedVersion != nil && int64(*in.ExpectedVersion) != e.version {
			return versionConflict("execution %d of job %s on %s has version %d, not %d", e.number, in.JobID, in.ThingName, e.version, *in.ExpectedVersion)
		}
		if in.StatusDetails != nil {
			e.details = maps.Clone(in.StatusDetails)
		}
		s.cancelExecution(e, in.Force)
		return nil
	})
}

func unlessForced(status string) string {
	if status == inProgress {
		return " but by force"
	}
	return ""
}

// DeleteJobExecution removes one execution: one that has ended, or by force any.
func (s *Service) DeleteJobExecution(in DeleteExecutionInput) error {
	return s.change(func() error {
		if in.ExecutionNumber < 1 {
			return invalid("executionNumber %d is no number of an execution: those begin at 1", in.ExecutionNumber)
		}
		number := Number(in.ExecutionNumber)
		e, err := s.execution(in.ThingName, in.JobID, &number)
		if err != nil {
			return err
		}
		if !terminal(e.status) && !in.Force {
			return badTransition(nil, "execution %d of job %s on %s is %s: only force deletes it before it has ended", e.number, in.JobID, in.ThingName, e.status)
		}
		s.drop(e)
		e.job.executions = slices.DeleteFunc(e.job.executions, func(other *execution) bool { return other == e })
		e.job.updated = s.now
		s.deletedEvent(e)
		s.completeIfDone(e.job)
		return nil
	})
}

// execution finds one on a thing, the latest without a number.
func (s *Service) execution(thingName, jobID string, number *Number) (*execution, error) {
	t, err := s.thing(thingName)
	if err != nil {
		return nil, err
	}
	j, err := s.job(jobID)
	if err != nil {
		return nil, err
	}
	kept := t.executions[j]
	if number == nil && len(kept) > 0 {
		return kept[len(kept)-1], nil
	}
	for _, e := range kept {
		if number != nil && e.number == int64(*number) {
			return e, nil
		}
	}
	return nil, notFound("job %s has no such execution on thing %s", jobID, thingName)
}
