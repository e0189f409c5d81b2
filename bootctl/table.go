// Package bootctl owns the boot pointer: which slot the bootloader starts, how
// often it may try, and which slots have proven themselves.
//
// # Guarantee
//
// A [Table] is a small comparable value. Transitions ([Situation]) are pure:
// they return the next table or a [RefusedError], and touch nothing. A
// [Backend] makes one table durable in one commit point: after a power cut at
// any moment the old or the new table is read, never a mixture.
//
// # Not guaranteed
//
// The table says what the bootloader was told, not what it did: compare it
// with the slot that really booted (the engine's Decide does).
package bootctl

import (
	"errors"
	"fmt"
)

// Slot is one of the two copies of the system. The zero value is A.
type Slot uint8

// The two slots. More than two would need a policy which one to overwrite;
// with two the target is always the slot that is not booted.
const (
	A Slot = iota
	B
)

// Slots lists both, in the order of their names.
var Slots = [2]Slot{A, B}

// Other is the slot that an update goes to while s is booted.
func (s Slot) Other() Slot { return 1 - s }

// String is the slot's name as bootloaders and users write it: "A" or "B".
func (s Slot) String() string { return string("AB"[s]) }

// ParseSlot reads a slot's name, in either case.
func ParseSlot(name string) (Slot, error) {
	switch name {
	case "A", "a":
		return A, nil
	case "B", "b":
		return B, nil
	}
	return A, fmt.Errorf("%q is not a slot: use A or B", name)
}

// MarshalText writes the slot's name.
func (s Slot) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the slot's name.
func (s *Slot) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSlot(string(text))
	return err
}

// DefaultTrialTries is how many boot attempts an armed slot gets. With one, a
// single power cut during the trial would roll a healthy image back.
const DefaultTrialTries = 3

// DefaultConfirmedTries is how many boots in a row a confirmed slot may start
// without `abota boot` answering before the loader turns to the other
// confirmed slot.
const DefaultConfirmedTries = 10

// State is what the table holds of one slot.
type State struct {
	// Priority orders the slots, highest first. Zero means absent from the
	// order: the loader never starts the slot. That, not "zero tries", is
	// what unbootable means, since loaders refill tries.
	Priority int
	// Tries is the number of boot attempts left. The loader counts it down.
	Tries int
	// Good says that the slot proved healthy: it is confirmed.
	Good bool
	// Failed is the short digest (see ShortDigest) of the release that failed
	// in this slot, or empty. It lets a device remember a condemned release
	// although its journal was lost.
	Failed string
}

// Bootable reports whether the slot is in the boot order at all.
func (s State) Bootable() bool { return s.Priority > 0 }

// Table is the boot pointer as one comparable value, indexed by Slot.
type Table struct {
	Slots [2]State
	// Generation counts the transitions made by abota (not the loader's
	// counting). Zero where the backend cannot keep it, see Caps.Generation.
	Generation uint32
	// ConfirmedTries is what the loader refills a confirmed slot's tries to;
	// zero means that boots of a confirmed slot are not counted.
	ConfirmedTries int
}

// ErrNoTable is returned by Backend.Load when the storage is readable but
// holds no valid table: never provisioned, or lost.
var ErrNoTable = errors.New("no valid boot table")

// Primary is the slot that the loader tries first, and false when the order
// is empty.
func (t Table) Primary() (Slot, bool) {
	a, b := t.Slots[A].Priority, t.Slots[B].Priority
	if a == 0 && b == 0 {
		return A, false
	}
	if b > a {
		return B, true
	}
	return A, true
}

// Order lists the bootable slots, the loader's first choice first.
func (t Table) Order() []Slot {
	first, ok := t.Primary()
	if !ok {
		return nil
	}
	order := []Slot{first}
	if t.Slots[first.Other()].Bootable() {
		order = append(order, first.Other())
	}
	return order
}

// WithOrder returns the table with exactly these slots bootable, the first
// choice first.
func (t Table) WithOrder(order ...Slot) Table {
	t.Slots[A].Priority, t.Slots[B].Priority = 0, 0
	for i, s := range order {
		t.Slots[s].Priority = len(order) - i
	}
	return t
}

// shortDigestLen is enough to tell a device's few releases apart and short
// enough for every variable to stay in the environment's first sector.
const shortDigestLen = 16

// ShortDigest cuts a release's hexadecimal SHA-256 to what a table keeps.
func ShortDigest(sha256 string) string {
	if len(sha256) > shortDigestLen {
		return sha256[:shortDigestLen]
	}
	return sha256
}

// Caps declares what a backend's loader and storage can do.
type Caps struct {
	// Tries: the loader counts boot attempts of a trial down by itself.
	Tries bool
	// ConfirmedUncounted: the loader starts a confirmed slot whatever its
	// tries, so the storage keeps tries of slots that are not good alone.
	ConfirmedUncounted bool
	// OneShot: an armed slot is started once, then the loader returns to the
	// confirmed one by itself (BootNext, tryboot). With Tries it also says
	// whether that has happened: tries are DefaultTrialTries before and none
	// after.
	OneShot bool
	// TellsStart: with OneShot and without Tries, Load gives an armed slot
	// DefaultTrialTries as long as its one start is still to come. They are not
	// kept: Store gives every armed slot its start.
	TellsStart bool
	// Pointer: the storage names one slot and says whether that is a trial of
	// it. A confirmed slot stands alone in the order, a trial falls back to the
	// other slot, and the loader that ends one leaves what was there before it.
	Pointer bool
	// Good: the storage keeps State.Good. Without it every slot in the order
	// is reported good, and the journal alone knows of a trial.
	Good bool
	// Generation: the storage keeps Table.Generation, State.Failed and
	// Table.ConfirmedTries.
	Generation bool
}

// Keep drops from a table what a backend with these caps need not keep: what
// Load returns is equal to what was stored when both went through Keep.
func (c Caps) Keep(t Table) Table {
	order := t.Order()
	if c.Pointer && len(order) > 0 && t.Slots[order[0]].Good {
		order = order[:1]
	}
	t = t.WithOrder(order...)
	for i := range t.Slots {
		st := &t.Slots[i]
		if !st.Bootable() && (c.Pointer || c.Tries && c.OneShot) {
			*st = State{Failed: st.Failed}
		}
		if !c.Good {
			st.Good = st.Bootable()
		}
		switch {
		case !c.Tries || c.ConfirmedUncounted && st.Good:
			st.Tries = 0
		case c.OneShot && st.Tries > 0:
			st.Tries = DefaultTrialTries
		}
		if !c.Generation {
			st.Failed = ""
		}
	}
	if !c.Generation {
		t.Generation, t.ConfirmedTries = 0, 0
	}
	return t
}

// Backend stores the table where one bootloader reads it.
type Backend interface {
	// Caps says what this backend can keep.
	Caps() Caps
	// Load reads the table. ErrNoTable says that there is none; any other
	// error says that the storage could not be read.
	Load() (Table, error)
	// Store makes the table durable in one commit point and reads it back
	// before it reports success. Storing what is already there writes
	// nothing. What the caps cannot keep is dropped.
	Store(Table) error
}

// RefusedError says why a verb is not legal in the state at hand.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

func refuse(format string, args ...any) error {
	return &RefusedError{Reason: fmt.Sprintf(format, args...)}
}
