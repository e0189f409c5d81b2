package bootctl

// Situation is everything that decides whether a verb is legal: the table,
// the slot that really booted, and which slots' content was proven since its
// last write. Its methods are the legal transitions; each is pure and returns
// the table to store, or a *RefusedError.
type Situation struct {
	Table  Table
	Booted Slot
	// Proven says for each slot that its whole digest was read back and
	// matched since it was last written.
	Proven [2]bool
}

func (s Situation) booted() State       { return s.Table.Slots[s.Booted] }
func (s Situation) other() State        { return s.Table.Slots[s.Booted.Other()] }
func (s Situation) trusted(x Slot) bool { return x == s.Booted || s.Proven[x] }

// InTrial reports whether the booted slot has not yet proven itself.
func (s Situation) InTrial() bool { return !s.booted().Good }

// next stamps a changed table with the following generation, so that a
// journal can tell which side of a transition it was written on. A transition
// that changes nothing keeps the generation, so that nothing is written.
func (s Situation) next(t Table) Table {
	if t != s.Table {
		t.Generation = s.Table.Generation + 1
	}
	return t
}

// Clear makes the slot that is not booted unbootable, before its first byte
// is overwritten. The booted slot must be confirmed: it is then all the
// device has. The digest of a release that failed there stays until another
// one is armed, so that the same release is known again once it was fetched.
func (s Situation) Clear() (Table, error) {
	if s.InTrial() {
		return s.Table, refuse("cannot install because the booted slot %s is an unconfirmed trial: wait for it to be committed, or run `abota rollback`", s.Booted)
	}
	t := s.Table.WithOrder(s.Booted).startable(s.Booted)
	t.Slots[s.Booted.Other()] = State{Failed: s.other().Failed}
	return s.next(t), nil
}

// Arm gives the slot that is not booted the next boot, with
// DefaultTrialTries attempts. Its content must be proven. The booted slot,
// which is what a failed trial falls back to, gets its tries.
func (s Situation) Arm() (Table, error) {
	target := s.Booted.Other()
	switch {
	case s.InTrial() || !s.booted().Bootable():
		return s.Table, refuse("cannot arm slot %s because the booted slot %s is not a confirmed slot in the boot order", target, s.Booted)
	case !s.Proven[target]:
		return s.Table, refuse("cannot arm slot %s because its content was not proven since it was last written", target)
	}
	t := s.Table.WithOrder(target, s.Booted).startable(s.Booted)
	t.Slots[target].Tries = DefaultTrialTries
	t.Slots[target].Good = false
	t.Slots[target].Failed = ""
	return s.next(t), nil
}

// MarkGood confirms a slot. One that had left the order comes back at its
// end. Its content must be proven, or it must be the booted one.
func (s Situation) MarkGood(slot Slot) (Table, error) {
	if !s.trusted(slot) {
		return s.Table, refuse("cannot mark slot %s good because its content was not proven since it was last written", slot)
	}
	t := s.Table
	st := &t.Slots[slot]
	if st.Good && st.Bootable() && st.Failed == "" {
		return s.next(t.startable(slot)), nil
	}
	if !st.Bootable() {
		t = t.WithOrder(append(t.Order(), slot)...)
	}
	st.Good, st.Failed, st.Tries = true, "", s.Table.confirmedTries()
	return s.next(t), nil
}

// MarkBad takes a slot out of the boot order and notes the short digest of
// the release that failed there (empty when unknown). The last good slot
// cannot be marked bad.
func (s Situation) MarkBad(slot Slot, failed string) (Table, error) {
	if rest := s.Table.Slots[slot.Other()]; !rest.Good || !rest.Bootable() {
		return s.Table, refuse("cannot mark slot %s bad because slot %s is not good: nothing would be left to boot", slot, slot.Other())
	}
	t := s.Table.WithOrder(slot.Other()).startable(slot.Other())
	t.Slots[slot].Good, t.Slots[slot].Tries = false, 0
	if failed != "" {
		t.Slots[slot].Failed = failed
	}
	return s.next(t), nil
}

// MarkActive makes a confirmed slot the loader's first choice; a trial of the
// other one leaves the order. Good is proof enough: no slot is written without
// losing it first, see Clear.
func (s Situation) MarkActive(slot Slot) (Table, error) {
	st := s.Table.Slots[slot]
	switch {
	case s.InTrial():
		return s.Table, refuse("cannot change the active slot because the booted slot %s is an unconfirmed trial: wait for it to be committed, or run `abota rollback`", s.Booted)
	case !st.Good || !st.Bootable():
		return s.Table, refuse("cannot make slot %s active because it is not good", slot)
	}
	t := s.Table.WithOrder(slot)
	if rest := s.Table.Slots[slot.Other()]; rest.Good && rest.Bootable() {
		t = s.Table.WithOrder(slot, slot.Other())
	} else if rest.Bootable() {
		t.Slots[slot.Other()].Tries = 0
	}
	return s.next(t.startable(slot)), nil
}

// Rollback leaves the booted slot for the other one, which must be good. A
// trial leaves the order; a confirmed slot stays in it as the last resort,
// since a release somebody dislikes is better than a device that does not
// boot.
func (s Situation) Rollback(failed string) (Table, error) {
	other := s.Booted.Other()
	switch st := s.other(); {
	case st.Bootable() && !st.Good:
		return s.Table, refuse("cannot roll back because slot %s is not good, only armed: to cancel its first boot, run `abota mark bad %s`", other, other)
	case !st.Bootable():
		return s.Table, refuse("cannot roll back because slot %s is not good", other)
	}
	if s.InTrial() {
		return s.MarkBad(s.Booted, failed)
	}
	t := s.Table.WithOrder(other)
	if s.booted().Bootable() {
		t = s.Table.WithOrder(other, s.Booted)
	}
	return s.next(t.startable(other)), nil
}

// Disarm takes an armed slot out of the order without a verdict about it.
func (s Situation) Disarm() (Table, error) { return s.MarkBad(s.Booted.Other(), "") }

// Refill gives the booted, confirmed slot its tries back when fewer than half
// are left, or, where every boot is counted as RAUC's scripts do, as soon as
// one is gone. It is no transition: the generation stays.
func (s Situation) Refill() Table {
	low := 2*s.booted().Tries < s.Table.ConfirmedTries
	if s.Table.ConfirmedTries == 0 {
		low = s.booted().Tries < DefaultTrialTries
	}
	if s.booted().Good && low {
		return s.Table.startable(s.Booted)
	}
	return s.Table
}

// startable gives a confirmed slot that is about to be relied on its full
// tries, so that no loader takes it for exhausted.
func (t Table) startable(slot Slot) Table {
	if full := t.confirmedTries(); t.Slots[slot].Tries < full {
		t.Slots[slot].Tries = full
	}
	return t
}

// confirmedTries is what a confirmed slot's counter starts from. Loaders that
// do not count confirmed boots still keep a counter, so it is never zero: a
// foreign boot script would take zero for exhausted.
func (t Table) confirmedTries() int {
	if t.ConfirmedTries == 0 {
		return DefaultTrialTries
	}
	return t.ConfirmedTries
}
