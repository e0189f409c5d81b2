package jobs

import (
	"fmt"
	"time"
)

// Policy is what does not depend on what happens.
type Policy struct {
	// Step is the step timer while an install is under way.
	Step time.Duration
	// LookEvery is how often the agent looks for a job although nobody told it
	// that there is one.
	LookEvery time.Duration
	// Random returns a random duration in [0,n), and 0 for 0.
	Random func(n time.Duration) time.Duration
}

// Pauses and limits.
const (
	// firstRetry and lastRetry are the pauses after requests that failed.
	firstRetry = 5 * time.Second
	lastRetry  = 5 * time.Minute
	// firstInstall and lastInstall are those after installs that may succeed
	// when they are tried again.
	firstInstall = 15 * time.Second
	lastInstall  = 5 * time.Minute
	// pollTrial is how often the device is asked during a trial.
	pollTrial = 5 * time.Second
	// restartTakes is how long a restart that was begun may take.
	restartTakes = 5 * time.Minute
	// deferral is how long "not now" holds where nobody says how long.
	deferral = 5 * time.Minute
	// longestWait bounds a wait for the device's window, because somebody may
	// set the clock meanwhile.
	longestWait = 10 * time.Minute
	// reconnect is what the step timer of a restart has to spare, for a link
	// that comes back late.
	reconnect = 5 * time.Minute
	// aMoment keeps a service that contradicts itself from being asked without
	// end.
	aMoment = time.Second
	// silence is how long an execution goes on without a word from AWS IoT
	// before it is asked whether it still stands: notices may be lost.
	silence = 5 * time.Minute
	// Progress is told when this much time and this much of the file have
	// passed, or when twice this much time has passed alone.
	tellAfter, tellAlways = 10 * time.Second, time.Minute
	tellPart              = 10 // per cent
	// maxTries bounds the installs of one execution that the device lost, and
	// maxDisarms the attempts to take one back.
	maxTries, maxDisarms = 3, 5
	// maxProbes bounds the refusals to say what an execution ended in.
	maxProbes = 3
)

// Situation is all that the agent knows. It is a value: Decide makes the next
// one of a copy, which its methods change in place and return.
type Situation struct {
	Record
	doc *Document
	// look: the pending jobs are to be looked at; lookAt: at the latest then.
	look   bool
	lookAt time.Time
	// stale: AWS IoT is to be asked how the execution stands, before anything
	// that cannot be taken back. probing: it is over, and what it ended in is
	// asked by an update that will be refused.
	stale, probing bool
	// word: AWS IoT has agreed to the restart.
	word bool
	// judged: an install may begin, or, while Leaving, a disarm.
	judged bool
	// due: something is to be told that is not progress.
	due bool
	// bare: details are left out, because AWS IoT does not take them.
	bare bool
	// stop: what the device does is to be cancelled.
	stop bool
	// hold is "deferred" or "waiting" while the device has to wait, why the
	// reason, and span how long a deferral is.
	hold, why string
	span      time.Duration
	toldHold  string

	service, device     Op
	telling             Phase
	serviceAt, deviceAt time.Time
	failures, refusals  int
	barren              int
	// pauses counts what a step of the device ended in that may heal, doubts
	// what it could not tell, disarms what could not be taken back.
	pauses, doubts, disarms int
	heard, toldAt           time.Time
	restartedAt             time.Time
	budget                  time.Duration
	progress                Progress
	// best is how many bytes of the file were ever there, told how many of them
	// AWS IoT knows of: what is fetched a second time is no progress.
	best, told int64
}

