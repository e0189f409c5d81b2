package efi

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"abota/bootctl"
)

// Backend keeps the table in the firmware's variables. It holds nothing open
// between calls. It is not safe for concurrent use.
type Backend struct {
	vars   variables
	labels [2]string
}

// Caps: the firmware starts an armed slot once, and tells; all but tries is kept.
func (b *Backend) Caps() bootctl.Caps {
	return bootctl.Caps{OneShot: true, TellsStart: true, Good: true, Generation: true}
}

// state is what the variables say together.
type state struct {
	entries [2]entry
	order   bootOrder
	next    uint16
	hasNext bool
	record  record
	stored  []byte // the record as it lies there
}

// Load reads the table. ErrNoTable says that BootOrder starts neither slot. An
// armed slot has tries as long as BootNext names it.
func (b *Backend) Load() (bootctl.Table, error) {
	st, err := b.state()
	if err != nil {
		return bootctl.Table{}, err
	}
	t, err := b.tableIn(st)
	if s, ok := st.shot(); ok && t.Slots[s].Bootable() && !t.Slots[s].Good {
		t.Slots[s].Tries = bootctl.DefaultTrialTries
	}
	return t, err
}

func (b *Backend) state() (st state, err error) {
	if st.entries, err = b.findEntries(); err != nil {
		return state{}, err
	}
	if st.order, err = b.readOrder(); err != nil {
		return state{}, err
	}
	if st.next, st.hasNext, err = b.readNumber("BootNext"); err != nil {
		return state{}, err
	}
	if _, st.stored, err = b.get(varTable); err != nil {
		return state{}, err
	}
	st.record = decodeRecord(st.stored)
	return st, nil
}

// ours is the slots that BootOrder starts, in its order.
func (st state) ours() (slots []bootctl.Slot) {
	for _, number := range st.order {
		for _, s := range bootctl.Slots {
			if e := st.entries[s]; e.found && e.active && e.number == number && !slices.Contains(slots, s) {
				slots = append(slots, s)
			}
		}
	}
	return slots
}

// shot is the slot that BootNext starts.
func (st state) shot() (bootctl.Slot, bool) {
	for _, s := range bootctl.Slots {
		if e := st.entries[s]; st.hasNext && e.found && e.number == st.next {
			return s, true
		}
	}
	return 0, false
}

// tableIn takes the table whose order BootOrder has. With another one,
// somebody else changed it: what it starts is then in the order, and good only
// where the record knows it or there is no record at all. Of a record that says
// nothing is left what the firmware starts first.
func (b *Backend) tableIn(st state) (bootctl.Table, error) {
	ours := st.ours()
	if len(ours) == 0 {
		return bootctl.Table{}, fmt.Errorf("%w: BootOrder starts neither %q nor %q: run `abota provision`", bootctl.ErrNoTable, b.labels[0], b.labels[1])
	}
	for _, m := range st.record.Meanings {
		if slices.Equal(m.Entries, ours) {
			return m.table(), nil
		}
	}
	if len(st.record.Meanings) > 0 {
		return meddled(st.record.Meanings[0].table(), ours), nil
	}
	t := bootctl.Table{ConfirmedTries: bootctl.DefaultConfirmedTries}.WithOrder(ours...)
	for i, s := range ours {
		t.Slots[s].Good = i == 0 || st.stored == nil
	}
	if s, ok := st.shot(); ok && !t.Slots[s].Good {
		t = t.WithOrder(s, ours[0])
	}
	return t, nil
}

// meddled is the table that is left of the last one when somebody else changed
// BootOrder to start these slots: confirmed ones in that order, behind the
// trial, which no order means, and before what must not be started.
func meddled(t bootctl.Table, ours []bootctl.Slot) bootctl.Table {
	var order, rest []bootctl.Slot
	once, armed := trial(t)
	for _, s := range ours {
		switch {
		case t.Slots[s].Good:
			order = append(order, s)
		case !armed || s != once:
			rest = append(rest, s)
		}
	}
	if armed {
		order = append([]bootctl.Slot{once}, order...)
	}
	return t.WithOrder(append(order, rest...)...)
}

// fallback is the order in BootOrder: the confirmed slots. Only where there is
// none does an unconfirmed one stand in it.
func fallback(t bootctl.Table) (slots []bootctl.Slot) {
	for _, s := range t.Order() {
		if t.Slots[s].Good {
			slots = append(slots, s)
		}
	}
	if len(slots) == 0 {
		return t.Order()
	}
	return slots
}

