package updater

import (
	"context"
	"errors"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/updater/source"
)

// settle boots until no reboot is asked for any more.
func (w *world) settle() {
	w.t.Helper()
	for range 12 {
		w.powerOn()
		_, err := w.engine().Boot(context.Background())
		if err != nil && !errors.Is(err, ErrUnhealthy) {
			w.t.Fatalf("abota boot: %v", err)
		}
		if !w.rebooted && w.next() == w.booted && w.table.Slots[w.booted].Good {
			return
		}
	}
	w.t.Fatalf("the device does not settle: table %+v, journal %s", w.table, w.saved)
}

// next is the slot that the loader would start.
func (w *world) next() bootctl.Slot {
	primary, _ := w.table.Primary()
	if w.caps == raucOnce && w.table.Slots[primary].Tries == 0 || w.outside() && !w.once && !w.table.Slots[primary].Good {
		return primary.Other()
	}
	return primary
}

func (w *world) install() (Outcome, error) {
	return w.engine().Install(context.Background(), InstallOptions{})
}

func (w *world) record() *Record {
	w.t.Helper()
	r, err := decodeRecord(w.saved)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) mustInstall() {
	w.t.Helper()
	if out, err := w.install(); err != nil || !out.RebootRequired {
		w.t.Fatalf("install: %+v, %v", out, err)
	}
}

// update installs a release and boots until the device has its verdict.
func (w *world) update(content string) {
	w.t.Helper()
	w.offer = &image{content: content}
	w.mustInstall()
	w.settle()
}

// boot is `abota boot` on the system that runs now.
func (w *world) boot() (BootReport, error) { return w.engine().Boot(context.Background()) }

// start has the loader start this slot, whatever the table says.
func (w *world) start(s bootctl.Slot) {
	w.dead, w.cutAt, w.rebooted = false, 0, false
	w.booted, w.boots = s, w.boots+1
}

// interrupt cuts the power while the slot is being written.
func (w *world) interrupt() {
	w.t.Helper()
	w.steps, w.cutAt = 0, 10
	if _, err := w.install(); !errors.Is(err, errPowerLost) || w.record().Phase != Writing {
		w.t.Fatalf("the write was not interrupted: %v, journal %s", err, w.saved)
	}
}

func TestHealthyReleaseIsCommitted(t *testing.T) {
	w := newWorld(t)
	w.offer = &image{content: "v2 healthy", version: "2"}
	w.mustInstall()
	if _, err := w.install(); !errors.Is(err, ErrNothingToDo) {
		t.Errorf("a second install gave %v", err)
	}
	w.settle()
	r := w.record()
	if w.booted != bootctl.B || r.Phase != Committed || !r.Slots[bootctl.B].Confirmed || !w.table.Slots[bootctl.A].Good {
		t.Errorf("booted %s, record %+v, table %+v", w.booted, r, w.table)
	}
	if _, err := w.install(); !errors.Is(err, ErrNothingToDo) {
		t.Errorf("install of what runs gave %v", err)
	}
}

func TestBadReleaseIsRolledBackAndCondemned(t *testing.T) {
	for _, content := range []string{"v3 unhealthy", "v4 panics"} {
		t.Run(content, func(t *testing.T) {
			w := newWorld(t)
			w.offer = &image{content: content, version: "3"}
			w.mustInstall()
			w.settle()
			if w.booted != bootctl.A || w.table.Slots[bootctl.B].Bootable() || w.table.Slots[bootctl.B].Failed == "" {
				t.Errorf("booted %s, table %+v", w.booted, w.table)
			}
			if _, err := w.install(); !errors.Is(err, ErrRefusedRelease) {
				t.Errorf("install of a condemned release gave %v", err)
			}
			if _, err := w.engine().Install(context.Background(), InstallOptions{Reinstall: true}); err != nil {
				t.Errorf("install on the operator's word gave %v", err)
			}
		})
	}
}

func TestRollbackHappensWithoutJournal(t *testing.T) {
	w := newWorld(t)
	w.offer = &image{content: "v3 unhealthy"}
	w.mustInstall()
	w.journalErr = errors.New("no space left on device")
	w.settle()
	if w.booted != bootctl.A {
		t.Errorf("booted %s with table %+v", w.booted, w.table)
	}
}

func TestInstallIsRefusedDuringATrial(t *testing.T) {
	w := newWorld(t)
	w.offer = &image{content: "v2 healthy"}
	w.mustInstall()
	w.powerOn()
	w.offer = &image{content: "v9 healthy"}
	var refused *bootctl.RefusedError
	if _, err := w.install(); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	if w.content(bootctl.A) != "v1 healthy" {
		t.Error("the confirmed slot was written during a trial")
	}
}

func TestDamagedReleaseIsNotArmed(t *testing.T) {
	w := newWorld(t)
	w.offer = &image{content: "v2 healthy", damage: errors.New("MD5 differs")}
	if _, err := w.install(); err == nil || !strings.Contains(err.Error(), "MD5 differs") {
		t.Fatalf("got %v", err)
	}
	if w.table.Slots[bootctl.B].Bootable() || w.record().LastError == nil || w.record().Phase != Idle {
		t.Errorf("table %+v, record %+v", w.table, w.record())
	}
	w.offer.damage = nil
	w.mustInstall()
	w.settle()
	if w.booted != bootctl.B {
		t.Error("the mended release was not installed")
	}
}

