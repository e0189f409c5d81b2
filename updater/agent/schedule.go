package agent

import "time"

// Reboot says when an installed release is started.
type Reboot int

const (
	// RebootNow restarts right after the install, or, when the window has
	// closed meanwhile, in the next one.
	RebootNow Reboot = iota
	// RebootInWindow installs at any time and restarts in a window.
	RebootInWindow
	// RebootByApplication never restarts.
	RebootByApplication
)

// Policy is what the configuration says about time.
type Policy struct {
	// Interval is the time between two looks, Jitter what is added at random,
	// and again between finding a release and taking it.
	Interval, Jitter time.Duration
	// Wave is how long it takes until the whole fleet may take a release.
	Wave    time.Duration
	Windows []Window
	Reboot  Reboot
	// Identity tells this device from every other.
	Identity string
}

// Time is one reading of the clocks.
type Time struct {
	// Wall is the local time, zero when nobody knows it.
	Wall time.Time
	// Up is the time since the agent started, which nobody sets.
	Up time.Duration
}

// Action is what an agent can do.
type Action int

// Look asks the source what it offers, Install installs it, Restart starts it.
const (
	Look Action = iota
	Install
	Restart
)

func (a Action) String() string { return [...]string{"look", "install", "restart"}[a] }

// Step is what comes next, and in how long.
type Step struct {
	Do   Action
	Wait time.Duration
}

// State is what an agent has in mind. It is a value: what changes it returns
// another one.
type State struct {
	// Found, if any, waits to be installed or started.
	Found *Found
	// look is when to look next and quiet until when the server wants no
	// requests, on the clock of Time.Up.
	look, quiet time.Duration
	failures    Failures
}

// longestStart bounds the spread of first looks, because a device may be
// switched on for a short time only.
const longestStart = time.Hour

// Start is the state of an agent that begins, with what an earlier one left.
func Start(p Policy, now Time, left *Found, random Rand) State {
	s := State{look: now.Up}
	if p.Jitter > 0 {
		s.look += random(min(p.Interval, longestStart))
	}
	if left != nil {
		f := left.resumed(now)
		s.Found = &f
	}
	return s
}

// Observe brings the state up to a reading of the clocks. Next and After
// expect it.
func (s State) Observe(now Time) State {
	if s.Found != nil {
		f := s.Found.observe(now)
		s.Found = &f
	}
	return s
}

// Now is the state of an agent that is told to look at once, whatever failed
// before. Waves and windows still hold.
func (s State) Now(now Time) State {
	s.look, s.quiet, s.failures = now.Up, now.Up, nil
	return s
}

// Next says what to do next.
func (s State) Next(p Policy, now Time) Step {
	next := Step{Look, max(s.look-now.Up, s.quiet-now.Up, 0)}
	if f := s.Found; f != nil {
		other := Step{Install, max(f.wait(p, now), s.quiet-now.Up)}
		if f.Armed {
			other = Step{Restart, f.wait(p, now)}
		}
		idle := f.Armed && p.Reboot == RebootByApplication
		if other.Wait <= next.Wait && !idle {
			next = other
		}
	}
	return next
}

// After is the state once a step has ended.
func (s State) After(p Policy, now Time, did Action, o Outcome, random Rand) State {
	if o.RetryAfter > 0 {
		asked := min(o.RetryAfter, most)
		s.quiet = now.Up + asked + random(max(p.Jitter, asked/10))
	}
	if did == Look {
		return s.afterLook(p, now, o, random)
	}
	return s.afterWork(p, now, o, random)
}

func (s State) afterLook(p Policy, now Time, o Outcome, random Rand) State {
	if _, failed := paces[o.Kind]; failed {
		s.failures = s.failures.with(o.Kind)
		s.look = now.Up + s.failures.pause(o.Kind, p.Interval, random)
		return s
	}
	s.failures = nil
	s.look = now.Up + p.Interval + random(p.Jitter)
	switch o.Kind {
	case Available:
		if s.Found == nil || s.Found.Release != o.Release || s.Found.Armed {
			s.Found = &Found{Release: o.Release, Name: o.Name, Published: o.Published, Seen: now.Wall, counted: now.Up}
		}
	case NothingNew, Unwanted:
		s.Found = nil
	}
	return s
}

func (s State) afterWork(p Policy, now Time, o Outcome, random Rand) State {
	if _, failed := paces[o.Kind]; failed {
		f := s.Found.failed(p, now, o.Kind, random)
		s.Found = &f
		return s
	}
	switch o.Kind {
	case Waiting:
		f := s.Found.installed(now)
		s.Found = &f
	case Superseded, NothingNew, Unwanted:
		// What is offered instead is found by the next look, and has a time of
		// its own.
		s.Found = nil
	}
	return s
}
