package jobs

import "time"

// next is what is to be done now, one thing for AWS IoT and one for the device
// at a time; the situation then has that under way.
func (s *Situation) next(p Policy, now time.Time) []Action {
	var todo []Action
	if s.Phase == Ready && !now.Before(s.deviceAt) {
		s.hold, s.why = "", "" // the time that was waited for has come
	}
	if s.stop {
		s.stop = false
		todo = append(todo, Action{Do: Cancel})
	}
	if s.service == Nothing && !now.Before(s.serviceAt) {
		if do := s.forService(p, now); do != Nothing {
			todo = append(todo, s.asking(p, do))
		}
	}
	if s.device == Nothing && !now.Before(s.deviceAt) {
		if do := s.forDevice(); do != Nothing {
			todo = append(todo, Action{Do: do, Job: s.job()})
			s.doing(do)
		}
	}
	return todo
}

// forService is what to ask AWS IoT.
func (s *Situation) forService(p Policy, now time.Time) Op {
	switch {
	case s.Phase == Idle && s.Shadow != nil:
		return Shadow
	case s.Phase == Idle && (s.look || !now.Before(s.lookAt)):
		return Look
	case s.probing:
		return Tell
	case s.Phase == Idle, s.Phase == Leaving:
		return Nothing
	case s.stale, s.Phase == Judging && s.doc == nil:
		return Describe
	case s.Status == Queued && s.mayBegin():
		return Begin
	case s.Status == Queued:
		return Nothing
	case s.Phase == Owing:
		return Report
	case s.tells(p, now):
		return Tell
	case !now.Before(s.heard.Add(silence)):
		return Describe
	}
	return Nothing
}

// mayBegin reports whether a queued execution is to be started: what is decided
// at once is started too, so that it is told by the way that is documented.
func (s *Situation) mayBegin() bool { return s.Phase != Judging || s.judged }

// tells reports whether details are to be told.
func (s *Situation) tells(p Policy, now time.Time) bool {
	switch {
	case s.hold == "waiting":
		return s.toldHold != s.hold+s.why
	case s.hold == "deferred" && now.Before(s.deviceAt):
		return s.toldHold != s.hold+s.why || !now.Before(s.toldAt.Add(p.Step/2))
	case s.Phase == Ready:
		return !s.word && !now.Before(s.deviceAt)
	case s.due:
		return true
	}
	at := s.tellAt()
	return !at.IsZero() && !now.Before(at)
}

// tellAt is when progress is told, zero for not as things are.
func (s *Situation) tellAt() time.Time {
	more := s.best - s.told
	switch {
	case s.Phase != Installing || s.Status != InProgress || more <= 0:
		return time.Time{}
	case s.told == 0, s.progress.Total > 0 && more*100 >= s.progress.Total*tellPart:
		return s.toldAt.Add(tellAfter)
	}
	return s.toldAt.Add(tellAlways)
}

// asking is the request, which is under way then.
func (s *Situation) asking(p Policy, do Op) Action {
	a := Action{Do: do}
	s.service = do
	switch do {
	case Look:
		s.look = false
		return a
	case Shadow:
		a.Package = *s.Shadow
		return a
	case Describe:
		s.stale = false
	}
	a.Job = s.job()
	a.Change = Change{Status: InProgress, Expected: s.Version, Execution: s.Execution, Step: s.step(p)}
	switch {
	case do == Tell && s.probing:
		a.Change.Step = 0
	case do == Tell:
		s.told, s.toldHold, s.telling = s.best, s.hold+s.why, s.Phase
	case do == Report:
		a.Change.Status, a.Change.Step = s.Outcome.Status, 0
	}
	if do == Begin {
		s.hold, s.why = "", ""
	}
	if !s.bare {
		a.Change.Details = s.details(do)
	}
	return a
}

// step is the step timer that goes with what is told: enough for what comes
// next, and unchanged while something is waited for that should not take long.
func (s *Situation) step(p Policy) time.Duration {
	switch {
	case s.hold == "deferred":
		return s.span + max(p.Step, s.budget)
	case s.hold == "waiting":
		return 0
	case s.Phase == Ready, s.Phase == Restarting, s.Phase == Testing:
		return s.budget + reconnect
	}
	return p.Step
}

// forDevice is what the device is to do.
func (s *Situation) forDevice() Op {
	certain := !s.stale && !s.probing && s.service != Describe && s.service != Begin
	switch s.Phase {
	case Judging:
		switch {
		case !s.judged && (s.doc != nil || s.Begun && s.Release.Name() != "unknown"):
			return Judge
		case s.judged && s.doc != nil && s.Status == InProgress && certain:
			return Install
		}
	case Ready:
		if s.word && certain {
			return Restart
		}
	case Restarting, Testing:
		return Judge
	case Leaving:
		if s.judged {
			return Disarm
		}
		return Judge
	}
	return Nothing
}

// doing has the device do something.
func (s *Situation) doing(do Op) {
	s.device = do
	switch do {
	case Install:
		s.Phase, s.Begun, s.hold, s.why = Installing, true, "", ""
		s.progress = Progress{}
	case Restart:
		s.Phase, s.word, s.hold, s.why = Restarting, false, "", ""
	}
}
