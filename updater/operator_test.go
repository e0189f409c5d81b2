package updater

import (
	"context"
	"errors"
	"testing"

	"abota/bootctl"
	"abota/updater/slot"
)

// newRAUCWorld is a device whose boot script was made for RAUC.
func newRAUCWorld(t *testing.T) *world {
	w := newWorld(t)
	w.caps = rauc
	w.table.Generation, w.table.ConfirmedTries = 0, 0
	w.table.Slots[bootctl.A].Tries = bootctl.DefaultTrialTries
	return w
}

var everyWorld = map[string]func(*testing.T) *world{"contract": newWorld, "RAUC": newRAUCWorld}

type verb func(*Engine) (MarkResult, error)

func markGood(s bootctl.Slot) verb {
	return func(e *Engine) (MarkResult, error) { return e.MarkGood(s) }
}

func markBad(s bootctl.Slot) verb {
	return func(e *Engine) (MarkResult, error) { return e.MarkBad(s) }
}

func markActive(s bootctl.Slot) verb {
	return func(e *Engine) (MarkResult, error) { return e.MarkActive(s) }
}

func TestVerbsOfTheOperator(t *testing.T) {
	w := newWorld(t)
	w.offer = &image{content: "v2 healthy", version: "2"}
	w.mustInstall()
	w.settle()
	if res, err := w.engine().MarkActive(bootctl.A); err != nil || !res.RebootRequired {
		t.Fatalf("mark active A: %+v, %v", res, err)
	}
	w.settle()
	if w.booted != bootctl.A {
		t.Fatalf("booted %s after mark active A", w.booted)
	}
	if _, err := w.engine().MarkActive(bootctl.B); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if res, err := w.engine().Rollback(); err != nil || !res.RebootRequired {
		t.Fatalf("rollback: %+v, %v", res, err)
	}
	w.settle()
	if w.booted != bootctl.A {
		t.Fatalf("booted %s after rollback", w.booted)
	}
	if _, err := w.install(); !errors.Is(err, ErrRefusedRelease) {
		t.Errorf("install of what was rolled back gave %v", err)
	}
	if _, err := w.engine().MarkGood(bootctl.B); err != nil {
		t.Errorf("mark good of a proven slot gave %v", err)
	}
	if _, found := w.record().verdict(w.offer.id()); found {
		t.Error("mark good did not take the verdict back")
	}
	if _, err := w.engine().MarkBad(bootctl.B); err != nil {
		t.Errorf("mark bad gave %v", err)
	}
	var refused *bootctl.RefusedError
	if _, err := w.engine().MarkBad(bootctl.A); !errors.As(err, &refused) {
		t.Errorf("marking the last good slot bad gave %v", err)
	}
}

// Confirming what runs says nothing about what is armed.
func TestMarkGoodWhileArmedTakesNothingFromTheTrial(t *testing.T) {
	for name, world := range everyWorld {
		for _, content := range []string{"v3 unhealthy", "v4 panics"} {
			t.Run(name+", "+content, func(t *testing.T) {
				w := world(t)
				w.offer = &image{content: content}
				w.mustInstall()
				if _, err := w.engine().MarkGood(bootctl.A); err != nil {
					t.Fatal(err)
				}
				w.settle()
				if w.booted != bootctl.A || len(w.record().Condemned) != 1 {
					t.Errorf("booted %s, condemned %+v", w.booted, w.record().Condemned)
				}
				if _, err := w.install(); !errors.Is(err, ErrRefusedRelease) {
					t.Errorf("the next install gave %v", err)
				}
			})
		}
	}
}

// Between journal and table the armed slot may still be started: on trial.
func TestPowerCutInAVerbSkipsNoTrial(t *testing.T) {
	verbs := map[string]verb{"mark good A": markGood(bootctl.A), "mark bad B": markBad(bootctl.B), "mark active A": markActive(bootctl.A)}
	cuts := 0
	for world, newWorld := range everyWorld {
		for name, do := range verbs {
			for cut := 1; ; cut++ {
				w := newWorld(t)
				w.offer = &image{content: "v3 unhealthy"}
				w.mustInstall()
				w.steps, w.cutAt = 0, cut
				if _, err := do(w.engine()); err == nil {
					break
				}
				cuts++
				w.settle()
				if w.booted != bootctl.A {
					t.Errorf("%s, %s, cut %d: the unhealthy release stays; table %+v", world, name, cut, w.table)
				}
			}
		}
	}
	if want := 4 * len(verbs) * len(everyWorld); cuts != want {
		t.Errorf("%d cuts, want %d: before and after journal and table", cuts, want)
	}
}

