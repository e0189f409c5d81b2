package agent

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// fake is a device whose answers are written down before.
type fake struct {
	policy  Policy
	look    Outcome
	install Outcome
	restart Outcome
	// takes is how long each step takes, unless ctx ends.
	takes time.Duration

	mu    sync.Mutex
	did   []string
	when  []time.Time
	reads int
}

func (f *fake) step(ctx context.Context, name string, o *Outcome) Outcome {
	select {
	case <-ctx.Done():
		return Outcome{Kind: Stopped}
	case <-time.After(f.takes):
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did, f.when = append(f.did, name), append(f.when, time.Now())
	return *o
}

func (f *fake) Policy() Policy                   { f.reads++; return f.policy }
func (f *fake) Look(ctx context.Context) Outcome { return f.step(ctx, "look", &f.look) }

func (f *fake) Install(ctx context.Context, release string) Outcome {
	return f.step(ctx, "install "+release, &f.install)
}

func (f *fake) Restart(ctx context.Context, release string) Outcome {
	return f.step(ctx, "restart "+release, &f.restart)
}
func (f *fake) Clock() time.Time { return time.Now() }

func (f *fake) change(how func()) { f.mu.Lock(); how(); f.mu.Unlock() }

// kept is a record in memory.
type kept struct {
	record []byte
	saves  int
	err    error
}

func (k *kept) Load() ([]byte, error) {
	if k.record == nil {
		return nil, errors.New("none")
	}
	return k.record, nil
}

func (k *kept) Save(record []byte) error {
	k.saves++
	if k.err == nil {
		k.record = record
	}
	return k.err
}

// started is a running agent.
type started struct {
	*fake
	*kept
	now   chan os.Signal
	alive []time.Time
	said  []string
	stop  func()
}

func start(t *testing.T, f *fake, k *kept) *started {
	t.Helper()
	s := &started{fake: f, kept: k, now: make(chan os.Signal, 1)}
	a := &Agent{
		Device: f, Store: k, Now: s.now, Pulse: 30 * time.Second, Log: slog.New(slog.DiscardHandler),
		Alive: func() { s.alive = append(s.alive, time.Now()) },
		Say:   func(line string) { s.said = append(s.said, line) },
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { defer close(over); a.Run(ctx) }()
	s.stop = func() { cancel(); <-over }
	return s
}

var steady = Policy{Interval: time.Hour, Identity: "device-1"} // no jitter

func TestLoopLooksInstallsAndRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{policy: steady, look: available(time.Time{}), install: Outcome{Kind: Waiting}, restart: Outcome{Kind: Deferred}}
		s := start(t, f, &kept{})
		time.Sleep(time.Minute)
		f.change(func() { f.look = Outcome{Kind: Waiting}; f.restart = Outcome{Kind: NothingNew} })
		time.Sleep(3 * time.Hour)
		s.stop()
		want := []string{"look", "install " + release, "restart " + release, "restart " + release, "look", "look", "look"}
		if !slices.Equal(f.did, want) {
			t.Errorf("did %q, want %q", f.did, want)
		}
		if string(s.record) != "null" {
			t.Errorf("left %s", s.record)
		}
	})
}

// The record is written when something is found or has changed, and not with
// every look.
func TestLoopSparesTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := steady
		p.Wave = 1000 * time.Hour
		f := &fake{policy: p, look: Outcome{Kind: NothingNew}}
		s := start(t, f, &kept{})
		time.Sleep(10 * time.Hour)
		if s.saves != 0 {
			t.Errorf("%d writes with nothing found", s.saves)
		}
		f.change(func() { f.look = available(time.Time{}) })
		time.Sleep(10 * time.Hour)
		s.stop()
		var found Found
		if err := json.Unmarshal(s.record, &found); err != nil || found.Release != release || s.saves != 1 {
			t.Errorf("%d writes, %s, %v", s.saves, s.record, err)
		}
	})
}

