package health

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// window says when a check of these tests is healthy, counted from the gate's
// start.
type window func(at time.Duration) bool

func from(d time.Duration) window { return func(at time.Duration) bool { return at >= d } }
func except(a, b time.Duration) window {
	return func(at time.Duration) bool { return at < a || at >= b }
}
func always(time.Duration) bool          { return true }
func until(d time.Duration) window       { return func(at time.Duration) bool { return at < d } }
func (w window) named(name string) Check { return w.within(name, 0) }

func (w window) within(name string, deadline time.Duration) Check {
	start := time.Now()
	return Check{Name: name, Deadline: deadline, Run: func(context.Context) error {
		if at := time.Since(start); !w(at) {
			return errors.New("not at " + at.String())
		}
		return nil
	}}
}

func TestGate(t *testing.T) {
	const deadline, stable = 2 * time.Minute, 30 * time.Second
	for _, row := range []struct {
		name   string
		checks func() []Check
		failed string // the check, empty when the gate opens
		reason string
		least  time.Duration // how long it takes at least
		most   time.Duration // and at most
	}{
		{
			name:   "opens after stable_for when all is well",
			checks: func() []Check { return []Check{window(always).named("a"), window(always).named("b")} },
			least:  stable, most: stable,
		},
		{
			name:   "waits for the slowest, then for stable_for",
			checks: func() []Check { return []Check{from(40 * time.Second).named("a"), window(always).named("b")} },
			least:  40*time.Second + stable, most: 40*time.Second + stable + interval,
		},
		{
			name:   "fails at the deadline with the last reason",
			checks: func() []Check { return []Check{window(always).named("a"), from(time.Hour).named("b")} },
			failed: "b", reason: "did not pass within 2m0s: not at 1m5", least: deadline, most: deadline,
		},
		{
			name:   "retries what failed while it should hold, before the deadline",
			checks: func() []Check { return []Check{except(20*time.Second, 60*time.Second).named("a")} },
			least:  60*time.Second + stable, most: 60*time.Second + stable + interval,
		},
		{
			name: "fails at once what stops to hold after the deadline",
			checks: func() []Check {
				return []Check{from(110 * time.Second).named("a"), until(125 * time.Second).named("b")}
			},
			failed: "b", reason: "passed, but did not hold for 30s: not at 2m6s", least: 125 * time.Second, most: 125*time.Second + interval,
		},
		{
			name:   "fails what passed, broke and never came back",
			checks: func() []Check { return []Check{until(5 * time.Second).named("a")} },
			failed: "a", reason: "did not pass within 2m0s", least: deadline, most: deadline,
		},
		{
			name: "gives a check its own deadline",
			checks: func() []Check {
				return []Check{window(always).named("a"), from(4*time.Minute).within("update path", 5*time.Minute)}
			},
			least: 4*time.Minute + stable, most: 4*time.Minute + stable + interval,
		},
		{
			name: "does not fail the others when a check with a longer deadline broke",
			checks: func() []Check {
				return []Check{window(always).named("a"), except(10*time.Second, 4*time.Minute).within("update path", 5*time.Minute)}
			},
			least: 4*time.Minute + stable, most: 4*time.Minute + stable + interval,
		},
		{
			name: "ends although a check never returns",
			checks: func() []Check {
				return []Check{{Name: "stuck", Run: func(context.Context) error { time.Sleep(time.Hour); return nil }}}
			},
			failed: "stuck", reason: "did not return within its timeout of 10s", least: deadline, most: deadline + grace,
		},
		{
			name: "counts an attempt that outlasts its timeout as failed",
			checks: func() []Check {
				return []Check{{Name: "slow", Timeout: time.Second, Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}}
			},
			failed: "slow", reason: "context deadline exceeded", least: deadline, most: deadline,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				err := Gate{Checks: row.checks(), Deadline: deadline, StableFor: stable}.Prove(t.Context())
				took := time.Since(start)
				if took < row.least || took > row.most {
					t.Errorf("took %s, want %s to %s", took, row.least, row.most)
				}
				var f *Failure
				switch {
				case row.failed == "" && err != nil:
					t.Errorf("failed: %v", err)
				case row.failed == "":
				case !errors.As(err, &f) || f.Check != row.failed || !strings.Contains(f.Reason, row.reason):
					t.Errorf("got %v, want a failure of %q: %q", err, row.failed, row.reason)
				}
				// An abandoned attempt may sleep on; let it end in the bubble.
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

func TestGateChecksAgainAtTheEndOfStableFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		c := Check{Name: "a", Run: func(context.Context) error {
			at = append(at, time.Since(start))
			return nil
		}}
		if err := (Gate{Checks: []Check{c}, Deadline: time.Minute, StableFor: 5 * time.Second}).Prove(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(at) != 4 || at[0] != 0 || at[3] != 5*time.Second {
			t.Errorf("checked at %v, want at 0, 2, 4 and 5 s", at)
		}
	})
}

func TestGateWithoutStableForTakesOnePass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := (Gate{Checks: []Check{window(always).named("a")}, Deadline: time.Minute}).Prove(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("took %s", took)
		}
	})
}

func TestGateWithoutChecksIsRefused(t *testing.T) {
	if err := (Gate{Deadline: time.Minute}).Prove(t.Context()); !errors.Is(err, ErrNoChecks) {
		t.Errorf("got %v, want ErrNoChecks", err)
	}
}

func TestShutdownIsNoFailureOfTheSystem(t *testing.T) {
	reason := errors.New("shutting down")
	for name, w := range map[string]window{"before it passes": from(time.Hour), "while it holds": always} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(15*time.Second, func() { cancel(reason) })
				err := Gate{Checks: []Check{w.named("a")}, Deadline: time.Minute, StableFor: time.Minute}.Prove(ctx)
				var f *Failure
				if errors.As(err, &f) || !errors.Is(err, reason) {
					t.Errorf("got %v, want %v", err, reason)
				}
			})
		})
	}
}

func TestFailureIsOneBoundedLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Check{Name: "a", Run: func(context.Context) error { return errors.New("one\r\ntwo\x1b[31m\n" + strings.Repeat("é", 1000)) }}
		err := Gate{Checks: []Check{c}, Deadline: time.Second}.Prove(t.Context())
		if err == nil || strings.ContainsAny(err.Error(), "\r\n\x1b") || !strings.Contains(err.Error(), "one | two [31m | é") || len(err.Error()) > 500 {
			t.Errorf("got %q", err)
		}
	})
}
