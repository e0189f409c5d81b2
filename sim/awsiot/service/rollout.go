package service

import (
	"math"
	"slices"
	"strings"
	"time"
)

// maxRate is the most things a minute, and the rate when nothing is said.
const maxRate = 1000

// rate is how many things are notified in the minute that begins. AWS does not
// say how it spreads them within the minute, nor how it rounds: here they go at
// its beginning, rounded down [not established].
func (c *RolloutConfig) rate(notified, succeeded int) int {
	most := maxRate
	if c != nil && c.MaximumPerMinute != nil {
		most = *c.MaximumPerMinute
	}
	if c == nil || c.ExponentialRate == nil {
		return most
	}
	e := c.ExponentialRate
	steps := max(reached(e.RateIncreaseCriteria.NumberOfNotifiedThings, notified), reached(e.RateIncreaseCriteria.NumberOfSucceededThings, succeeded))
	rate := float64(e.BaseRatePerMinute) * math.Pow(e.IncrementFactor, float64(steps))
	// A hair above, since 1.1 is not quite 1.1 in binary.
	return int(math.Min(math.Floor(rate+1e-6), float64(most)))
}

// reached is how often a criterion was met.
func reached(criterion *int, things int) int {
	if criterion == nil {
		return 0
	}
	return things / *criterion
}

// roll notifies what this minute allows, and comes back in the next. It may be
// called at any time: a minute has its share only once.
func (s *Service) roll(j *job) {
	if !j.rolling() {
		return
	}
	if !s.now.Before(j.rollAt) {
		s.rollMinute(j)
	}
	if len(j.waiting) > 0 && !j.rollDue.Equal(j.rollAt) {
		j.rollDue = j.rollAt
		s.at(j.rollAt, func() { s.roll(j) })
	}
}

func (s *Service) rollMinute(j *job) {
	n := min(j.in.JobExecutionsRolloutConfig.rate(j.notified, j.count[succeeded]), len(j.waiting))
	now := j.waiting[:n]
	j.waiting = j.waiting[n:]
	for _, t := range now {
		s.queue(j, t, 0)
	}
	j.rollAt = s.now.Add(time.Minute)
	s.completeIfDone(j)
}

// enroll resolves a job's targets when its first rollout begins; things of a
// snapshot that join later are not in it [inferred for scheduled ones].
func (s *Service) enroll(j *job) {
	if !j.enrolled {
		j.enrolled, j.waiting = true, s.members(j)
	}
}

// members are the things of a job's targets, by name, those of the groups below
// a group included [inferred].
func (s *Service) members(j *job) []*thing {
	found := map[*thing]bool{}
	for _, arn := range j.targets {
		if name, ok := strings.CutPrefix(arn, s.arn("thing", "")); ok && s.things[name] != nil {
			found[s.things[name]] = true
		}
		if name, ok := strings.CutPrefix(arn, s.arn("thinggroup", "")); ok && s.groups[name] != nil {
			s.groups[name].all(found)
		}
	}
	return byName(found)
}

// covers says whether a target is a thing or has it.
func (s *Service) covers(arn string, t *thing) bool {
	if s.things[t.name] != t {
		return false
	}
	if arn == s.arn("thing", t.name) {
		return true
	}
	name, ok := strings.CutPrefix(arn, s.arn("thinggroup", ""))
	target := s.groups[name]
	if !ok || target == nil {
		return false
	}
	for g := range t.groups {
		if g.within(target) {
			return true
		}
	}
	return false
}

// memberChanged has continuous jobs follow a thing into groups and out of them.
func (s *Service) memberChanged(t *thing) {
	for _, j := range s.byAge() {
		if j.continuous() {
			s.follow(j, t)
		}
	}
}

// follow has a continuous job take in a thing that joined its targets, or let
// go one that left. One that comes back begins anew, its retries counted from
// zero, unless it had succeeded [inferred].
func (s *Service) follow(j *job, t *thing) {
	if j.over() || j.ended || !j.enrolled {
		return
	}
	latest := j.latest[t]
	if !slices.ContainsFunc(j.targets, func(arn string) bool { return s.covers(arn, t) }) {
		s.leave(j, t)
		return
	}
	if slices.Contains(j.waiting, t) || latest != nil && (!j.left[t] || latest.status == succeeded) {
		return
	}
	delete(j.left, t)
	delete(j.retries, t)
	if j.rolling() {
		s.queue(j, t, 0) // no rate holds for those who join
		return
	}
	j.waiting = append(j.waiting, t) // until the next window
}

// leave has a job let go a thing.
func (s *Service) leave(j *job, t *thing) {
	j.waiting = slices.DeleteFunc(j.waiting, func(w *thing) bool { return w == t })
	e := j.latest[t]
	if e == nil {
		return
	}
	j.left[t] = true
	if !terminal(e.status) {
		s.finish(e, removed)
	}
}

// forget has every job let go a thing that was deleted, snapshots too.
func (s *Service) forget(t *thing) {
	for _, j := range s.byAge() {
		s.leave(j, t)
		s.completeIfDone(j)
	}
}
