package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"
)

// Device does what the agent decides. Each method but Policy is one step, may
// take long, and ends soon after ctx does. What it returns has a Kind that is
// possible for it, and Stopped only when ctx has ended.
type Device interface {
	// Policy is the configuration as it is now; where that is broken, as it
	// was, and the device says so.
	Policy() Policy
	// Look asks what is offered.
	Look(ctx context.Context) Outcome
	// Install installs this release and no other: Waiting when it then waits
	// for a restart, NothingNew when it runs already.
	Install(ctx context.Context, release string) Outcome
	// Restart restarts into this release, if it still is what the next start
	// brings: NothingNew when it is not.
	Restart(ctx context.Context, release string) Outcome
	// Clock is the local time, zero when it is not known.
	Clock() time.Time
}

// Store keeps the record of one [Found]. Save is durable when it returns.
type Store interface {
	Load() ([]byte, error)
	Save(record []byte) error
}

// Agent is the loop.
type Agent struct {
	Device Device
	Store  Store
	// Now, optional, wakes it: it looks at once.
	Now <-chan os.Signal
	// Alive is called whenever the loop has made progress, and at least every
	// Pulse while it waits; a Pulse of 0 means only then.
	Alive func()
	Pulse time.Duration
	// Say is told what the agent does or waits for, in one line.
	Say func(line string)
	Log *slog.Logger

	started time.Time
	saved   []byte
}

// longestSleep bounds one sleep, because somebody may set the clock meanwhile.
const longestSleep = 10 * time.Minute

// Run works until ctx ends.
func (a *Agent) Run(ctx context.Context) {
	a.started = time.Now()
	p := a.Device.Policy()
	s := Start(p, a.time(), a.load(), random)
	for ctx.Err() == nil {
		now := a.time()
		s = s.Observe(now)
		step := s.Next(p, now)
		if step.Wait > 0 {
			a.Say(s.describe(step, now))
			if a.sleep(ctx, min(step.Wait, longestSleep)) {
				s = s.Now(a.time())
			}
			continue
		}
		p = a.Device.Policy()
		outcome := a.do(ctx, step.Do, s.Found)
		now = a.time()
		s = s.Observe(now)
		if outcome.Kind != Stopped {
			s = s.After(p, now, step.Do, outcome, random)
		}
		a.report(step.Do, outcome, s.Next(p, now))
		a.save(s.Found)
	}
	a.save(s.Observe(a.time()).Found) // without a clock, how long it waited
}

func random(n time.Duration) time.Duration {
	if n <= 0 {
		return 0
	}
	return rand.N(n)
}

func (a *Agent) time() Time { return Time{Wall: a.Device.Clock(), Up: time.Since(a.started)} }

func (a *Agent) do(ctx context.Context, what Action, found *Found) Outcome {
	a.Alive()
	defer a.Alive()
	switch what {
	case Install:
		a.Say("installing release " + found.Name)
		return a.Device.Install(ctx, found.Release)
	case Restart:
		a.Say("restarting into release " + found.Name)
		return a.Device.Restart(ctx, found.Release)
	default:
		a.Say("looking for a release")
		return a.Device.Look(ctx)
	}
}

// sleep reports whether it was woken to look at once.
func (a *Agent) sleep(ctx context.Context, d time.Duration) bool {
	over := time.NewTimer(d)
	defer over.Stop()
	var pulse <-chan time.Time
	if a.Pulse > 0 {
		ticker := time.NewTicker(a.Pulse)
		defer ticker.Stop()
		pulse = ticker.C
	}
	for {
		a.Alive()
		select {
		case <-ctx.Done():
			return false
		case <-over.C:
			return false
		case <-a.Now:
			return true
		case <-pulse:
		}
	}
}

// describe is one line on what is waited for.
func (s State) describe(step Step, now Time) string {
	when := "in " + step.Wait.Round(time.Second).String()
	if !now.Wall.IsZero() {
		when = "at " + now.Wall.Add(step.Wait).Format(time.RFC3339)
	}
	switch {
	case step.Do == Look && s.Found != nil && s.Found.Armed:
		return fmt.Sprintf("release %s is installed and waits for a restart; next look %s", s.Found.Name, when)
	case step.Do == Look:
		return "next look " + when
	}
	return fmt.Sprintf("release %s: %s %s", s.Found.Name, step.Do, when)
}

// report logs how a step ended.
func (a *Agent) report(did Action, o Outcome, next Step) {
	_, failed := paces[o.Kind]
	args := []any{"outcome", o.Kind.String()}
	if o.Name != "" {
		args = append(args, "release", o.Name)
	}
	switch {
	case o.Err != nil && failed:
		args = append(args, "error", o.Err)
	case o.Err != nil && o.Kind != Stopped:
		args = append(args, "why", o.Err)
	}
	if o.Kind != Stopped {
		args = append(args, "next", next.Do.String(), "in", next.Wait.Round(time.Second).String())
	}
	level := slog.LevelInfo
	switch {
	case failed && o.Kind != Busy && o.Kind != Deferred:
		level = slog.LevelWarn
	case o.Kind == NothingNew && did == Look:
		level = slog.LevelDebug
	}
	a.Log.Log(context.Background(), level, did.String(), args...)
}

// load reads what an earlier agent left. What cannot be read is found again.
func (a *Agent) load() *Found {
	record, err := a.Store.Load()
	if err != nil {
		a.Log.Debug("no record of an earlier agent", "error", err)
		return nil
	}
	var f *Found
	if err := json.Unmarshal(record, &f); err != nil {
		a.Log.Warn("the record of an earlier agent cannot be read", "error", err)
		return nil
	}
	a.saved = record
	return f
}

// save keeps the record if it has changed. The agent goes on without: what is
// lost is when the release was first seen.
func (a *Agent) save(f *Found) {
	if f == nil && a.saved == nil {
		return
	}
	record, err := json.Marshal(f)
	if err == nil && !bytes.Equal(record, a.saved) {
		err = a.Store.Save(record)
	}
	if err != nil {
		a.Log.Warn("cannot keep what was found", "error", err)
		return
	}
	a.saved = record
}
