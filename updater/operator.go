package updater

import (
	"fmt"

	"abota/bootctl"
	"abota/updater/hook"
)

// MarkResult is what a mark or rollback left behind.
type MarkResult struct {
	Slot bootctl.Slot
	// RebootRequired says that the loader's first choice is not what runs.
	RebootRequired bool
}

// MarkGood confirms a slot on the operator's word, and takes back a verdict
// on the release in it. In a trial it is the commit.
func (e *Engine) MarkGood(slot bootctl.Slot) (MarkResult, error) {
	return e.mark("good", slot, e.save, func(sit bootctl.Situation, r *Record) (bootctl.Table, error) {
		r.acquit(r.Slots[slot].Release)
		r.Slots[slot].Confirmed = true
		next, err := sit.MarkGood(slot)
		if sit.InTrial() {
			r.settleOn(next)
			n := e.note()
			e.learnVersion(r, n)
			r.raiseFloor(n)
			e.owe(r, hook.AfterCommit, slot, r.Release, "")
		}
		return next, err
	})
}

// MarkBad takes a slot out of the boot order and condemns the release in it.
func (e *Engine) MarkBad(slot bootctl.Slot) (MarkResult, error) {
	return e.mark("bad", slot, e.save, func(sit bootctl.Situation, r *Record) (bootctl.Table, error) {
		id := r.Slots[slot].Release
		r.condemn(id, "marked bad by the operator", e.Now().UTC())
		r.Slots[slot].Confirmed = false
		next, err := sit.MarkBad(slot, bootctl.ShortDigest(id.SHA256))
		r.settleOn(next)
		return next, err
	})
}

// MarkActive makes a confirmed slot the one that boots next.
func (e *Engine) MarkActive(slot bootctl.Slot) (MarkResult, error) {
	return e.mark("active", slot, e.save, func(sit bootctl.Situation, r *Record) (bootctl.Table, error) {
		next, err := sit.MarkActive(slot)
		r.settleOn(next)
		return next, err
	})
}

// byOperator is why a release is left that nothing was wrong with.
const byOperator = "rolled back by the operator"

// Rollback leaves the booted slot for the other one at the next reboot, and
// condemns the release that it leaves. A journal that cannot be written does
// not stop it.
func (e *Engine) Rollback() (MarkResult, error) {
	save := func(r *Record, table bootctl.Table) error {
		e.saveAnyway(r, table)
		return nil
	}
	return e.mark("active", e.Booted.Other(), save, func(sit bootctl.Situation, r *Record) (bootctl.Table, error) {
		id := r.Slots[e.Booted].Release
		r.condemn(id, byOperator, e.Now().UTC())
		if sit.InTrial() {
			r.Slots[e.Booted].Confirmed = false
		}
		next, err := sit.Rollback(bootctl.ShortDigest(id.SHA256))
		r.settleOn(next)
		e.owe(r, hook.AfterRollback, e.Booted.Other(), id, byOperator)
		return next, err
	})
}

// settleOn ends whatever was under way: the operator chose what boots.
func (r *Record) settleOn(next bootctl.Table) {
	chosen, _ := next.Primary()
	r.Phase, r.Target, r.Release = Committed, chosen, r.Slots[chosen].Release
	r.LastError, r.Owed = nil, nil
}

// mark runs one legal verb: the journal first, then the pointer. A refusal
// changes neither.
func (e *Engine) mark(as string, slot bootctl.Slot, save func(*Record, bootctl.Table) error, verb func(bootctl.Situation, *Record) (bootctl.Table, error)) (MarkResult, error) {
	st, err := e.observeToChange()
	if err != nil {
		return MarkResult{}, err
	}
	sit, r := e.situation(st), st.recordOrNew(e.Booted)
	next, err := verb(sit, r)
	if err != nil {
		return MarkResult{Slot: slot}, err
	}
	r.BootID = e.BootID
	primary, ok := next.Primary()
	if e.Service != nil && ok && primary != e.Booted {
		r.Unstarted = e.BootID
	}
	if err := save(r, st.table); err != nil {
		return MarkResult{Slot: slot}, err
	}
	if err := e.store(next); err != nil {
		return MarkResult{Slot: slot}, fmt.Errorf("slot %s: %w", slot, err)
	}
	e.tell(EventMarked, slot, r.Slots[slot].Release, 0, as)
	return MarkResult{Slot: slot, RebootRequired: ok && primary != e.Booted}, nil
}
