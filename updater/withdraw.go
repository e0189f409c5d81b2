package updater

import (
	"fmt"

	"abota/bootctl"
	"abota/updater/hook"
	"abota/updater/release"
)

// Withdraw takes back a release that waits for its first boot, or is on trial,
// because whoever offered it does not want it any more. Nothing is held against
// it: it may be installed again. Leave says that it runs, out of the boot order
// already, and that what is missing is [Engine.RestartAnyway], or for directory
// slots [Engine.Follow]: also where an earlier call came no further.
// ErrNothingToDo when it neither waits for its first boot nor is on trial.
func (e *Engine) Withdraw(id release.ID, reason string) (leave bool, err error) {
	st, err := e.observe()
	if err != nil {
		return false, err
	}
	r := st.recordOrNew(e.Booted)
	f := fateOf(id, r, st.table, e.Booted, st.decision)
	switch {
	case f.Standing != Waits && f.Standing != OnTrial, f.Standing == Waits && st.table.Slots[e.Booted.Other()].Good:
		return false, fmt.Errorf("release %s neither waits for a restart nor is on trial: %w", id.Name(), ErrNothingToDo)
	case f.Standing == OnTrial && st.decision.Action == Trial:
		return true, e.leaveTrial(f.Release, reason)
	case f.Standing == OnTrial && st.decision.Action == RebootRequired:
		return true, nil
	}
	return false, e.withdrawArmed(st, r, f.Release, reason)
}

// withdrawArmed moves the pointer before the journal says so: a power cut
// between the two leaves a slot that never reached the boot order, which is all
// that it is.
func (e *Engine) withdrawArmed(st state, r *Record, id release.ID, reason string) error {
	next, err := e.situation(st).Disarm()
	if err != nil {
		return err
	}
	// Or the record would be out of step, and no longer explain the slot.
	if err := e.save(r, st.table); err != nil {
		return err
	}
	st.record = r
	if err := e.dropTarget(st, next, nil); err != nil {
		return err
	}
	e.tell(EventWithdrawn, e.Booted.Other(), id, 0, reason)
	return nil
}

// leaveTrial is the operator's rollback without a verdict on the release. A
// power cut before the pointer moved leaves the trial as it was.
func (e *Engine) leaveTrial(id release.ID, reason string) error {
	_, err := e.mark("active", e.Booted.Other(), e.save, func(sit bootctl.Situation, r *Record) (bootctl.Table, error) {
		r.Slots[e.Booted].Confirmed = false
		next, err := sit.Rollback("")
		if err == nil {
			r.settleOn(next)
			e.owe(r, hook.AfterRollback, e.Booted.Other(), id, reason)
		}
		return next, err
	})
	if err == nil {
		e.tell(EventWithdrawn, e.Booted, id, 0, reason)
	}
	return err
}