func TestPublicationRaceStartsOverAndCondemnsNothing(t *testing.T) {
	w := newWorld(t)
	w.offer = &image{content: "v2 healthy", changes: 2}
	w.mustInstall()
	w.powerOn()

	w = newWorld(t)
	w.offer = &image{content: "v2 healthy", changes: 100}
	if _, err := w.install(); !errors.Is(err, source.ErrChanged) {
		t.Errorf("an endless race gave %v", err)
	}
	if len(w.record().Condemned) > 0 {
		t.Errorf("condemned %+v", w.record().Condemned)
	}
}

func TestImageThatDoesNotFitIsRefusedBeforeTheFirstWrite(t *testing.T) {
	w := newWorld(t)
	w.fill(bootctl.B, "what was there")
	w.offer = &image{content: strings.Repeat("x", 20<<10)}
	before := w.table
	if _, err := w.install(); !errors.Is(err, ErrRefusedRelease) || !strings.Contains(err.Error(), "has only 16384") {
		t.Errorf("got %v", err)
	}
	if w.content(bootctl.B) != "what was there" || w.table != before {
		t.Error("something was written")
	}
}

func TestRAUCEnvironmentGoesThroughAWholeUpdate(t *testing.T) {
	for content, want := range map[string]bootctl.Slot{"v2 healthy": bootctl.B, "v3 unhealthy": bootctl.A, "v4 panics": bootctl.A} {
		w := newWorld(t)
		w.caps = rauc
		w.table.Generation, w.table.ConfirmedTries = 0, 0
		w.table.Slots[bootctl.A].Tries = 3
		w.offer = &image{content: content}
		w.mustInstall()
		w.settle()
		if w.booted != want || w.table.Slots[w.booted].Tries != bootctl.DefaultTrialTries {
			t.Errorf("%s: booted %s with table %+v", content, w.booted, w.table)
		}
	}
}

// TestPowerCutAtEveryStep cuts the power at every moment of an install and of
// the boots after it. Whatever the moment: some system runs, only a whole
// image is ever started, a bad release never stays, and the good one is there
// in the end.
func TestPowerCutAtEveryStep(t *testing.T) {
	cuts := 0
	for _, caps := range []bootctl.Caps{counting, rauc, raucOnce, pointer, oneShot, bootNext} {
		for _, content := range []string{"v2 healthy", "v3 unhealthy", "v4 panics"} {
			for phase := range 4 {
				for cut := 1; ; cut++ {
					w := newWorld(t)
					w.caps = caps
					w.offer = &image{content: content}
					if !w.cutIn(phase, cut) {
						break
					}
					cuts++
					w.check(content)
					if t.Failed() {
						t.Fatalf("caps %+v, %s, cut %d in phase %d", caps, content, cut, phase)
					}
				}
			}
		}
	}
	t.Logf("%d power cuts", cuts)
	if cuts < 100 {
		t.Errorf("only %d power cuts: the test cuts nothing", cuts)
	}
}

// TestPowerCutBeforeAnArmedSlotIsWritten: the loader may still start the slot
// that the journal says was to be written. What is in it is then judged for
// what it is, and nothing is held against the release that was to come.
func TestPowerCutBeforeAnArmedSlotIsWritten(t *testing.T) {
	for _, caps := range []bootctl.Caps{counting, rauc, raucOnce, pointer, oneShot, bootNext} {
		for _, waiting := range []string{"v3 unhealthy", "v4 panics", "v5 healthy"} {
			for cut := 1; ; cut++ {
				w := newWorld(t)
				w.caps = caps
				w.offer = &image{content: waiting}
				w.mustInstall()
				w.offer = &image{content: "v2 healthy"}
				w.steps, w.cutAt = 0, cut
				if _, _ = w.install(); !w.dead {
					break
				}
				w.check("v2 healthy")
				if t.Failed() {
					t.Fatalf("caps %+v, over %s, cut %d", caps, waiting, cut)
				}
			}
		}
	}
}

// cutIn runs an update and cuts the power at the given step of its install
// (phase 0) or of the n-th boot after it. It reports whether the cut fell.
func (w *world) cutIn(phase, cut int) bool {
	w.t.Helper()
	if phase == 0 {
		w.cutAt = cut
		_, err := w.install()
		return w.dead || err != nil
	}
	w.mustInstall()
	for boot := 1; boot <= phase; boot++ {
		w.powerOn()
		if boot == phase {
			w.steps, w.cutAt = 0, cut
		}
		_, _ = w.engine().Boot(context.Background())
	}
	return w.dead
}

// check lets the device come back from a cut, and its agent try again.
func (w *world) check(content string) {
	w.t.Helper()
	w.settle()
	for range 2 {
		if _, err := w.install(); err == nil {
			w.settle()
		}
	}
	running := w.content(w.booted)
	want := "v1 healthy"
	if r := w.record(); w.caps == raucOnce && r.Phase == Committed && r.Held != nil && running == want {
		return // that script leaves a confirmed slot for the other after one boot without an answer
	}
	if content == "v2 healthy" {
		want = content
	}
	if running != want {
		w.t.Errorf("runs %q, want %q; table %+v, journal %s", running, want, w.table, w.saved)
	}
	if w.table.Slots[w.booted.Other()].Good && strings.Contains(w.content(w.booted.Other()), "unhealthy") {
		w.t.Errorf("a bad release is good in %+v", w.table)
	}
}
