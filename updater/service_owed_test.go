package updater

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"abota/bootctl"
	"abota/updater/tree"
)

// A device whose old slot cannot be started, as with an empty one, still takes
// the release that mends it.
func TestSlotThatCannotBeStartedHoldsUpNoInstall(t *testing.T) {
	f := newFolders(t)
	if err := os.WriteFile(filepath.Join(f.paths[bootctl.A], "image"), []byte("v1 panics"+end), 0o644); err != nil {
		t.Fatal(err)
	}
	f.offer = &image{content: "v2 unhealthy"}
	if _, err := f.install(); !errors.Is(err, ErrUnhealthy) || !errors.Is(err, ErrNotStarted) || !f.engine().StartOwed() {
		t.Fatalf("got %v, journal %s", err, f.saved)
	}
	f.offer = &image{content: "v3 healthy"}
	if _, err := f.install(); err != nil || f.runs != "v3 healthy" || f.engine().StartOwed() {
		t.Errorf("got %v, %q runs, journal %s", err, f.runs, f.saved)
	}
}

// Wherever abota is killed in an operator's rollback, the next verb starts what
// the link shows.
func TestKilledRollbackIsFinished(t *testing.T) {
	cuts := 0
	for cut := 1; ; cut++ {
		f := newFolders(t)
		f.offer = &image{content: "v2 healthy"}
		if _, err := f.install(); err != nil {
			t.Fatal(err)
		}
		f.steps, f.cutAt = 0, cut
		e := f.engine()
		if _, err := e.Rollback(); err == nil {
			_, _ = e.Follow(t.Context())
		}
		if !f.dead {
			break
		}
		cuts++
		f.revive()
		if _, err := f.boot(); err != nil || f.runs != f.content(f.link) || f.engine().StartOwed() {
			t.Errorf("cut %d: %v, %q runs, the link shows %q, journal %s", cut, err, f.runs, f.content(f.link), f.saved)
		}
	}
	if cuts < 5 {
		t.Errorf("only %d cuts: the test cuts nothing", cuts)
	}
}

// Whichever slot somebody removes, the device takes the next release.
func TestSlotThatIsGoneHoldsUpNothing(t *testing.T) {
	for _, row := range []struct {
		name   string
		gone   bootctl.Slot
		reboot bool
	}{{"the other", bootctl.A, false}, {"the other", bootctl.A, true}, {"the running", bootctl.B, false}, {"the running", bootctl.B, true}} {
		f := newFolders(t)
		f.offer = &image{content: "v2 healthy"}
		if _, err := f.install(); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(f.paths[row.gone]); err != nil {
			t.Fatal(err)
		}
		if row.reboot {
			f.powerOn()
		}
		f.link = row.gone.Other() // as package symlink repairs it
		if f.Startable(f.link) == f.Startable(row.gone) {
			t.Fatal("both are gone, or none")
		}
		e := f.engine()
		e.Moved = !row.reboot
		if _, err := e.Boot(t.Context()); err != nil || f.runs != f.content(f.link) {
			t.Errorf("%s, rebooted %t: %v, %q runs", row.name, row.reboot, err, f.runs)
		}
		var refused *bootctl.RefusedError
		if _, err := f.engine().Rollback(); !errors.As(err, &refused) {
			t.Errorf("%s, rebooted %t: rollback to nothing: %v", row.name, row.reboot, err)
		}
		if _, err := f.engine().MarkGood(row.gone); !errors.As(err, &refused) {
			t.Errorf("%s, rebooted %t: nothing is marked good: %v", row.name, row.reboot, err)
		}
		f.offer = &image{content: "v3 healthy"}
		if _, err := f.install(); err != nil || f.runs != "v3 healthy" {
			t.Errorf("%s, rebooted %t: %v, %q runs, table %+v, journal %s", row.name, row.reboot, err, f.runs, f.table, f.saved)
		}
	}
}

// Without table and journal the device still knows its own trees, where the
// file system can say so.
func TestLostStateHoldsUpNoUpdate(t *testing.T) {
	f := newFolders(t)
	for _, content := range []string{"v2 healthy", "v3 healthy"} {
		f.offer = &image{content: content}
		if _, err := f.install(); err != nil {
			t.Fatal(err)
		}
	}
	if !tree.Made(f.paths[bootctl.B]) {
		t.Skip("this file system keeps no extended attributes")
	}
	f.none, f.saved = true, nil
	f.offer = &image{content: "v4 healthy"}
	if _, err := f.install(); err != nil || f.runs != "v4 healthy" {
		t.Errorf("got %v, %q runs", err, f.runs)
	}
}
