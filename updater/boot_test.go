package updater

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"abota/bootctl"
)

// Two cuts leave an attempt. Three look like a system that hangs, which is not
// tried again by itself, but is no verdict either.
func TestPowerCutsDuringATrialAreNoFailure(t *testing.T) {
	for cuts, want := range map[int]bootctl.Slot{1: bootctl.B, 2: bootctl.B, 3: bootctl.A} {
		w := newWorld(t)
		w.offer = &image{content: "v2 healthy"}
		w.mustInstall()
		for range cuts {
			w.powerOn()
			ctx, cut := context.WithCancel(t.Context())
			cut()
			if _, err := w.engine().Boot(ctx); !errors.Is(err, context.Canceled) || w.booted != bootctl.B {
				t.Fatalf("booted %s, %v", w.booted, err)
			}
		}
		w.settle()
		if w.booted != want || len(w.record().Condemned) > 0 {
			t.Errorf("%d cuts: booted %s, want %s, record %s", cuts, w.booted, want, w.saved)
		}
		wantInstall := ErrNothingToDo
		if want == bootctl.A {
			wantInstall = ErrRefusedRelease
		}
		if _, err := w.install(); !errors.Is(err, wantInstall) {
			t.Errorf("%d cuts: the next install gave %v, want %v", cuts, err, wantInstall)
		}
	}
}

func TestUnhealthySlotWithoutAWayBackStaysUp(t *testing.T) {
	w := newWorld(t)
	w.fill(bootctl.A, "v1 unhealthy")
	w.table.Slots[bootctl.A].Good = false
	_, err := w.engine().Boot(context.Background())
	if !errors.Is(err, ErrUnhealthy) || !strings.Contains(err.Error(), "no way back") || w.rebooted {
		t.Errorf("got %v, rebooted %v", err, w.rebooted)
	}
	if primary, ok := w.table.Primary(); !ok || primary != bootctl.A {
		t.Errorf("table %+v", w.table)
	}
}

// The network may be back by the next boot.
func TestSlotWithoutAWayBackIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.table.Slots[bootctl.A] = bootctl.State{Priority: 1}
	w.healthErr = func(string) error { return errors.New("no network") }
	if _, err := w.boot(); !errors.Is(err, ErrUnhealthy) {
		t.Fatalf("got %v", err)
	}
	w.healthErr = func(string) error { return nil }
	w.settle()
	w.update("v2 healthy")
	if w.booted != bootctl.B {
		t.Errorf("booted %s with table %+v", w.booted, w.table)
	}
}

// heldDog is a watchdog that only remembers how it was left.
type heldDog struct {
	left string
	fed  []time.Duration
}

func (d *heldDog) Close() error { d.left += "closed"; return nil }
func (d *heldDog) Abandon()     { d.left += "abandoned" }

func (d *heldDog) Feed(within time.Duration) { d.fed = append(d.fed, within) }

// An abandoned watchdog resets the board: right where the device has to leave
// the slot, wrong where it stays.
func TestWatchdogIsLeftArmedOnlyWhereTheDeviceLeaves(t *testing.T) {
	for _, row := range []struct {
		name, content, want string
		interrupted, alone  bool
	}{
		{name: "healthy", content: "v2 healthy", want: "closed"},
		{name: "unhealthy", content: "v3 unhealthy", want: "abandoned"},
		{name: "shut down in the trial", content: "v2 healthy", interrupted: true, want: "abandoned"},
		{name: "unhealthy without a way back", content: "v3 unhealthy", alone: true, want: "closed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			w.offer = &image{content: row.content}
			w.mustInstall()
			w.powerOn()
			if row.alone {
				w.table.Slots[bootctl.A] = bootctl.State{}
			}
			ctx, cut := context.WithCancel(t.Context())
			defer cut()
			if row.interrupted {
				cut()
			}
			dog, e := &heldDog{}, w.engine()
			e.ProveWithin = time.Hour
			e.Watchdog = func() (Watchdog, error) { return dog, nil }
			if _, err := e.Boot(ctx); dog.left != row.want {
				t.Errorf("the watchdog is %q, want %q (%v)", dog.left, row.want, err)
			}
			// While the checks run, and then once more for the verdict.
			want := []time.Duration{time.Hour + judgeWithin, judgeWithin}
			if got := dog.fed; !slices.Equal(got, want) {
				t.Errorf("it is fed for %v, want %v", got, want)
			}
		})
	}
}

// Where somebody else holds the watchdog, the trial goes on without it.
func TestTrialGoesOnWithoutAWatchdog(t *testing.T) {
	for name, open := range map[string]func() (Watchdog, error){
		"left to who holds it": func() (Watchdog, error) { return nil, nil },
		"broken":               func() (Watchdog, error) { return nil, errors.New("broken") },
	} {
		w := newWorld(t)
		w.offer = &image{content: "v2 healthy"}
		w.mustInstall()
		w.powerOn()
		e := w.engine()
		e.Watchdog = open
		if report, err := e.Boot(t.Context()); err != nil || !report.Committed {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
}

// A confirmed slot that answers at every boot is never taken for exhausted.
func TestEveryAnsweredBootStaysInItsSlot(t *testing.T) {
	for _, tries := range []int{0, 1, 2, 3, 10} {
		w := newWorld(t)
		w.update("v2 healthy")
		w.table.ConfirmedTries = tries
		for s := range w.table.Slots {
			w.table.Slots[s].Tries = max(tries, bootctl.DefaultTrialTries)
		}
		for n := range 25 {
			w.powerOn()
			e := w.engine()
			e.ConfirmedTries = tries
			if _, err := e.Boot(t.Context()); err != nil || w.booted != bootctl.B {
				t.Fatalf("confirmed_tries %d: boot %d is in slot %s, %v", tries, n, w.booted, err)
			}
		}
	}
}

// An interrupted write stays explained until the next install, and the boots
// until then write nothing for it.
func TestBootsAfterAnInterruptedWriteChangeNothing(t *testing.T) {
	w := newWorld(t)
	w.offer = &image{content: "v2 healthy", version: "2"}
	w.powerOn()
	if _, err := w.engine().Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.cutAt = w.steps + 8
	if _, err := w.engine().Install(t.Context(), InstallOptions{}); err == nil {
		t.Fatal("the install was not cut")
	}
	generation, saved := w.table.Generation, string(w.saved)
	for boot := range 4 {
		w.powerOn()
		report, err := w.engine().Boot(t.Context())
		if err != nil || report.Action != StartOver {
			t.Fatalf("boot %d: %+v, %v", boot, report, err)
		}
		if w.table.Generation != generation || string(w.saved) != saved {
			t.Errorf("boot %d made generation %d of %d, or wrote the journal", boot, w.table.Generation, generation)
		}
	}
}
