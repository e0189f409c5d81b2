package agent

import "time"

// Found is a release that waits to be installed or, once it is, for the
// restart. It is what outlasts the agent.
type Found struct {
	// Release is the publisher's checksum, Name what people call it.
	Release string `json:"release"`
	Name    string `json:"name,omitempty"`
	// Published is the source's word, Seen when this device first saw it; each
	// is zero when unknown.
	Published time.Time `json:"published,omitzero"`
	Seen      time.Time `json:"seen,omitzero"`
	// Waited is how long it has waited for an install, or for the restart,
	// while nobody knew the time.
	Waited time.Duration `json:"waited,omitempty"`
	// Failures are those of its installs, and Retry is when the next one may
	// be tried, zero when unknown.
	Failures Failures  `json:"failures,omitempty"`
	Retry    time.Time `json:"retry,omitzero"`
	// Armed says that it is installed, and Since when, where that is known.
	Armed bool      `json:"armed,omitempty"`
	Since time.Time `json:"since,omitzero"`

	// On the clock of Time.Up: until when Waited was counted, and when the
	// next try may be.
	counted, retry time.Duration
}

// observe brings it up to a reading of the clocks: while the time is unknown
// it counts, and once it is known it takes the count into account.
func (f Found) observe(now Time) Found {
	passed := now.Up - f.counted
	f.counted = now.Up
	switch {
	case now.Wall.IsZero():
		f.Waited += passed
	case f.Seen.IsZero() || f.Seen.After(now.Wall):
		// Seen without a clock, or with one that was wrong.
		f.Seen = now.Wall.Add(-f.Waited)
	}
	if !now.Wall.IsZero() && f.Since.After(now.Wall) {
		f.Since = now.Wall
	}
	return f
}

// wait is how long to go on waiting.
func (f Found) wait(p Policy, now Time) time.Duration {
	pause := max(f.retry-now.Up, 0)
	windows := p.Windows
	if !f.Armed && p.Reboot == RebootInWindow {
		windows = nil // only the restart is noticed
	}
	if now.Wall.IsZero() {
		return max(pause, f.blind(p, windows)-f.Waited, 0)
	}
	due := later(f.due(p), now.Wall.Add(pause))
	return place(windows, due, now.Wall, f.share(p, "window")).Sub(now.Wall)
}

// due is when it would be done if there were no windows and no failures.
func (f Found) due(p Policy) time.Time {
	if f.Armed {
		return f.Since
	}
	published := f.Published
	if published.IsZero() || published.After(f.Seen) {
		published = f.Seen
	}
	wave := published.Add(part(share(p.Identity, f.Release, ""), p.Wave))
	return later(wave, f.Seen).Add(part(f.share(p, "jitter"), p.Jitter))
}

// BlindFor is how long something waits for a window while nobody knows the
// time. Then it goes on without, since a device that waits for ever is one that
// somebody has to drive to.
const BlindFor = 24 * time.Hour

// blind is how long it waits in all while nobody knows the time.
func (f Found) blind(p Policy, windows []Window) (wait time.Duration) {
	if !f.Armed {
		wait = part(share(p.Identity, f.Release, ""), p.Wave) + part(f.share(p, "jitter"), p.Jitter)
	}
	if len(windows) > 0 {
		wait += BlindFor
	}
	return wait
}

// share is nothing where nothing is to be spread.
func (f Found) share(p Policy, purpose string) float64 {
	if p.Jitter == 0 {
		return 0
	}
	return share(p.Identity, f.Release, purpose)
}

// failed notes a failed install or restart.
func (f Found) failed(p Policy, now Time, cause Kind, random Rand) Found {
	f.Failures = f.Failures.with(cause)
	pause := f.Failures.pause(cause, p.Interval, random)
	f.retry, f.Retry = now.Up+pause, time.Time{}
	if !now.Wall.IsZero() {
		f.Retry = now.Wall.Add(pause)
	}
	return f
}

// installed turns it into one that waits for the restart.
func (f Found) installed(now Time) Found {
	f.Armed, f.Since = true, now.Wall
	f.Failures, f.Retry, f.retry = nil, time.Time{}, 0
	f.Waited, f.counted = 0, now.Up
	return f
}

// resumed is what an earlier agent left behind. A pause that its clock had
// wrong is bounded.
func (f Found) resumed(now Time) Found {
	f.counted, f.retry = now.Up, now.Up
	if !now.Wall.IsZero() && !f.Retry.IsZero() {
		f.retry += min(max(f.Retry.Sub(now.Wall), 0), most)
	}
	return f
}
