package hostile

import (
	"errors"
	"fmt"
	"strings"

	"abota/bootctl"
	"abota/sim/cutdisk"
	"abota/updater"
)

// Exit codes that a failing disk may end in.
const (
	exitFailed    = 1
	exitRefused   = 7
	exitUnhealthy = 8
)

// judge holds the device against its contract right after an act, whose error
// is given, while the fault lasts.
func (w *world) judge(a act, err error, m misfortune) error {
	cuts := w.states(onTable, m)
	for _, image := range cuts {
		t, lerr := w.table(image)
		if lerr != nil {
			if a.lost {
				continue
			}
			return fmt.Errorf("the boot table is lost: %w", lerr)
		}
		if wrong := w.safe(a, t, m); wrong != nil {
			return wrong
		}
		if wrong := w.kept(a, t, err, m); wrong != nil {
			return wrong
		}
	}
	return w.spoken(err, m)
}

// states are what lies on a medium, and what would if the power went now.
func (w *world) states(on medium, m misfortune) [][]byte {
	all := [][]byte{w.disks[on].Image()}
	if m.on == on && m.forgets {
		return all
	}
	for cut := range w.disks[on].CutNow(cutdisk.Options{}) {
		all = append(all, cut.Image)
	}
	return all
}

// safe: whatever the loader takes from the order can be started, and the
// running slot has not lost its place.
func (w *world) safe(a act, t bootctl.Table, m misfortune) error {
	for _, s := range t.Order() {
		if s == w.booted {
			continue
		}
		for _, content := range w.states(onSlot, m) {
			if w.wholeIn(content) == nil {
				return fmt.Errorf("slot %s is in the boot order %v and holds nothing whole", s, t.Order())
			}
		}
	}
	running := t.Slots[w.booted]
	if !a.leaves && !a.lost && !w.copyLost(m) && (!running.Bootable() || !running.Good && !a.trial) {
		return fmt.Errorf("the running slot lost its place: order %v, %+v", t.Order(), running)
	}
	for _, s := range t.Order() {
		if t.Slots[s].Good {
			return nil
		}
	}
	return fmt.Errorf("no confirmed slot is left in the order: %+v", t)
}

// kept: success was not reported for what did not happen, and no journal
// stopped what it must not stop.
func (w *world) kept(a act, t bootctl.Table, err error, m misfortune) error {
	if err == nil || errors.Is(err, updater.ErrUnhealthy) {
		wrong := a.wants(w, t)
		if wrong != nil && !w.misled(a, m) {
			return fmt.Errorf("success was reported, but: %w", wrong)
		}
		return nil
	}
	if m.on == onJournal && a.goesOn {
		return fmt.Errorf("the journal stopped it")
	}
	return nil
}

// misled: what the device could read was another true state, and by that one
// it may have had another thing to do. That is no excuse for an install.
func (w *world) misled(a act, m misfortune) bool {
	blind := w.loader == rauc && m.on == onJournal // which alone knows of a trial there
	return (m.misleads || blind) && !a.strict
}

// copyLost: what the newest copy of the table held cannot be read any more,
// and no loader has counted in it, so that what counts is the table of before.
func (w *world) copyLost(m misfortune) bool {
	return w.loader == none && m.on == onTable && m.fault.Place
}

// spoken: the error is clear, and so is the exit code.
func (w *world) spoken(err error, m misfortune) error {
	if err == nil || m.name == "" {
		return nil
	}
	code := w.code(err)
	switch {
	case errors.Is(err, updater.ErrUnhealthy):
		if code != exitUnhealthy {
			return fmt.Errorf("exit code %d, not %d", code, exitUnhealthy)
		}
		return nil
	case code == exitRefused && m.reads() && errors.As(err, new(*bootctl.RefusedError)):
		return nil // by what was read it was right
	case code != exitFailed:
		return fmt.Errorf("exit code %d, not %d", code, exitFailed)
	}
	if reason := m.fault.Err; reason != nil && !strings.Contains(err.Error(), reason.Error()) {
		return fmt.Errorf("the error does not say why: %w", reason)
	}
	if object := w.object(m.on); !strings.Contains(err.Error(), object) {
		return fmt.Errorf("the error does not name the %s (%q)", m.on, object)
	}
	return nil
}

// object is how errors name a medium.
func (w *world) object(on medium) string {
	switch {
	case on == onJournal:
		return "journal"
	case on == onSlot:
		return w.paths[w.booted.Other()]
	case w.loader == none:
		return "boot record"
	}
	return "U-Boot environment"
}

// recover: once the fault is gone, the device finds back by itself. done says
// that the act ended in success, by what is really there.
func (w *world) recover(a act, done bool) error {
	if err := w.settle(); err != nil {
		return err
	}
	// An agent that polls installs what is offered unless there is a verdict.
	if a.runs == third && w.images[w.booted] != w.image(third) {
		if err := w.update(w.image(third)); err != nil {
			return err
		}
	}
	if running := w.images[w.booted]; a.runs != "" && (done || !a.byHand) && running != w.image(a.runs) {
		return fmt.Errorf("%s runs, not %s", running.title(), a.runs)
	}
	if err := w.update(w.image(later)); err != nil {
		return err
	}
	if running := w.images[w.booted]; running != w.image(later) {
		return fmt.Errorf("the next release is not kept: %s runs", running.title())
	}
	return nil
}
