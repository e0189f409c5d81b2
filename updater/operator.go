package updater

import (
	"fmt"

	"abota/bootctl"
)

// MarkResult is what a mark or rollback left behind.
type MarkResult struct {
	Slot bootctl.Slot
	// RebootRequired says that the loader's first choice is not what runs.
	RebootRequired bool
}

// MarkGood confirms a slot on the operator's word, and takes back a verdict
// on the release in it.
func (e *Engine) MarkGood(slot bootctl.Slot) (MarkResult, error) {
	return e.mark(slot, func(sit bootctl.Situation, r *Record) (bootctl.Table, error) {
		r.acquit(r.Slots[slot].Release)
		if r.Held != nil && r.Held.Release.Same(r.Slots[slot].Release) {
			r.Held = nil
		}
		r.Slots[slot].Confirmed = true
		if slot == e.Booted {
			r.Phase, r.Target, r.Origin, r.Release = Committed, slot, slot.Other(), r.Slots[slot].Release
		}
		return sit.MarkGood(slot)
	})
}

// MarkBad takes a slot out of the boot order and condemns the release in it.
func (e *Engine) MarkBad(slot bootctl.Slot) (MarkResult, error) {
	return e.mark(slot, func(sit bootctl.Situation, r *Record) (bootctl.Table, error) {
		id := r.Slots[slot].Release
		r.condemn(id, "marked bad by the operator", e.Now().UTC())
		r.Slots[slot].Confirmed = false
		e.leaveByOperator(r, slot)
		return sit.MarkBad(slot, bootctl.ShortDigest(id.SHA256))
	})
}

// MarkActive makes a confirmed slot the one that boots next.
func (e *Engine) MarkActive(slot bootctl.Slot) (MarkResult, error) {
	return e.mark(slot, func(sit bootctl.Situation, r *Record) (bootctl.Table, error) {
		r.Phase, r.Target, r.Origin, r.Release = Committed, slot, slot.Other(), r.Slots[slot].Release
		return sit.MarkActive(slot)
	})
}

// Rollback leaves the booted slot for the other one at the next reboot, and
// condemns the release that it leaves.
func (e *Engine) Rollback() (MarkResult, error) {
	return e.mark(e.Booted.Other(), func(sit bootctl.Situation, r *Record) (bootctl.Table, error) {
		id := r.Slots[e.Booted].Release
		r.condemn(id, "rolled back by the operator", e.Now().UTC())
		if sit.InTrial() {
			r.Slots[e.Booted].Confirmed = false
		}
		e.leaveByOperator(r, e.Booted)
		return sit.Rollback(bootctl.ShortDigest(id.SHA256))
	})
}

// leaveByOperator settles a record whose target the operator gave up: what is
// committed then is the other slot.
func (e *Engine) leaveByOperator(r *Record, left bootctl.Slot) {
	stays := left.Other()
	r.Phase, r.Target, r.Origin, r.Release = Committed, stays, left, r.Slots[stays].Release
	r.LastError = nil
}

// mark runs one legal verb: the journal first, then the pointer. A refusal
// changes neither.
func (e *Engine) mark(slot bootctl.Slot, verb func(bootctl.Situation, *Record) (bootctl.Table, error)) (MarkResult, error) {
	st, err := e.observe()
	if err != nil {
		return MarkResult{}, err
	}
	r := st.recordOrNew(e.Booted)
	next, err := verb(e.situation(st), r)
	if err != nil {
		return MarkResult{Slot: slot}, err
	}
	if err := e.save(r, st.table); err != nil {
		return MarkResult{Slot: slot}, err
	}
	if err := e.store(next); err != nil {
		return MarkResult{Slot: slot}, fmt.Errorf("slot %s: %w", slot, err)
	}
	primary, ok := next.Primary()
	return MarkResult{Slot: slot, RebootRequired: ok && primary != e.Booted}, nil
}
