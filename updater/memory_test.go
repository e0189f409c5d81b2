package updater

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"testing"

	"abota/bootctl"
	"abota/updater/source"
)

var errDamaged = errors.New("MD5 differs")

// refusesToTrust: nothing proves that the slot holds a whole image.
func (w *world) refusesToTrust(s bootctl.Slot) {
	w.t.Helper()
	var refused *bootctl.RefusedError
	if _, err := w.engine().MarkGood(s); !errors.As(err, &refused) {
		w.t.Errorf("mark good %s of a half-written slot gave %v; table %+v, journal %s", s, err, w.table, w.saved)
	}
}

// The table knows the digest: only the first poll has to fetch the release to
// compare, and even that one leaves the slot out of the order.
func TestCondemnedReleaseIsKnownWithoutJournal(t *testing.T) {
	w := newWorld(t)
	w.update("v3 unhealthy")
	w.saved = nil
	if _, err := w.install(); !errors.Is(err, ErrRefusedRelease) || w.table.Slots[bootctl.B].Bootable() {
		t.Errorf("got %v, table %+v", err, w.table)
	}
	w.fill(bootctl.B, "not written again")
	if _, err := w.install(); !errors.Is(err, ErrRefusedRelease) || w.content(bootctl.B) != "not written again" {
		t.Errorf("the second poll gave %v and left %q", err, w.content(bootctl.B))
	}
}

// The real journal overwrites the older of two copies, and the newer one may
// be the one that is lost.
func TestInterruptedInstallLeavesNoCopyOfTheJournalThatProvesTheSlot(t *testing.T) {
	interrupted := 0
	for cut := 1; ; cut++ {
		w := newWorld(t)
		w.update("v2 healthy")
		w.update("v3 healthy") // runs in A; B is proven
		before := w.sum(bootctl.B)
		w.offer = &image{content: "v4 healthy"}
		w.steps, w.cutAt = 0, cut
		_, err := w.install()
		if err == nil {
			break
		}
		if w.record().Phase == Armed {
			continue
		}
		if w.table.Slots[bootctl.B].Bootable() {
			if w.sum(bootctl.B) != before {
				t.Errorf("cut %d: the slot was written before it left the order", cut)
			}
			continue
		}
		interrupted++
		for copied, payload := range map[string][]byte{"newest": w.saved, "former": w.former} {
			if r, err := decodeRecord(payload); err != nil || r.Slots[bootctl.B].Proven {
				t.Errorf("cut %d: the %s copy proves the slot: %s, %v", cut, copied, payload, err)
			}
		}
		w.saved = w.former
		w.powerOn()
		w.refusesToTrust(bootctl.B)
	}
	if interrupted < 4 {
		t.Errorf("only %d writes were interrupted", interrupted)
	}
}

// sum is a fingerprint of the whole slot.
func (w *world) sum(s bootctl.Slot) [sha256.Size]byte {
	w.t.Helper()
	all, err := os.ReadFile(w.paths[s])
	if err != nil {
		w.t.Fatal(err)
	}
	return sha256.Sum256(all)
}

// As from a backup of the state directory.
func TestJournalOfAnEarlierUpdateProvesNothing(t *testing.T) {
	w := newWorld(t)
	w.update("v2 healthy")
	w.update("v3 healthy")
	old := w.saved // proves both slots
	w.update("v4 healthy")
	w.update("v5 healthy")
	w.offer = &image{content: "v6 healthy", damage: errDamaged}
	if _, err := w.install(); !errors.Is(err, errDamaged) {
		t.Fatalf("install gave %v", err)
	}
	w.saved = old
	w.powerOn()
	w.refusesToTrust(bootctl.B)
}

// What is being written is no longer what the slot held, even where the power
// went before the table knew of it.
func TestSlotThatWasToBeWrittenHoldsNoKnownRelease(t *testing.T) {
	w := newWorld(t)
	w.update("v2 healthy")
	w.update("v3 healthy")
	w.offer = &image{content: "v4 healthy"}
	for cut := 1; w.record().Phase != Writing; cut++ {
		w.dead, w.steps, w.cutAt = false, 0, cut
		if _, err := w.install(); !errors.Is(err, errPowerLost) {
			t.Fatalf("no cut falls between journal and table: %v", err)
		}
	}
	if !w.table.Slots[bootctl.B].Good {
		t.Fatalf("the table has moved: %+v", w.table)
	}
	for _, s := range []bootctl.Slot{bootctl.A, bootctl.B} {
		w.start(s) // B although it left the order: there is no kernel in A any more
		if _, err := w.boot(); err != nil {
			t.Fatal(err)
		}
	}
	w.offer = &image{content: "v2 healthy"}
	if out, err := w.engine().Check(t.Context(), InstallOptions{Reinstall: true}); errors.Is(err, ErrNothingToDo) {
		t.Errorf("check gave %v (%+v)", err, out)
	}
}

// A poll may come before abota boot.
func TestInstallBeforeBootLosesNoVerdict(t *testing.T) {
	w := newWorld(t)
	w.offer = &image{content: "v4 panics"}
	w.mustInstall()
	w.powerOn()
	if _, err := w.install(); !errors.Is(err, ErrRefusedRelease) || len(w.record().Condemned) != 1 {
		t.Errorf("got %v, condemned %+v", err, w.record().Condemned)
	}
}

