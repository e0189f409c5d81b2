package updater

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"abota/bootctl"
)

func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func TestWithdrawnReleaseNeverStartsAndMayComeAgain(t *testing.T) {
	for name, world := range everyWorld {
		t.Run(name, func(t *testing.T) {
			w := world(t)
			w.offer = &image{content: "v2 healthy"}
			w.mustInstall()
			if err := w.engine().Withdraw(w.offer.id()); err != nil {
				t.Fatal(err)
			}
			if f, err := w.engine().Fate(w.offer.id()); err != nil || f.Standing != Unfamiliar {
				t.Errorf("it is %+v, %v", f, err)
			}
			w.settle()
			if w.booted != bootctl.A || len(w.record().Condemned) != 0 || w.record().Held != nil {
				t.Errorf("slot %s booted, journal %s", w.booted, w.saved)
			}
			w.mustInstall()
			w.settle()
			if w.booted != bootctl.B {
				t.Errorf("slot %s booted after it came again", w.booted)
			}
		})
	}
}

// What does not wait cannot be taken back: not a trial, nor another release,
// nor what the operator chose.
func TestWithdrawTouchesNothingElse(t *testing.T) {
	w := newWorld(t)
	w.offer = &image{content: "v2 healthy"}
	refused := func(what string) {
		t.Helper()
		before, saved := w.table, string(w.saved)
		if err := w.engine().Withdraw(w.offer.id()); !errors.Is(err, ErrNothingToDo) || w.table != before || string(w.saved) != saved {
			t.Errorf("%s: %v, table %+v, journal %s", what, err, w.table, w.saved)
		}
	}
	refused("never installed")
	w.mustInstall()
	w.offer = &image{content: "v3 healthy"}
	refused("another release")
	w.offer = &image{content: "v2 healthy"}
	w.powerOn()
	refused("on trial")
	if _, err := w.boot(); err != nil {
		t.Fatal(err)
	}
	refused("confirmed")
	if _, err := w.engine().MarkActive(bootctl.A); err != nil {
		t.Fatal(err)
	}
	refused("left by the operator")
}

// Whatever moment the power fails at, the release is armed or it is not, the
// device boots, and nothing is held against it.
func TestPowerCutsInAWithdrawal(t *testing.T) {
	cuts := 0
	for cut := 1; ; cut++ {
		w := newWorld(t)
		w.offer = &image{content: "v2 healthy"}
		w.mustInstall()
		w.steps, w.cutAt = 0, cut
		if err := w.engine().Withdraw(w.offer.id()); err == nil && !w.dead {
			break
		}
		cuts++
		w.settle()
		if len(w.record().Condemned) != 0 || w.record().Held != nil {
			t.Errorf("cut %d: journal %s", cut, w.saved)
		}
		w.offer = &image{content: "v3 healthy"}
		w.mustInstall()
		w.settle()
		if got := w.content(w.booted); got != "v3 healthy" {
			t.Errorf("cut %d: %q runs", cut, got)
		}
	}
	if cuts < 4 {
		t.Errorf("only %d cuts", cuts)
	}
}