func TestLoopGoesOnWithoutItsRecord(t *testing.T) {
	for _, k := range []*kept{{err: errors.New("read-only")}, {record: []byte("garbage")}, {record: []byte("null")}} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{policy: steady, look: available(time.Time{}), install: Outcome{Kind: Waiting}}
			s := start(t, f, k)
			time.Sleep(time.Minute)
			s.stop()
			if len(f.did) < 2 || f.did[1] != "install "+release {
				t.Errorf("did %q", f.did)
			}
		})
	}
}

// The configuration is read again before every step, and only then.
func TestLoopReadsThePolicyAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{policy: steady, look: Outcome{Kind: NothingNew}}
		s := start(t, f, &kept{})
		time.Sleep(90 * time.Minute) // two looks
		f.change(func() { f.policy.Interval = 10 * time.Minute })
		time.Sleep(55 * time.Minute) // one at the old time, then two
		s.stop()
		if len(f.did) != 5 || f.reads != len(f.did)+1 {
			t.Errorf("%d looks, %d times read", len(f.did), f.reads)
		}
	})
}

func TestLoopIsWokenByASignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{policy: steady, look: Outcome{Kind: Denied}}
		s := start(t, f, &kept{})
		time.Sleep(10 * time.Minute)
		s.now <- syscall.SIGUSR1
		synctest.Wait()
		time.Sleep(time.Second)
		if len(f.did) != 2 {
			t.Errorf("%d looks", len(f.did))
		}
		s.stop()
	})
}

func TestLoopStopsInTheMiddleOfAStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{policy: steady, takes: time.Hour, look: available(time.Time{})}
		k := &kept{}
		s := start(t, f, k)
		time.Sleep(90 * time.Minute) // in the middle of the install
		before := time.Now()
		s.stop()
		if took := time.Since(before); took > 0 {
			t.Errorf("took %v to stop", took)
		}
		again := start(t, f, k)
		time.Sleep(time.Hour + time.Minute)
		again.stop()
		if last := f.did[len(f.did)-1]; last != "install "+release {
			t.Errorf("the next agent did not take the install up: %q", f.did)
		}
	})
}

// While it waits it gives a sign of life in time for a watchdog.
func TestLoopGivesSignsOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, &fake{policy: steady, look: Outcome{Kind: NothingNew}}, &kept{})
		time.Sleep(10 * time.Hour)
		s.stop()
		for i := 1; i < len(s.alive); i++ {
			if gap := s.alive[i].Sub(s.alive[i-1]); gap > 30*time.Second {
				t.Fatalf("silent for %v", gap)
			}
		}
		if len(s.alive) < 1000 || !slices.ContainsFunc(s.said, func(line string) bool { return strings.HasPrefix(line, "next look at ") }) {
			t.Errorf("%d signs, said %q", len(s.alive), s.said[:min(3, len(s.said))])
		}
	})
}

// A clock that is set while it sleeps opens a window that it then sees.
func TestLoopSeesTheClockBeingSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &set{fake: fake{policy: steady, look: available(time.Time{}), install: Outcome{Kind: Waiting}}, clock: noon}
		f.policy.Windows = []Window{{Days: everyDay, From: hm(2, 0), To: hm(4, 0)}}
		f.policy.Interval = 48 * time.Hour
		a := &Agent{Device: f, Store: &kept{}, Alive: func() {}, Say: func(string) {}, Log: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithCancel(t.Context())
		go a.Run(ctx)
		time.Sleep(time.Hour)
		f.change(func() { f.clock = noon.Add(15 * time.Hour) })
		time.Sleep(longestSleep + time.Second)
		cancel()
		synctest.Wait()
		if len(f.did) < 2 || f.did[1] != "install "+release {
			t.Errorf("did %q", f.did)
		}
	})
}

// set is a device whose clock stands where it was set.
type set struct {
	fake
	clock time.Time
}

func (s *set) Clock() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.clock }