func TestRollbackOfTheOperatorNeedsNoJournal(t *testing.T) {
	w := newWorld(t)
	w.update("v2 healthy")
	w.journalErr = errors.New("read-only file system")
	if res, err := w.engine().Rollback(); err != nil || !res.RebootRequired {
		t.Fatalf("rollback: %+v, %v", res, err)
	}
	w.powerOn()
	if w.booted != bootctl.A {
		t.Errorf("booted %s, table %+v", w.booted, w.table)
	}
}

// Init restarts abota boot, and people run it: that must undo nothing.
func TestBootAgainKeepsTheOperatorsWord(t *testing.T) {
	for name, do := range map[string]verb{"mark bad": markBad(bootctl.B), "rollback": (*Engine).Rollback} {
		for _, inTrial := range []bool{false, true} {
			w := newWorld(t)
			w.offer = &image{content: "v2 healthy"}
			w.mustInstall()
			w.powerOn()
			ctx, kill := context.WithCancel(t.Context())
			if inTrial {
				kill()
			}
			_, _ = w.engine().Boot(ctx)
			kill()
			if w.table.Slots[bootctl.B].Good == inTrial {
				t.Fatalf("in trial: %v, but the table is %+v", inTrial, w.table)
			}
			if _, err := do(w.engine()); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			told := w.table
			if report, err := w.boot(); err != nil || report.Committed || w.table != told || len(w.record().Condemned) != 1 {
				t.Errorf("%s, in trial %v: boot gave %+v, %v; table %+v, told %+v", name, inTrial, report, err, w.table, told)
			}
		}
	}
}

// Before its reboot the device runs another slot than was chosen, which looks
// like a fall back, but is none.
func TestStatusAfterAVerbAsksForTheReboot(t *testing.T) {
	for name, do := range map[string]verb{"rollback": (*Engine).Rollback, "mark active A": markActive(bootctl.A), "mark bad B": markBad(bootctl.B)} {
		w := newWorld(t)
		w.update("v2 healthy")
		w.powerOn() // a boot that the journal does not know of
		res, err := do(w.engine())
		if err != nil || !res.RebootRequired {
			t.Fatalf("%s: %+v, %v", name, res, err)
		}
		s, err := w.engine().Status()
		if err != nil || !s.RebootRequired || s.Decision != RebootRequired.String() || s.Primary != "A" {
			t.Errorf("after %s: %+v, %v", name, s, err)
		}
	}
}

// A loader takes a slot without tries for exhausted, however good it is.
func TestMarkGoodOfAConfirmedSlotFillsItsTriesUp(t *testing.T) {
	w := newWorld(t)
	w.update("v2 healthy")
	w.update("v3 healthy")
	w.table.Slots[bootctl.B].Tries = 0
	if _, err := w.engine().MarkGood(bootctl.B); err != nil || w.table.Slots[bootctl.B].Tries != 10 {
		t.Errorf("%v, slot B is %+v", err, w.table.Slots[bootctl.B])
	}
}

func TestFirstChoiceIsNeverReportedAsFallenBack(t *testing.T) {
	w := newWorld(t)
	w.update("v2 healthy")
	w.start(bootctl.A)
	if report, err := w.boot(); err != nil || report.Action != FellBack {
		t.Fatalf("%+v, %v", report, err)
	}
	if _, err := w.engine().MarkGood(bootctl.A); err != nil {
		t.Fatal(err)
	}
	w.powerOn()
	primary, _ := w.table.Primary()
	if report, err := w.boot(); err != nil || w.booted != primary || report.Action != DoNothing {
		t.Errorf("booted %s, first choice %s: %+v, %v", w.booted, primary, report, err)
	}
}

// It would call the trial good, and take the way back out of the order.
func TestProvisionInATrialIsRefused(t *testing.T) {
	w := newWorld(t)
	w.offer = &image{content: "v3 unhealthy"}
	w.mustInstall()
	w.powerOn()
	before := w.table
	var refused *bootctl.RefusedError
	_, err := w.engine().Provision(t.Context(), ProvisionOptions{Force: true, Digest: func(context.Context, bootctl.Slot) ([]slot.Held, error) {
		return []slot.Held{{}}, nil
	}})
	if !errors.As(err, &refused) || w.table != before {
		t.Errorf("got %v, table %+v", err, w.table)
	}
}
