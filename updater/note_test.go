package updater

import (
	"errors"
	"io/fs"
	"testing"

	"abota/bootctl"
	"abota/updater/release"
)

// noted is a world whose images say what they are.
func noted(t *testing.T, notes map[bootctl.Slot]release.Note) *world {
	w := newWorld(t)
	w.note = func(s bootctl.Slot) (release.Note, error) {
		n, ok := notes[s]
		if !ok {
			return n, fs.ErrNotExist
		}
		return n, nil
	}
	return w
}

func TestTheImageNamesARelease(t *testing.T) {
	w := noted(t, map[bootctl.Slot]release.Note{bootctl.A: {Version: "1.0"}, bootctl.B: {Version: "2.0", Floor: "1.5"}})
	w.settle()
	if v := w.record().Slots[bootctl.A].Release.Version; v != "1.0" {
		t.Errorf("the factory image is %q", v)
	}
	w.update("v2 healthy")
	r := w.record()
	if r.Slots[bootctl.B].Release.Version != "2.0" || r.Release.Version != "2.0" || r.Floor != "1.5" {
		t.Errorf("journal %s", w.saved)
	}
	if r.Slots[bootctl.A].Release.Version != "1.0" {
		t.Errorf("the other slot was renamed: %s", w.saved)
	}
	saved := string(w.saved)
	w.settle()
	if string(w.saved) != saved {
		t.Errorf("a boot that learned nothing wrote the journal:\n%s\n%s", saved, w.saved)
	}
}

func TestThePublishersNameStays(t *testing.T) {
	w := noted(t, map[bootctl.Slot]release.Note{bootctl.B: {Version: "2.0"}})
	w.offer = &image{content: "v2 healthy", version: "spring"}
	w.mustInstall()
	w.settle()
	if v := w.record().Slots[bootctl.B].Release.Version; v != "spring" {
		t.Errorf("the release is %q", v)
	}
}

func TestOnlyACommitRaisesTheFloor(t *testing.T) {
	w := noted(t, map[bootctl.Slot]release.Note{bootctl.A: {Version: "1", Floor: "3"}, bootctl.B: {Version: "2", Floor: "7"}})
	w.settle()
	w.update("v3 unhealthy")
	if floor := w.record().Floor; floor != "" {
		t.Errorf("a boot or a bad release raised the floor to %s", floor)
	}
	w.update("v2 healthy") // in B
	w.update("v4 healthy") // in A, whose floor is lower
	if floor := w.record().Floor; floor != "7" || w.booted != bootctl.A {
		t.Errorf("floor %q, booted %s", floor, w.booted)
	}
	if s, err := w.engine().Status(); err != nil || s.Floor != "7" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestMarkGoodInATrialRaisesTheFloor(t *testing.T) {
	w := noted(t, map[bootctl.Slot]release.Note{bootctl.B: {Version: "2", Floor: "7"}})
	w.offer = &image{content: "v2 healthy"}
	w.mustInstall()
	w.powerOn()
	if _, err := w.engine().MarkGood(bootctl.B); err != nil {
		t.Fatal(err)
	}
	if r := w.record(); r.Floor != "7" || r.Slots[bootctl.B].Release.Version != "2" {
		t.Errorf("journal %s", w.saved)
	}
}

func TestANoteThatCannotBeReadIsNoFailure(t *testing.T) {
	w := newWorld(t)
	w.note = func(bootctl.Slot) (release.Note, error) { return release.Note{}, errors.New("garbage") }
	w.update("v2 healthy")
	if w.booted != bootctl.B || w.record().Phase != Committed {
		t.Errorf("booted %s, journal %s", w.booted, w.saved)
	}
}