// Wake is when the situation changes without an event; zero for never.
func (s *Situation) Wake(p Policy, now time.Time) time.Time {
	var first time.Time
	for _, t := range []time.Time{s.serviceAt, s.deviceAt, s.lookAt, s.tellAt(), s.heard.Add(silence)} {
		if t.After(now) && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

func (s *Situation) job() Job {
	j := Job{ID: s.Job, Execution: s.Execution, Release: s.Release}
	// What it ended in is being asked: while nothing is in the way of an answer.
	asked := s.Ended == "" && s.probing && s.failures == 0
	j.Cancelled = s.Phase == Leaving && (s.Ended == Canceled || asked)
	if s.doc != nil {
		j.Document = *s.doc
	}
	return j
}

// concerns reports whether an event is about the execution in hand, or about
// none.
func (s *Situation) concerns(e Event) bool {
	job, execution := e.about()
	return job == "" || job == s.Job && execution == s.Execution
}

// replaced reports whether what AWS IoT calls by the same name and number is
// another execution, because the job was deleted and made again.
func (s *Situation) replaced(f *Found) bool {
	return !s.Queued.IsZero() && !f.Queued.IsZero() && !f.Queued.Equal(s.Queued)
}

// take takes an execution in hand.
func (s *Situation) take(now time.Time, f *Found) *Situation {
	s.put(now)
	s.look = false
	s.Job, s.Execution, s.Version, s.Status, s.Queued = f.Job, f.Number, f.Version, f.Status, f.Queued
	s.Phase, s.heard = Judging, now
	// Without a record, the details say how far this execution had come.
	switch f.Details["self_test"] {
	case "ready", "active":
		s.Begun, s.Installed = true, true
	}
	return s.read(f)
}

// read takes the document of the execution in hand.
func (s *Situation) read(f *Found) *Situation {
	if f.Err != nil {
		if s.Phase == Judging && !s.Begun {
			s.owe(Rejected, f.Err.Error())
		}
		return s
	}
	s.doc, s.Package = &f.Parsed, f.Parsed.Package
	return s
}

// put lays the execution down: there is none in hand, and another is looked
// for.
func (s *Situation) put(now time.Time) *Situation {
	*s = Situation{
		Record: Record{Reported: s.Reported, Shadow: s.Shadow, Last: s.Last},
		look:   true, lookAt: now,
		service: s.service, device: s.device, stop: s.device != Nothing && s.stop,
		serviceAt: s.serviceAt, failures: s.failures, barren: s.barren, budget: s.budget,
	}
	return s
}

// closed lays down an execution that ended with this status; an empty one is
// not known.
func (s *Situation) closed(now time.Time, status Status) *Situation {
	was := s.Record
	s.put(now)
	if status == "" {
		return s
	}
	s.Last = &Last{Job: was.Job, Execution: was.Execution, Status: status, Release: was.Release, At: now.UTC().Truncate(time.Second)}
	if was.Outcome != nil && was.Outcome.Status == status {
		s.Last.Reason = was.Outcome.Reason
	}
	return s
}

// aside leaves a queued execution in the queue, to be found again later.
func (s *Situation) aside(now time.Time, wait time.Duration, why string) *Situation {
	s.put(now)
	s.look, s.lookAt = false, now.Add(wait)
	s.hold, s.why = "deferred", why
	return s
}

// owe decides the outcome.
func (s *Situation) owe(status Status, reason string) *Situation {
	s.Phase, s.Outcome = Owing, &Outcome{Status: status, Reason: oneLine(reason)}
	s.hold, s.why = "", ""
	switch named := s.Package.Name != ""; {
	case named && status == Succeeded:
		of := s.Package
		s.Reported, s.Shadow = &of, &of
	case named && s.Begun && s.Reported != nil && s.Reported.Name == s.Package.Name:
		s.Shadow = s.Reported
	}
	return s
}

// over: the execution has ended without abota's doing.
func (s *Situation) over(now time.Time, status Status) *Situation {
	s.stale = false
	switch {
	case s.Phase == Leaving:
		if s.probing && s.device == Nothing {
			s.deviceAt = now // it may wait for this alone
		}
		s.probing = false
		if status != "" {
			s.Ended = status
		}
		return s
	case s.Begun && s.Phase != Owing:
		s.Phase, s.Ended, s.probing = Leaving, status, status == ""
		s.judged, s.deviceAt = false, now
		s.hold, s.why = "", ""
		s.stop = s.device == Install || s.device == Restart
		return s
	}
	return s.barely(now, status)
}

// barely lays down an execution that came to nothing. A service that gives it
// out again and again is asked less and less.
func (s *Situation) barely(now time.Time, status Status) *Situation {
	s.closed(now, status)
	s.serviceAt = now.Add(min(aMoment<<min(s.barren, 20), lastRetry))
	s.barren++
	return s
}

// pausing makes the device wait, and says so.
func (s *Situation) pausing(now time.Time, how string, wait time.Duration, why string) *Situation {
	s.hold, s.why, s.span = how, oneLine(why), wait
	s.deviceAt = now.Add(wait)
	s.judged = false
	return s
}

// doubled is a pause that has been made so many times, less up to half of it
// at random, so that a fleet does not come back together.
func (p Policy) doubled(first, last time.Duration, times int) time.Duration {
	d := first
	for i := 1; i < times && d < last; i++ {
		d *= 2
	}
	d = min(d, last)
	return d - p.Random(d/2)
}

// percent is how much of the file is there, -1 when unknown.
func (p Progress) percent() int64 {
	if p.Total <= 0 {
		return -1
	}
	return min(100, p.Done*100/p.Total)
}

// details are what AWS IoT is told beside the status: always all of them,
// since whether they replace or join those that were there is not documented.
func (s *Situation) details(with Op) map[string]string {
	if with == Begin {
		started := *s
		started.Phase = Judging
		s = &started
	}
	d := map[string]string{"phase": s.phaseName(), "slot": s.Slot}
	if name := s.Release.Name(); name != "unknown" {
		d["release"] = name
	}
	switch s.Phase {
	case Installing, Judging:
		if n := s.progress.percent(); n >= 0 {
			d["progress"] = fmt.Sprintf("%d%%", n)
		}
		if s.progress.AllBlocks > 0 {
			d["receive"] = fmt.Sprintf("%d/%d", s.progress.Blocks, s.progress.AllBlocks)
		}
	case Ready, Restarting:
		d["self_test"] = "ready"
	case Testing:
		d["self_test"] = "active"
	case Owing:
		d["reason"] = s.Outcome.Reason
	}
	if s.hold != "" {
		d["reason"] = s.why
	}
	return clip(d)
}

// phaseName is the phase in one word for people.
func (s *Situation) phaseName() string {
	switch {
	case s.hold != "":
		return s.hold
	case s.Phase == Judging:
		return "started"
	case s.Phase == Ready:
		return "restarting"
	case s.Phase == Owing:
		return map[Status]string{Succeeded: "done", FailedJob: "failed", Rejected: "rejected"}[s.Outcome.Status]
	}
	return string(s.Phase)
}

// line is one line for people on what is done or waited for.
func (s *Situation) line(now time.Time) string {
	if s.Phase == Idle {
		if s.hold != "" {
			return "a job waits: " + s.why
		}
		return "waiting for a job"
	}
	line := "job " + s.Job + ": "
	switch {
	case s.hold != "" && s.deviceAt.After(now):
		return line + s.hold + " until " + s.deviceAt.Format(time.RFC3339) + ": " + s.why
	case s.Phase == Owing:
		return line + string(s.Outcome.Status) + ", which AWS IoT is to be told"
	case s.Phase == Leaving:
		return line + "is over; taking back what it installed"
	}
	if name := s.Release.Name(); name != "unknown" {
		line += "release " + name + " "
	}
	return line + string(s.Phase)
}
