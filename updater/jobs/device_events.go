package jobs

import (
	"errors"
	"fmt"
	"time"
)

// stood: what the device says of the release decides, whatever was planned.
func (s *Situation) stood(p Policy, now time.Time, e Stood) *Situation {
	if e.Budget > 0 {
		s.budget = e.Budget
	}
	if e.Err == nil {
		s.learned(e.Release.SHA256 != "" || e.Release.Checksum != "", e.Standing)
	}
	switch {
	case s.Phase == Leaving:
		return s.leaving(p, now, e)
	case s.Phase == Idle, s.Phase == Owing:
		return s
	case e.Err != nil && s.Begun && s.doc == nil, e.Err != nil && s.Installed:
		s.doubts++
		s.deviceAt = now.Add(p.doubled(pollTrial, lastInstall, s.doubts))
		return s
	case e.Err != nil: // the install asks again, and says what is wrong
		return s.unknown(now, e)
	}
	s.doubts = 0
	switch e.State {
	case Confirmed:
		return s.owe(Succeeded, fmt.Sprintf("release %s runs%s and was found healthy", s.Release.Name(), in(s.Slot)))
	case Failed:
		if s.Begun {
			return s.owe(FailedJob, e.Reason)
		}
		return s.owe(Rejected, fmt.Sprintf("release %s failed on this device before: %s", s.Release.Name(), e.Reason))
	case OnTrial:
		s.due = s.due || s.Phase != Testing
		s.Phase, s.Begun, s.Installed, s.hold = Testing, true, true, ""
		s.deviceAt = now.Add(pollTrial)
		return s
	case Armed:
		return s.armed(now)
	case Busy:
		if s.Status == Queued {
			return s.aside(now, time.Minute, e.Reason)
		}
		return s.pausing(now, "waiting", firstInstall*2, e.Reason)
	}
	return s.unknown(now, e)
}

func in(slot string) string {
	if slot == "" {
		return ""
	}
	return " in slot " + slot
}

// learned keeps what the device knows of the release.
func (s *Situation) learned(known bool, st Standing) *Situation {
	if known {
		s.Release = st.Release
	}
	if st.Slot != "" {
		s.Slot = st.Slot
	}
	return s
}

// armed: the release waits for a restart. One that was begun may take a while.
func (s *Situation) armed(now time.Time) *Situation {
	s.Begun, s.Installed = true, true
	if s.Phase == Restarting && now.Sub(s.restartedAt) < restartTakes {
		s.deviceAt = now.Add(pollTrial)
		return s
	}
	s.Phase, s.word = Ready, false
	return s
}

// unknown: the device has nothing of it, so it is to be installed.
func (s *Situation) unknown(now time.Time, e Stood) *Situation {
	if s.Installed {
		if s.Tries++; s.Tries >= maxTries {
			return s.owe(FailedJob, fmt.Sprintf("release %s was installed %d times, and each time the device lost it: see `abota status` there", s.Release.Name(), s.Tries))
		}
		s.Installed = false
	}
	s.Phase = Judging
	switch {
	case e.Wait > 0 && s.Status == Queued:
		return s.aside(now, min(e.Wait, longestWait), e.Why)
	case e.Wait > 0:
		s.pausing(now, "deferred", e.Wait, e.Why)
		s.deviceAt = now.Add(min(e.Wait, longestWait))
		return s
	}
	s.judged = true
	return s
}

// leaving: what is to be taken back of an execution that is over. A trial goes
// on unless somebody cancelled the job: its release may be as good as any.
func (s *Situation) leaving(p Policy, now time.Time, e Stood) *Situation {
	switch {
	case e.Err != nil: // nothing else could be done with such a device either
		s.doubts++
		s.deviceAt = now.Add(p.doubled(firstInstall, lastInstall, s.doubts))
		return s
	case e.State == Armed, e.State == OnTrial && s.Ended == Canceled:
		s.judged = true
		return s
	case e.State == OnTrial && s.probing:
		s.deviceAt = now.Add(pollTrial)
		return s
	}
	return s.left(now)
}

// left lays down what was taken back. It first waits a little for the answer
// that says what the execution ended in, for the record.
func (s *Situation) left(now time.Time) *Situation {
	if s.probing && s.failures == 0 {
		s.judged, s.deviceAt = false, now.Add(pollTrial)
		return s
	}
	return s.closed(now, s.Ended)
}

// notYet: taking back did not work.
func (s *Situation) notYet(p Policy, now time.Time) *Situation {
	if s.disarms++; s.disarms >= maxDisarms {
		return s.closed(now, s.Ended)
	}
	s.judged = false
	s.deviceAt = now.Add(p.doubled(firstInstall, lastInstall, s.disarms))
	return s
}

// ended: an install, a restart or a disarm has ended.
func (s *Situation) ended(p Policy, now time.Time, e Ended) *Situation {
	if e.Release.SHA256 != "" || e.Release.Checksum != "" {
		s.Release = e.Release
	}
	if e.Slot != "" {
		s.Slot = e.Slot
	}
	switch {
	case e.Op == Disarm && e.Err == nil:
		return s.left(now)
	case e.Op == Disarm && errors.Is(e.Err, ErrCannotDisarm):
		return s.closed(now, s.Ended)
	case e.Op == Disarm:
		return s.notYet(p, now)
	case s.Phase == Leaving:
		s.judged, s.deviceAt = false, now
		return s
	case e.Op == Restart:
		return s.restarted(p, now, e.Result)
	}
	return s.installed(p, now, e.Result)
}

// installed: an install has ended.
func (s *Situation) installed(p Policy, now time.Time, r Result) *Situation {
	why := reason(r.Err, r.Kind)
	s.Phase, s.judged = Judging, false
	switch r.Kind {
	case Done:
		s.Installed, s.hold, s.pauses = true, "", 0
	case Deferred:
		return s.pausing(now, "deferred", r.later(deferral), why)
	case Stopped, Occupied, Transport, Expired:
		s.pauses++
		if r.Kind == Expired {
			s.doc = nil
		}
		s.stale = s.stale || r.Kind == Stopped // the job may be over
		return s.pausing(now, "waiting", max(r.RetryAfter, p.doubled(firstInstall, lastInstall, s.pauses)), why)
	case Refused:
		return s.owe(Rejected, why)
	default:
		return s.owe(FailedJob, why)
	}
	return s
}

// restarted: a restart returned.
func (s *Situation) restarted(p Policy, now time.Time, r Result) *Situation {
	why := reason(r.Err, r.Kind)
	switch r.Kind {
	case Done:
		s.restartedAt = now
		s.deviceAt = now.Add(pollTrial)
		return s
	case Refused, Unhealthy:
		s.Phase, s.judged = Judging, false
		return s
	case Deferred:
		s.pausing(now, "deferred", r.later(deferral), why)
	default:
		s.pauses++
		s.pausing(now, "waiting", max(r.RetryAfter, p.doubled(time.Minute, lastInstall, s.pauses)), why)
	}
	s.Phase, s.word = Ready, false
	return s
}

// later is when to try again: when it was said, or else after this long.
func (r Result) later(otherwise time.Duration) time.Duration {
	if r.RetryAfter > 0 {
		return r.RetryAfter
	}
	return otherwise
}

func reason(err error, kind Kind) string {
	if err == nil {
		return kind.String()
	}
	return err.Error()
}
