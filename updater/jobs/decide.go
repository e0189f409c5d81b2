package jobs

import (
	"errors"
	"time"
)

// Decide says what follows from an event. It is pure: no clock, no I/O, and
// randomness only as it is passed in. The actions are begun in their order; each
// but Cancel ends in an event of its own.
func Decide(p Policy, s Situation, now time.Time, e Event) (Situation, []Action) {
	todo := s.after(p, now, e).next(p, now)
	return s, todo
}

// after is the situation with an event in it.
func (s *Situation) after(p Policy, now time.Time, e Event) *Situation {
	switch e := e.(type) {
	case Connected:
		s.serviceAt, s.failures = now, 0
		return s.doubted()
	case Notified:
		return s.doubted()
	case Looked:
		return s.looked(p, now, e)
	case Answered:
		s.service = Nothing
		if !s.concerns(e) {
			return s
		}
		return s.answered(p, now, e)
	case Stood:
		s.device = Nothing
		if !s.concerns(e) {
			return s
		}
		return s.stood(p, now, e)
	case Progressed:
		if s.concerns(e) && s.Phase == Installing {
			return s.progressed(e.Progress)
		}
	case Ended:
		s.device, s.stop = Nothing, false
		if !s.concerns(e) {
			return s
		}
		return s.ended(p, now, e)
	}
	return s
}

// doubted: something may have changed at AWS IoT.
func (s *Situation) doubted() *Situation {
	if s.Phase == Idle {
		s.look = true
	} else {
		s.stale = s.Phase != Leaving
	}
	return s
}

func (s *Situation) looked(p Policy, now time.Time, e Looked) *Situation {
	s.service = Nothing
	switch {
	case s.Phase != Idle:
		return s
	case e.Err != nil:
		s.look = true
		return s.failed(p, now)
	}
	s.failures = 0
	if e.Found == nil {
		s.hold, s.why, s.lookAt = "", "", now.Add(p.LookEvery)
		return s
	}
	return s.take(now, e.Found)
}

// failed: a request did not reach AWS IoT, or was not answered.
func (s *Situation) failed(p Policy, now time.Time) *Situation {
	s.failures++
	s.serviceAt = now.Add(p.doubled(firstRetry, lastRetry, s.failures))
	return s
}

// refused: AWS IoT's word on a change. The first time asking how things stand
// helps; later it has to wait.
func (s *Situation) refused(p Policy, now time.Time) *Situation {
	s.stale = true
	// What it ended in is for the record alone, and not worth a job behind it.
	s.probing = s.probing && s.refusals < maxProbes
	if s.refusals++; s.refusals > 1 {
		s.serviceAt = now.Add(p.doubled(firstRetry, lastRetry, s.refusals-1))
	}
	return s
}

// answered: a request about the execution in hand has ended.
func (s *Situation) answered(p Policy, now time.Time, e Answered) *Situation {
	var no *RejectedError
	if e.Op == Tell && e.Err != nil {
		s.toldHold = "" // so a wait is told again
	}
	if status, gone := over(e.Err); gone && e.Op != Shadow {
		s.heard, s.failures = now, 0
		if status == "" && s.Phase == Owing && e.Op == Describe {
			return s // telling the outcome says what it ended in
		}
		return s.over(now, status)
	}
	switch {
	case errors.As(e.Err, &no) && no.Code == CodeInvalidRequest && e.Op != Describe:
		s.bare = true
		return s.refused(p, now)
	case no != nil && (no.Code == CodeVersionMismatch || no.Code == CodeInvalidState):
		return s.refused(p, now)
	case e.Err != nil:
		s.stale = s.stale || e.Op == Describe
		return s.failed(p, now)
	}
	s.failures, s.heard = 0, now
	switch e.Op {
	case Describe:
		return s.described(now, e.Found)
	case Begin:
		return s.begun(now, e)
	case Tell:
		return s.wasTold(now, e)
	case Report:
		s.barren = 0
		return s.closed(now, s.Outcome.Status)
	case Shadow:
		s.Shadow = nil
	}
	return s
}

// described: how the execution in hand stands at AWS IoT.
func (s *Situation) described(now time.Time, f *Found) *Situation {
	switch {
	case s.Execution == 0:
		s.Execution = f.Number
	case f.Number != 0 && f.Number != s.Execution:
		return s.over(now, "")
	case s.replaced(f):
		return s.over(now, Removed)
	}
	if f.Status.Over() {
		return s.over(now, f.Status)
	}
	s.Version, s.Status = f.Version, f.Status
	return s.read(f)
}

// begun: the execution is IN_PROGRESS, or another one is.
func (s *Situation) begun(now time.Time, e Answered) *Situation {
	s.refusals = 0
	switch {
	case e.Found == nil && e.Version == 0: // the queue is empty now
		return s.barely(now, "")
	case e.Found == nil:
		s.Version = e.Version
	case e.Found.Job != s.Job || e.Found.Number != s.Execution || s.replaced(e.Found):
		return s.take(now, e.Found)
	default:
		s.Version = e.Found.Version
		if e.Found.Document != nil { // which was described already
			s.read(e.Found)
		}
	}
	s.Status, s.toldAt = InProgress, now
	return s
}

// wasTold: AWS IoT knows what the details said.
func (s *Situation) wasTold(now time.Time, e Answered) *Situation {
	s.Version, s.Status, s.refusals, s.probing = e.Version, InProgress, 0, false
	s.toldAt = now
	if s.Phase == s.telling {
		s.due = false
		s.word = s.Phase == Ready && s.toldHold == ""
	}
	return s
}

func (s *Situation) progressed(to Progress) *Situation {
	if to.Done > s.best {
		s.best, s.pauses = to.Done, 0
	}
	if to.Slot != "" {
		s.Slot = to.Slot
	}
	s.progress = to
	return s
}
