package service

import (
	"time"
)

// What becomes of executions when a job's end comes.
const (
	stopRollout = "STOP_ROLLOUT"
	cancelQueue = "CANCEL"
	forceCancel = "FORCE_CANCEL"
)

// wireTime is how schedules are written, in UTC.
const wireTime = "2006-01-02T15:04"

const (
	leastLead   = 30 * time.Minute
	leastLength = 30 * time.Minute
)

// schedule is a job's, read; its zero value begins now and never ends.
type schedule struct {
	start, end  time.Time
	endBehavior string
	windows     []window
}

// window opens whenever its cron expression fires, for a while.
type window struct {
	cron   cron
	length time.Duration
}

func parseSchedule(c *SchedulingConfig, now time.Time, continuous bool) (schedule, error) {
	var d schedule
	var err error
	if c == nil {
		return d, nil
	}
	if d.start, err = parseWireTime("startTime", c.StartTime); err != nil {
		return d, err
	}
	if d.end, err = parseWireTime("endTime", c.EndTime); err != nil {
		return d, err
	}
	if err := d.checkTimes(now); err != nil {
		return d, err
	}
	if d.endBehavior, err = endBehavior(c); err != nil {
		return d, err
	}
	if len(c.MaintenanceWindows) > 0 && !continuous {
		return d, invalid("maintenanceWindows are for continuous jobs only: set targetSelection to CONTINUOUS")
	}
	for _, w := range c.MaintenanceWindows {
		parsed, err := parseWindow(w, now)
		if err != nil {
			return d, err
		}
		d.windows = append(d.windows, parsed)
	}
	return d, nil
}

func parseWireTime(what, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(wireTime, text)
	if err != nil {
		return t, invalid("%s %s is not a time of the form YYYY-MM-DDTHH:MM, in UTC", what, show(text))
	}
	return t, nil
}

func (d schedule) checkTimes(now time.Time) error {
	switch {
	case !d.start.IsZero() && d.start.Before(now.Add(leastLead)):
		return invalid("startTime %s is less than 30 minutes away", d.start.Format(wireTime))
	case d.start.After(now.AddDate(1, 0, 0)):
		return invalid("startTime %s is more than a year away", d.start.Format(wireTime))
	case !d.end.IsZero() && d.end.Before(now.Add(leastLead)):
		return invalid("endTime %s is less than 30 minutes away", d.end.Format(wireTime))
	case d.end.After(now.AddDate(2, 0, 0)):
		return invalid("endTime %s is more than two years away", d.end.Format(wireTime))
	case !d.start.IsZero() && !d.end.IsZero() && d.end.Sub(d.start) < leastLength:
		return invalid("endTime %s is less than 30 minutes after startTime", d.end.Format(wireTime))
	}
	return nil
}

func endBehavior(c *SchedulingConfig) (string, error) {
	switch c.EndBehavior {
	case "":
		if c.EndTime == "" {
			return "", nil
		}
		return stopRollout, nil
	case stopRollout, cancelQueue, forceCancel:
		if c.EndTime == "" {
			return "", invalid("endBehavior is given without endTime")
		}
		return c.EndBehavior, nil
	}
	return "", invalid("endBehavior %s is none of STOP_ROLLOUT, CANCEL and FORCE_CANCEL", show(c.EndBehavior))
}

// parseWindow also refuses a window that never opens [not established].
func parseWindow(w MaintenanceWindow, now time.Time) (window, error) {
	if w.DurationInMinutes < 1 || w.DurationInMinutes > 1430 {
		return window{}, invalid("durationInMinutes of a maintenance window is %d: give 1 to 1430", w.DurationInMinutes)
	}
	c, err := parseCron(w.StartTime)
	if err != nil {
		return window{}, invalid("startTime %s of a maintenance window is no cron expression: %v", show(w.StartTime), err)
	}
	if c.next(now).IsZero() {
		return window{}, invalid("a maintenance window with startTime %s never opens", show(w.StartTime))
	}
	return window{c, time.Duration(w.DurationInMinutes) * time.Minute}, nil
}

// open says whether a window is open, and until when as far as is known now. A
// job made while its window is open uses the rest of it [not established].
func (d schedule) open(now time.Time) (until time.Time, open bool) {
	for _, w := range d.windows {
		for at := w.cron.next(now.Add(-w.length)); !at.IsZero() && !at.After(now); at = w.cron.next(at) {
			until, open = later(until, at.Add(w.length)), true
		}
	}
	return until, open
}

// next is when a window opens next, the job's end not passed; zero if none does.
func (d schedule) next(now time.Time) time.Time {
	var first time.Time
	for _, w := range d.windows {
		at := w.cron.next(now)
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if !d.end.IsZero() && !first.Before(d.end) {
		return time.Time{}
	}
	return first
}

// starts are the next rollouts, at most seven.
func (d schedule) starts(now time.Time) []ScheduledRollout {
	var out []ScheduledRollout
	if len(d.windows) == 0 {
		if d.start.After(now) {
			out = append(out, ScheduledRollout{d.start.Format(wireTime)})
		}
		return out
	}
	at := later(now, d.start.Add(-time.Nanosecond))
	for len(out) < 7 {
		if at = d.next(at); at.IsZero() {
			break
		}
		out = append(out, ScheduledRollout{at.Format(wireTime)})
	}
	return out
}

// begin starts a job's rollout when its time has come.
func (s *Service) begin(j *job) {
	if j.over() || j.ended {
		return
	}
	if s.rollingOut() >= s.cfg.ConcurrentJobs {
		// What the service writes into reasonCode and comment is undocumented.
		s.cancelJob(j, false, "CONCURRENT_JOB_LIMIT", "too many jobs were rolling out when this one was to begin")
		return
	}
	if len(j.schedule.windows) > 0 {
		s.followWindows(j)
		return
	}
	j.status = inProgress
	s.enroll(j)
	s.roll(j)
}

// followWindows opens or closes a job's window, and comes back when the next
// one is due.
func (s *Service) followWindows(j *job) {
	if j.over() || j.ended {
		return
	}
	until, open := j.schedule.open(s.now)
	j.hidden = !open
	for _, e := range j.active() {
		s.touch(e.thing)
	}
	if open {
		j.status = inProgress
		s.enroll(j)
		s.roll(j)
		s.at(until, func() { s.followWindows(j) })
		return
	}
	j.status = scheduled
	if next := j.schedule.next(s.now); !next.IsZero() {
		s.at(next, func() { s.followWindows(j) })
	}
}

// end is when a job's end has come: no execution begins any more, and those
// there are go the way of its end behavior. What is queued and goes on is no
// longer hidden between windows, since none will open [inferred].
func (s *Service) end(j *job) {
	if j.over() {
		return
	}
	j.ended, j.hidden, j.waiting = true, false, nil
	if j.status == scheduled {
		j.status = inProgress
	}
	for _, e := range j.active() {
		s.touch(e.thing)
		switch {
		case j.schedule.endBehavior == forceCancel, j.schedule.endBehavior == cancelQueue && e.status == queued:
			s.cancelExecution(e, j.schedule.endBehavior == forceCancel)
		}
	}
	s.completeIfDone(j)
}
