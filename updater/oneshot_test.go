package updater

import (
	"context"
	"errors"
	"strings"
	"testing"

	"abota/bootctl"
)

// onceWorld is a device whose loader starts a trial once, with a release that
// waits for its first boot.
func onceWorld(t *testing.T, caps bootctl.Caps, content string) *world {
	t.Helper()
	w := newWorld(t)
	w.caps = caps
	if _, err := w.boot(); err != nil {
		t.Fatal(err)
	}
	w.offer = &image{content: content, version: "2"}
	w.mustInstall()
	return w
}

// bootsOfA are the decisions of the next boots, each of which ends in slot A.
func (w *world) bootsOfA(n int) (decisions []string) {
	w.t.Helper()
	for range n {
		w.powerOn()
		report, err := w.engine().Boot(w.t.Context())
		if err != nil || w.booted != bootctl.A {
			w.t.Fatalf("booted %s: %v, %v", w.booted, report.Decision, err)
		}
		decisions = append(decisions, report.Action.String())
	}
	return decisions
}

func (w *world) wantDecisions(want string, n int) {
	w.t.Helper()
	if got := strings.Join(w.bootsOfA(n), ", "); got != want {
		w.t.Errorf("%+v: decided %s, want %s", w.caps, got, want)
	}
}

// A slot that was never started is no fault of its release: it is held, and
// installed again when the operator says so.
func TestWhatWasNeverStartedIsNotCondemned(t *testing.T) {
	for _, row := range []struct {
		name, want string
		caps       bootctl.Caps
	}{
		{"the firmware cannot tell", "arm again, arm again, disarm, nothing to do", oneShot},
		{"BootNext is still there", "disarm, nothing to do, nothing to do, nothing to do", bootNext},
	} {
		w := onceWorld(t, row.caps, "v2 healthy")
		w.deaf = true
		w.wantDecisions(row.want, 4)
		if r := w.record(); len(r.Condemned) > 0 || r.Held == nil || w.table.Slots[bootctl.B].Bootable() {
			t.Errorf("%s: table %+v, journal %s", row.name, w.table, w.saved)
		}
		if _, err := w.install(); !errors.Is(err, ErrRefusedRelease) {
			t.Errorf("%s: installed again by itself: %v", row.name, err)
		}
		w.deaf = false
		if _, err := w.engine().Install(t.Context(), InstallOptions{Reinstall: true}); err != nil {
			t.Fatal(err)
		}
		w.settle()
		if w.booted != bootctl.B {
			t.Errorf("%s: reinstalled, booted %s", row.name, w.booted)
		}
	}
}

// A system that does not reach user space is condemned where the loader tells
// that it was started, and else held: either way it is left.
func TestThreeStartsWithoutUserSpace(t *testing.T) {
	for _, caps := range []bootctl.Caps{oneShot, bootNext, raucOnce, pointer} {
		w := onceWorld(t, caps, "v2 panics")
		w.settle()
		r := w.record()
		if w.booted != bootctl.A || (len(r.Condemned) > 0) == (caps == oneShot) || (r.Held != nil) != (caps == oneShot) {
			t.Errorf("%+v: booted %s, journal %s", caps, w.booted, w.saved)
		}
	}
}

// cutTrial boots the trial, and takes the power away before its verdict.
func (w *world) cutTrial() {
	w.t.Helper()
	w.powerOn()
	e := w.engine()
	ctx, cut := context.WithCancel(w.t.Context())
	e.Prove = func(context.Context) error { cut(); return errors.New("cut") }
	if _, err := e.Boot(ctx); !errors.Is(err, context.Canceled) || w.booted != bootctl.B {
		w.t.Fatalf("%+v: booted %s, %v", w.caps, w.booted, err)
	}
}

// Power cuts are no verdict with these loaders either.
func TestThreeTrialsWithoutAVerdictAreHeld(t *testing.T) {
	for _, caps := range []bootctl.Caps{oneShot, bootNext, raucOnce, pointer} {
		w := onceWorld(t, caps, "v2 healthy")
		for _, want := range []string{"arm again", "arm again", "disarm"} {
			w.cutTrial()
			w.wantDecisions(want, 1)
		}
		if r := w.record(); len(r.Condemned) > 0 || r.Held == nil {
			t.Errorf("%+v: journal %s", caps, w.saved)
		}
	}
}

// With the journal the proof is lost: what cannot be armed again is disarmed,
// and the next install is as any other. (In RAUC's variables a trial is known by
// the journal alone.)
func TestJournalLostInATrialOfOneStart(t *testing.T) {
	for _, caps := range []bootctl.Caps{oneShot, bootNext, pointer} {
		w := onceWorld(t, caps, "v2 healthy")
		w.saved, w.former = nil, nil
		w.cutTrial()
		w.wantDecisions("disarm, nothing to do", 2)
		if s, err := w.engine().Status(); err != nil || s.Phase != Idle || s.RebootRequired {
			t.Errorf("%+v: %+v, %v", caps, s, err)
		}
		w.mustInstall()
		w.settle()
		if w.booted != bootctl.B {
			t.Errorf("%+v: booted %s, journal %s", caps, w.booted, w.saved)
		}
	}
}

// An attempt that cannot be counted is not given.
func TestNotArmedAgainWithoutAJournal(t *testing.T) {
	for _, caps := range []bootctl.Caps{oneShot, bootNext, raucOnce, pointer} {
		w := onceWorld(t, caps, "v2 panics")
		w.journalErr = errors.New("read-only file system")
		w.bootsOfA(2)
		if w.next() != bootctl.A || w.table.Slots[bootctl.B].Bootable() {
			t.Errorf("%+v: table %+v", caps, w.table)
		}
	}
}