// trial is the slot to be started once.
func trial(t bootctl.Table) (bootctl.Slot, bool) {
	first, ok := t.Primary()
	return first, ok && !t.Slots[first].Good && fallback(t)[0] != first
}

// Store makes the table durable. It also gives a trial whose one start is
// used up another one, so that storing an armed table again arms again.
func (b *Backend) Store(t bootctl.Table) error {
	if err := check(t); err != nil {
		return err
	}
	t = b.Caps().Keep(t)
	st, err := b.state()
	if err != nil {
		return err
	}
	if err := b.startable(st, t); err != nil {
		return err
	}
	if err := b.withdraw(st, t); err != nil {
		return err
	}
	if err := b.commit(st, t); err != nil {
		return err
	}
	if err := b.shoot(st, t); err != nil {
		return err
	}
	return b.expect(t)
}

// ErrNoEntry says that a slot cannot be started because its boot entry is not
// there. Nothing was written then.
var ErrNoEntry = errors.New("the firmware has no boot entry")

// startable refuses a table that the firmware cannot follow.
func (b *Backend) startable(st state, t bootctl.Table) error {
	for _, s := range t.Order() {
		switch e := st.entries[s]; {
		case !e.found:
			return fmt.Errorf("cannot put slot %s into the boot order because %w %q: run `abota provision`, or make one with efibootmgr", s, ErrNoEntry, b.labels[s])
		case !e.active:
			return fmt.Errorf("cannot put slot %s into the boot order because its boot entry %s (%q) is not active: efibootmgr -b %04X -a", s, bootName(e.number), b.labels[s], e.number)
		}
	}
	return nil
}

// withdraw takes a start back that the next table does not mean. It comes
// first: until the table changes, an armed slot whose start is used up is a
// state like any other.
func (b *Backend) withdraw(st state, t bootctl.Table) error {
	was, shot := st.shot()
	if want, ok := trial(t); !shot || ok && want == was {
		return nil
	}
	return b.unset(global("BootNext"))
}

// commit changes the table in one write: that of BootOrder, after the record
// was told what either order means; or that of the record, where the order
// stays.
func (b *Backend) commit(st state, t bootctl.Table) error {
	was, want := st.ours(), fallback(t)
	next := newMeaning(want, t)
	if slices.Equal(was, want) {
		return b.settle(st, next)
	}
	both := record{[]meaning{next}}
	if now, err := b.tableIn(st); err == nil {
		both.Meanings = append(both.Meanings, newMeaning(was, now))
	} else if !errors.Is(err, bootctl.ErrNoTable) {
		return err
	}
	if err := b.putRecord(st.stored, both); err != nil {
		return err
	}
	if err := b.put("BootOrder", st.order.with(st.entries, want).encode()); err != nil {
		return err
	}
	// Some firmware puts entries back into BootOrder by itself: the former
	// order must not mean the former table from here on.
	st.record = both
	return b.settle(st, next)
}

// settle leaves one meaning. A table that the firmware's variables say by
// themselves needs no record until it changes.
func (b *Backend) settle(st state, m meaning) error {
	now, err := b.tableIn(st)
	_, armed := trial(m.table())
	if len(st.record.Meanings) == 0 && err == nil && now == m.table() && !armed || st.record.settled(m.Entries, m.table()) {
		return nil
	}
	return b.putRecord(nil, record{[]meaning{m}})
}

// putRecord writes the record unless it is what was read.
func (b *Backend) putRecord(was []byte, r record) error {
	text, err := r.encode()
	if err != nil {
		return fmt.Errorf("encode the boot table: %w", err)
	}
	if bytes.Equal(was, text) {
		return nil
	}
	return b.set(varTable, attributes, text)
}

// shoot gives the trial its one start. It comes last: firmware that starts a
// slot must find it in the table.
func (b *Backend) shoot(st state, t bootctl.Table) error {
	want, ok := trial(t)
	if was, shot := st.shot(); !ok || shot && was == want {
		return nil
	}
	return b.put("BootNext", bootOrder{st.entries[want].number}.encode())
}

// expect reads all of it once more.
func (b *Backend) expect(t bootctl.Table) error {
	st, err := b.state()
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	got, err := b.tableIn(st)
	if err != nil && !errors.Is(err, bootctl.ErrNoTable) {
		return fmt.Errorf("read back: %w", err)
	}
	shot, has := st.shot()
	want, armed := trial(t)
	if err != nil || got != t || armed != has || armed && shot != want {
		return errIgnored
	}
	return nil
}
