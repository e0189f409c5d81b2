package updater

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"abota/bootctl"
)

func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

const cancelled = "the job was cancelled"

// withdrawn takes back what is offered.
func (w *world) withdrawn() (leave bool) {
	w.t.Helper()
	leave, err := w.engine().Withdraw(w.offer.id(), cancelled)
	if err != nil {
		w.t.Fatal(err)
	}
	return leave
}

// wantNothingHeld: whatever happened, the release may come again.
func (w *world) wantNothingHeld() {
	w.t.Helper()
	if r := w.record(); len(r.Condemned) != 0 || r.Held != nil {
		w.t.Errorf("something is held against a release: %s", w.saved)
	}
	for s, in := range w.table.Slots {
		if in.Failed != "" {
			w.t.Errorf("slot %s remembers %s", bootctl.Slot(s), in.Failed)
		}
	}
}

func TestWithdrawnReleaseNeverStartsAndMayComeAgain(t *testing.T) {
	for name, world := range everyWorld {
		t.Run(name, func(t *testing.T) {
			w := world(t)
			w.offer = &image{content: "v2 healthy"}
			w.mustInstall()
			if w.withdrawn() {
				t.Error("the slot that runs is to be left")
			}
			if f, err := w.engine().Fate(w.offer.id()); err != nil || f.Standing != Unfamiliar {
				t.Errorf("it is %+v, %v", f, err)
			}
			w.settle()
			w.wantNothingHeld()
			if w.booted != bootctl.A {
				t.Errorf("slot %s booted", w.booted)
			}
			w.mustInstall()
			w.settle()
			if w.booted != bootctl.B {
				t.Errorf("slot %s booted after it came again", w.booted)
			}
		})
	}
}

// A trial that is taken back ends in the slot of before, without a verdict.
func TestWithdrawnTrialIsLeft(t *testing.T) {
	for name, world := range everyWorld {
		t.Run(name, func(t *testing.T) {
			w := world(t)
			w.hooks = &worldHooks{world: w}
			w.offer = &image{content: "v2 healthy"}
			w.mustInstall()
			w.powerOn()
			w.healthErr = func(string) error {
				if !w.withdrawn() {
					t.Error("the trial is not to be left")
				}
				return nil
			}
			if report, err := w.boot(); err != nil || report.Committed {
				t.Fatalf("the trial ended with %+v, %v", report, err)
			}
			// Who withdrew it may have been killed before the restart.
			if f, err := w.engine().Fate(w.offer.id()); err != nil || f.Standing != OnTrial || !w.withdrawn() {
				t.Errorf("it is %+v, %v", f, err)
			}
			w.healthErr = func(string) error { return nil }
			w.settle()
			w.wantNothingHeld()
			if f, err := w.engine().Fate(w.offer.id()); err != nil || f.Standing != Unfamiliar {
				t.Errorf("in the slot of before it is %+v, %v", f, err)
			}
			if hooks := strings.Join(w.hooks.ended, ", "); w.booted != bootctl.A || !strings.HasSuffix(hooks, "after_rollback A ") {
				t.Errorf("slot %s booted, hooks ran: %s", w.booted, hooks)
			}
			w.mustInstall()
			w.settle()
			if w.booted != bootctl.B {
				t.Errorf("slot %s booted after it came again", w.booted)
			}
		})
	}
}

// What neither waits nor is on trial cannot be taken back: least of all what
// is confirmed.
func TestWithdrawTouchesNothingElse(t *testing.T) {
	w := newWorld(t)
	w.offer = &image{content: "v2 healthy"}
	refused := func(what string) {
		t.Helper()
		before, saved := w.table, string(w.saved)
		if _, err := w.engine().Withdraw(w.offer.id(), cancelled); !errors.Is(err, ErrNothingToDo) || w.table != before || string(w.saved) != saved {
			t.Errorf("%s: %v, table %+v, journal %s", what, err, w.table, w.saved)
		}
	}
	refused("never installed")
	w.mustInstall()
	w.offer = &image{content: "v3 healthy"}
	refused("another release")
	w.powerOn()
	refused("another release on trial")
	if _, err := w.boot(); err != nil {
		t.Fatal(err)
	}
	w.offer = &image{content: "v2 healthy"}
	refused("confirmed")
	if _, err := w.engine().MarkActive(bootctl.A); err != nil {
		t.Fatal(err)
	}
	refused("left by the operator")
}

// What waits because the operator said so is his, and confirmed: it stays in the
// boot order.
func TestWithdrawLeavesWhatTheOperatorChose(t *testing.T) {
	for name, choose := range map[string]func(*Engine) (MarkResult, error){
		"mark good":   func(e *Engine) (MarkResult, error) { return e.MarkGood(bootctl.B) },
		"mark active": func(e *Engine) (MarkResult, error) { return e.MarkActive(bootctl.B) },
	} {
		w := newWorld(t)
		w.offer = &image{content: "v2 healthy"}
		w.mustInstall()
		if name == "mark active" {
			w.settle()
			if _, err := w.engine().MarkActive(bootctl.A); err != nil {
				t.Fatal(err)
			}
			w.powerOn()
		}
		if _, err := choose(w.engine()); err != nil {
			t.Fatal(err)
		}
		before := w.table
		if f, err := w.engine().Fate(w.offer.id()); err != nil || f.Standing != Waits {
			t.Errorf("%s: it is %+v, %v", name, f, err)
		}
		if _, err := w.engine().Withdraw(w.offer.id(), cancelled); !errors.Is(err, ErrNothingToDo) || w.table != before {
			t.Errorf("%s: %v, table %+v", name, err, w.table)
		}
	}
}

// Whatever moment the power fails at, the device boots the one or the other,
// nothing is held against the release, and the next one is taken.
func TestPowerCutsInAWithdrawal(t *testing.T) {
	for phase, prepare := range map[string]func(*world){"waiting": func(*world) {}, "on trial": (*world).powerOn} {
		cuts := 0
		for cut := 1; ; cut++ {
			w := newWorld(t)
			w.offer = &image{content: "v2 healthy"}
			w.mustInstall()
			prepare(w)
			w.steps, w.cutAt = 0, cut
			if _, err := w.engine().Withdraw(w.offer.id(), cancelled); err == nil && !w.dead {
				break
			}
			cuts++
			w.settle()
			w.wantNothingHeld()
			w.update("v3 healthy")
			if got := w.content(w.booted); got != "v3 healthy" {
				t.Errorf("%s, cut %d: %q runs", phase, cut, got)
			}
		}
		if cuts < 4 {
			t.Errorf("%s: only %d cuts", phase, cuts)
		}
	}
}
