package updater

import (
	"context"
	"errors"
	"fmt"

	"abota/bootctl"
	"abota/updater/tree"
)

// Service is what runs from directory slots. Where there is one, nothing is
// ever rebooted for an update: the link is moved and the service restarted,
// and that counts as a boot of the slot. So an install goes on to its verdict
// by itself, and whatever a process that was killed left half done is done by
// the next install, or the next `abota boot`.
type Service interface {
	// Startable reports whether a slot's folder is there at all.
	Startable(bootctl.Slot) bool
	// Point makes the link show this slot, durably, and touches nothing else.
	Point(bootctl.Slot) error
	// Restart ends what runs and starts what the link shows. It has a deadline
	// of its own.
	Restart(context.Context) error
}

// Follow makes the slot run that the table puts first, where that needs no
// reboot, and reports whether it did.
func (e *Engine) Follow(ctx context.Context) (bool, error) {
	if e.Service == nil {
		return false, nil
	}
	st, err := e.observe()
	if err != nil {
		return false, err
	}
	if next, ok := st.table.Primary(); !ok || next == e.Booted {
		return false, nil
	}
	_, err = e.takeOver(ctx, st)
	return err == nil, err
}

// standing is the table without directory slots that somebody removed: nothing
// can go back to them, or wait for them. It is stored with the next transition.
func (e *Engine) standing(table bootctl.Table) (_ bootctl.Table, gone [2]bool) {
	if e.Service == nil {
		return table, gone
	}
	for _, s := range bootctl.Slots {
		if gone[s] = !e.Service.Startable(s); gone[s] {
			table.Slots[s] = bootctl.State{Failed: table.Slots[s].Failed}
		}
	}
	return table, gone
}

// neverArmed is the highest generation of a table in which nothing was ever
// armed: it was made anew, and its record out of step with it.
const neverArmed = 2

// ours refuses to replace a folder that holds something which neither table
// nor journal ever heard of: it is somebody's data, and a wrong line in the
// configuration must not cost it. A device that was ever updated is past that:
// nothing may keep it from its next update, not even a lost state.
func (e *Engine) ours(st state, s bootctl.Slot) error {
	known := st.table.Generation > neverArmed || st.table.Slots[s] != (bootctl.State{}) || st.record != nil && (st.record.Slots[s].SHA256 != "" || st.record.Phase == Writing && st.record.Target == s)
	if e.Service == nil || known || tree.Made(e.Paths[s]) {
		return nil
	}
	occupied, err := tree.Occupied(e.Paths[s])
	if err != nil {
		return fmt.Errorf("look into slot %s: %w", s, err)
	}
	if occupied {
		return &bootctl.RefusedError{Reason: fmt.Sprintf("cannot install because slot %s (%s) holds files that no release put there: empty it, or, if it holds a working release, run `abota provision --both --force`", s, e.Paths[s])}
	}
	return nil
}

// takeOver is the boot of the slot that the table puts first: counted, as by a
// bootloader, before it begins, and followed by the trial if it needs one.
func (e *Engine) takeOver(ctx context.Context, st state) (committed bool, err error) {
	next, ok := st.table.Primary()
	if !ok || next == e.Booted {
		return false, nil
	}
	if err := e.leaveToStart(ctx); err != nil {
		return false, err
	}
	if in := &st.table.Slots[next]; !in.Good && in.Tries > 0 {
		in.Tries--
		if err := e.store(st.table); err != nil {
			return false, err
		}
	}
	if err := e.Service.Point(next); err != nil {
		return false, e.cannotPoint(st, next, err)
	}
	e.Booted, e.Moved = next, true
	if st, err = e.observe(); err != nil {
		return false, err
	}
	if st.decision.Action == Trial {
		return e.trial(ctx, st)
	}
	return false, e.startLinked(ctx)
}

// leaveToStart asks the hook that may put a restart off.
func (e *Engine) leaveToStart(ctx context.Context) error {
	next, id := e.bootsNext()
	err := e.beforeReboot(ctx, next, id)
	if err != nil {
		e.tell(EventDeferred, next, id, e.Code(err), err.Error())
		return err
	}
	e.tell(EventRestart, next, id, 0, "")
	return nil
}