func TestLostTableIsRebuiltFromJournalAndBootedSlot(t *testing.T) {
	w := newWorld(t)
	w.offer = &image{content: "v2 healthy"}
	w.mustInstall()
	w.settle()
	w.none = true
	w.powerOn()
	if w.booted != bootctl.A {
		t.Fatal("the model boots the factory default")
	}
	report, err := w.engine().Boot(context.Background())
	if err != nil || !report.Rebuilt {
		t.Fatalf("%+v, %v", report, err)
	}
	if primary, _ := w.table.Primary(); primary != bootctl.B || !w.table.Slots[bootctl.A].Good || !w.table.Slots[bootctl.B].Good {
		t.Errorf("rebuilt table %+v", w.table)
	}
	w.settle()
	if w.booted != bootctl.B {
		t.Errorf("booted %s", w.booted)
	}
}

func TestTableThatTheLoaderFoundIsNotMadeAnew(t *testing.T) {
	w := newWorld(t)
	w.offer = &image{content: "v2 healthy"}
	w.mustInstall()
	w.settle()
	w.none = true
	before := w.table
	e := w.engine()
	e.TableSeen = true
	report, err := e.Boot(context.Background())
	if !errors.Is(err, bootctl.ErrNoTable) || report.Rebuilt || report.Action != Unknown || w.table != before {
		t.Errorf("%+v, %v, table %+v", report, err, w.table)
	}
}

func TestLostTableInATrialEndsItWithoutAVerdict(t *testing.T) {
	w := newWorld(t)
	w.offer = &image{content: "v2 healthy"}
	w.mustInstall()
	w.none = true
	w.settle()
	if w.booted != bootctl.A || w.table.Slots[bootctl.B].Bootable() || len(w.record().Condemned) > 0 {
		t.Errorf("booted %s, table %+v, record %+v", w.booted, w.table, w.record())
	}
	w.mustInstall()
}

// The factory default is all that the loader has without a table, and it may
// hold anything.
func TestLostTableStartsNothingOfWhichWorseIsKnown(t *testing.T) {
	for name, prepare := range map[string]func(*world){
		"half-written": func(w *world) {
			w.offer = &image{content: "v3 healthy"}
			w.interrupt()
		},
		"condemned": func(w *world) {
			w.update("v3 unhealthy")
			w.healthErr = func(string) error { return nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.update("v2 healthy")
			prepare(w)
			verdicts := len(w.record().Condemned)
			w.none = true
			w.powerOn()
			if w.booted != bootctl.A {
				t.Fatal("the model boots the factory default")
			}
			report, err := w.boot()
			if !errors.Is(err, ErrUnhealthy) || report.Action != Leave || report.Committed || !w.rebooted {
				t.Errorf("boot gave %+v, %v", report, err)
			}
			w.settle()
			if w.booted != bootctl.B || w.table.Slots[bootctl.A].Bootable() || len(w.record().Condemned) != verdicts {
				t.Errorf("booted %s, table %+v, journal %s", w.booted, w.table, w.saved)
			}
		})
	}
}

func TestFellBackIsReportedAndNotReinstalledByItself(t *testing.T) {
	w := newWorld(t)
	w.update("v2 healthy")
	w.fill(bootctl.B, "its kernel panics now")
	w.powerOn()
	report, err := w.boot()
	if err != nil || w.booted != bootctl.A || report.Action != FellBack {
		t.Fatalf("booted %s, %+v, %v", w.booted, report, err)
	}
	if _, err := w.install(); !errors.Is(err, ErrRefusedRelease) {
		t.Errorf("install gave %v", err)
	}
	w.update("v3 unhealthy")
	w.offer = &image{content: "v2 healthy"}
	if _, err := w.install(); !errors.Is(err, ErrRefusedRelease) {
		t.Errorf("after another update install gave %v", err)
	}
}

// Stamping it anew would make it speak of a table that it does not know.
func TestFailedInstallMakesNoStaleRecordBelieved(t *testing.T) {
	w := newWorld(t)
	if err := w.engine().save(recordAt(Failed), bootctl.Table{Generation: gen}); err != nil {
		t.Fatal(err)
	}
	w.table, w.booted = tableAt(gen+4, goodSecond, goodFirst), bootctl.B
	if _, err := w.install(); !errors.Is(err, source.ErrNotFound) {
		t.Fatalf("install gave %v", err)
	}
	s, err := w.engine().Status()
	if err != nil || s.Decision != DoNothing.String() || s.LastError == nil {
		t.Errorf("status %+v, %v", s, err)
	}
}

// An older abota comes back with the slot that the device falls back to.
func TestRecordOfANewerAbotaLosesNothing(t *testing.T) {
	w := newWorld(t)
	w.saved = []byte(`{"phase":"downloading","generation":1,"target":"B","release":{},"slots":[{"release":{},"proven":true,"confirmed":true},{"release":{},"proven":true,"confirmed":true}],"condemned":[{"release":{"checksum":"bad"},"reason":"x","at":"2023-11-14T22:13:20Z"}],"floors":{"v":7}}`)
	if _, err := w.boot(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.install(); !errors.Is(err, source.ErrNotFound) {
		t.Fatalf("install gave %v", err)
	}
	r := w.record()
	if len(r.Condemned) != 1 || string(r.unknown["floors"]) != `{"v":7}` || r.Phase != "downloading" || r.LastError == nil {
		t.Errorf("left of it: %s", w.saved)
	}
}
