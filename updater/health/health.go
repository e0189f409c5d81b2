// Package health decides whether the system that runs now is worth keeping.
//
// # Guarantee
//
// [Gate.Prove] returns nil only after every check passed, and then all of them
// passed again and again for StableFor, the last time at its end. It always
// ends: at the latest after the longest deadline, plus StableFor, plus the
// longest timeout of one check, plus two seconds, even when a check never
// returns. Time is the monotonic clock, so that a clock that is set meanwhile
// changes nothing.
//
// The deadline bounds the time until the checks hold: a check that passed and
// fails while it should hold is retried as if it had never passed, and
// StableFor starts anew; after its deadline one failure is final.
//
// # Not guaranteed
//
// That the checks check anything. A cancelled context is not a failure of the
// system, and is returned as what it is.
//
// # Watchdog
//
// [OpenWatchdog] holds a Linux watchdog device, so that a system which hangs is
// reset. The protocol is the kernel's (Documentation/watchdog/watchdog-api):
// opening arms it, any byte written pets it, a 'V' before closing disarms it. It is
// petted for as long as what it watches over may take ([Watchdog.Feed]), so that a
// trial that hangs is reset too, although the process lives. A driver that never
// disarms (nowayout) is petted on after the trial.
//
// Not guaranteed: that a watchdog which the boot loader armed, and the kernel fed
// until it was opened, runs on after Close: the kernel does not tell it from one
// that was off. DogOptions.Keep is for that.
package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// interval is the time between two attempts of a check.
const interval = 2 * time.Second

// grace is what a check gets to say why it was stopped, before it is left to
// itself.
const grace = time.Second

// ErrNoChecks: a gate without checks would let everything pass.
var ErrNoChecks = errors.New("cannot tell whether the system is healthy because no checks are configured: add one under health.checks")

// defaultTimeout is for checks that name none.
const defaultTimeout = 10 * time.Second

// Check is one thing that a healthy system can do.
type Check struct {
	// Name is what a failure calls it.
	Name string
	// Timeout bounds one attempt. Zero means 10 s.
	Timeout time.Duration
	// Deadline is how long the check has to pass, counted from the gate's
	// start. Zero means the gate's own.
	Deadline time.Duration
	// Run returns nil when the system can do it now. It should return soon
	// after its context is done.
	Run func(ctx context.Context) error
}

// Failure says which check the system never passed, or did not keep passing.
type Failure struct {
	Check  string
	Reason string
}

// Error is one line.
func (f *Failure) Error() string {
	return fmt.Sprintf("unhealthy: %s: %s", f.Check, f.Reason)
}

// Gate is the whole proof: all checks, and how long they have.
type Gate struct {
	Checks []Check
	// Deadline is how long the checks have to pass.
	Deadline time.Duration
	// StableFor is how long they must then hold; zero takes one pass of each.
	StableFor time.Duration
	// Log gets each check that passed, and each that stopped to hold. Nil
	// means none.
	Log *slog.Logger
}

// Prove waits until the system is healthy. The error is a *Failure when it is
// not, ErrNoChecks, or the context's cause.
func (g Gate) Prove(ctx context.Context) error {
	if len(g.Checks) == 0 {
		return ErrNoChecks
	}
	g = g.withDefaults()
	start, waiting := time.Now(), g.Checks
	for {
		if err := g.pass(ctx, waiting, start); err != nil {
			return err
		}
		broken, err := g.hold(ctx)
		if err == nil || ctx.Err() != nil {
			return ended(ctx, err)
		}
		if time.Since(start) >= broken.Deadline {
			return &Failure{broken.Name, fmt.Sprintf("passed, but did not hold for %s: %s", g.StableFor, oneLine(err))}
		}
		g.Log.Warn("health check stopped to hold, trying again", "check", broken.Name, "reason", oneLine(err))
		waiting = []Check{broken}
	}
}

func (g Gate) withDefaults() Gate {
	g.Checks = slices.Clone(g.Checks)
	for i := range g.Checks {
		c := &g.Checks[i]
		if c.Deadline == 0 {
			c.Deadline = g.Deadline
		}
		if c.Timeout == 0 {
			c.Timeout = defaultTimeout
		}
	}
	if g.Log == nil {
		g.Log = slog.New(slog.DiscardHandler)
	}
	return g
}

// Longest is how long Prove may take: the package's guarantee in figures.
func (g Gate) Longest() time.Duration {
	var deadline, timeout time.Duration
	for _, c := range g.withDefaults().Checks {
		deadline, timeout = max(deadline, c.Deadline), max(timeout, c.Timeout)
	}
	return deadline + g.StableFor + timeout + 2*time.Second
}

// ended prefers why the work was called off to what the checks made of it.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// pass retries each of these checks by itself, all at the same time, until it
// has passed once. The first to reach its deadline ends it for all.
func (g Gate) pass(ctx context.Context, checks []Check, start time.Time) error {
	all, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var tries sync.WaitGroup
	for _, c := range checks {
		tries.Go(func() {
			if err := g.retry(all, c, start); err != nil {
				stop(err)
			}
		})
	}
	tries.Wait()
	return context.Cause(all)
}

func (g Gate) retry(ctx context.Context, c Check, start time.Time) error {
	end := start.Add(c.Deadline)
	for {
		err := c.attempt(ctx, end)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			g.Log.Info("health check passed", "check", c.Name, "after", time.Since(start).Round(time.Millisecond))
			return nil
		}
		if wait(ctx, min(interval, time.Until(end))) != nil {
			return context.Cause(ctx)
		}
		if !time.Now().Before(end) {
			return &Failure{c.Name, fmt.Sprintf("did not pass within %s: %s", c.Deadline, oneLine(err))}
		}
	}
}

// hold repeats all checks for StableFor. It returns the first that failed.
func (g Gate) hold(ctx context.Context) (Check, error) {
	end := time.Now().Add(g.StableFor)
	for time.Now().Before(end) {
		if err := wait(ctx, min(interval, time.Until(end))); err != nil {
			return Check{}, err
		}
		if c, err := g.once(ctx); err != nil {
			return c, err
		}
	}
	return Check{}, nil
}

// once runs every check one time, all at the same time.
func (g Gate) once(ctx context.Context) (Check, error) {
	errs := make([]error, len(g.Checks))
	var tries sync.WaitGroup
	for i, c := range g.Checks {
		tries.Go(func() { errs[i] = c.attempt(ctx, time.Time{}) })
	}
	tries.Wait()
	for i, err := range errs {
		if err != nil {
			return g.Checks[i], err
		}
	}
	return Check{}, nil
}

// attempt runs the check once, within its timeout and before end unless that
// is zero. A check that does not return is left behind, so that it cannot hold
// up the verdict.
func (c Check) attempt(ctx context.Context, end time.Time) error {
	limit := time.Now().Add(c.Timeout)
	if !end.IsZero() && end.Before(limit) {
		limit = end
	}
	ctx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	last := time.NewTimer(grace)
	defer last.Stop()
	select {
	case err := <-done:
		return err
	case <-last.C:
		return fmt.Errorf("did not return within its timeout of %s", c.Timeout)
	}
}

// wait returns the context's error when it ends first.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// longestReason bounds what a check's output may add to an error, in bytes.
const longestReason = 400

// oneLine makes an error fit in one line of a log and of a status.
func oneLine(err error) string {
	text := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), " | ")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > longestReason {
		text = strings.ToValidUTF8(text[:longestReason], "") + "…"
	}
	return text
}