// cannotPoint takes back what the link cannot follow: the release is not at
// fault, and its slot was never started.
func (e *Engine) cannotPoint(st state, next bootctl.Slot, cause error) error {
	cause = fmt.Errorf("slot %s cannot be started: %w", next, cause)
	if st.table.Slots[next].Good {
		return cause
	}
	disarmed, err := e.situation(st).Disarm()
	st.record = st.recordOrNew(e.Booted)
	return errors.Join(cause, e.dropTarget(st, disarmed, err))
}

// restart starts what the link shows.
func (e *Engine) restart(ctx context.Context) error {
	if err := e.Service.Restart(ctx); err != nil {
		return fmt.Errorf("slot %s: %w: %w", e.Booted, ErrNotStarted, err)
	}
	e.Moved = false
	return nil
}

// startLinked is restart outside of a trial. It stays owed until it has
// succeeded, so that whoever is killed before leaves it to the next verb.
func (e *Engine) startLinked(ctx context.Context) error {
	e.noteUnstarted(e.BootID)
	if err := e.restart(ctx); err != nil {
		return err
	}
	e.noteUnstarted("")
	return nil
}

func (e *Engine) noteUnstarted(boot string) {
	st, err := e.observe()
	if err != nil || st.record == nil || st.stale || st.record.Unstarted == boot {
		return
	}
	st.record.Unstarted = boot
	e.saveAnyway(st.record, st.table)
}

// unlikeLink reports whether something else may be running than the link
// shows. Only at the first look in a boot is it known what runs: init started
// it after the link was set.
func (e *Engine) unlikeLink(st state) bool {
	if e.Service == nil {
		return false
	}
	return e.Moved || st.record == nil || st.stale || st.record.BootID == e.BootID
}

// goBack is the reboot after a rollback. Without a restart that stays owed, so
// that the next verb tries again.
func (e *Engine) goBack(ctx context.Context, reason string) error {
	left, back := e.Booted, e.Booted.Other()
	if err := e.leaveToStart(ctx); err != nil {
		e.Log.Warn("a rollback is not deferred", "error", err)
	}
	if err := e.Service.Point(back); err != nil {
		return fmt.Errorf("slot %s is unhealthy (%s), but cannot be left: %w", left, reason, err)
	}
	e.Booted, e.Moved = back, true
	unhealthy := fmt.Errorf("slot %s: %w: %s", left, ErrUnhealthy, reason)
	if err := e.startLinked(ctx); err != nil {
		return fmt.Errorf("%w; the link shows slot %s again, but that could not be started either: %w", unhealthy, back, err)
	}
	if st, err := e.observe(); err == nil && st.decision.Action == DoNothing {
		e.settle(st)
	}
	return unhealthy
}

// startOwed is for a process that was killed between the link and the restart,
// for a restart that failed, and for a link that was wrong when the device
// started. A trial sees to its own.
func (e *Engine) startOwed(ctx context.Context, did Action) error {
	if e.Service == nil || did == Trial || !e.Moved && !e.StartOwed() {
		return nil
	}
	return e.startLinked(ctx)
}

// StartOwed reports whether what the link shows has still to be started in this
// boot.
func (e *Engine) StartOwed() bool {
	r := e.loadRecord()
	return e.Service != nil && r != nil && r.Unstarted == e.BootID
}

// wentBack reports whether an error is of a device that runs the other slot
// already.
func (e *Engine) wentBack(err error) bool { return e.Service != nil && errors.Is(err, ErrUnhealthy) }

// concluded is an install that goes on to its verdict. Where the hook defers
// the restart, the slot stays armed.
func (e *Engine) concluded(ctx context.Context, out Outcome) (Outcome, error) {
	st, err := e.observe()
	if err != nil {
		return out, err
	}
	out.Committed, err = e.takeOver(ctx, st)
	out.RebootRequired = err != nil && e.Booted != out.Slot && !e.wentBack(err)
	if err == nil || e.wentBack(err) {
		e.RunOwed(ctx)
	}
	return out, err
}
