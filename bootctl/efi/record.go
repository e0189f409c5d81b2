package efi

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"abota/bootctl"
)

// varTable is the variable that holds what the firmware's own cannot.
const varTable = "AbotaTable-" + vendorAbota

// record is what that variable holds: for each order that our entries can have
// in BootOrder the table that is meant by it. There are two only while Store
// works, the table to come first.
type record struct {
	Meanings []meaning `json:"meanings"`
}

type meaning struct {
	// Entries is the order of our entries in BootOrder.
	Entries []bootctl.Slot `json:"entries"`

	Order          []bootctl.Slot `json:"order"`
	Generation     uint32         `json:"generation"`
	ConfirmedTries int            `json:"confirmed_tries"`
	A              slot           `json:"a"`
	B              slot           `json:"b"`
}

type slot struct {
	Good   bool   `json:"good"`
	Failed string `json:"failed,omitempty"`
}

// maxFailed keeps the variable small.
const maxFailed = 16

func newMeaning(entries []bootctl.Slot, t bootctl.Table) meaning {
	of := func(s bootctl.Slot) slot { return slot{t.Slots[s].Good, t.Slots[s].Failed} }
	return meaning{
		Entries: entries, Order: t.Order(), Generation: t.Generation, ConfirmedTries: t.ConfirmedTries,
		A: of(bootctl.A), B: of(bootctl.B),
	}
}

func (m meaning) table() bootctl.Table {
	t := bootctl.Table{Generation: m.Generation, ConfirmedTries: m.ConfirmedTries}
	for i, from := range [2]slot{m.A, m.B} {
		t.Slots[i] = bootctl.State{Good: from.Good, Failed: from.Failed}
	}
	return t.WithOrder(m.Order...)
}

// valid refuses what cannot have come from Store.
func (m meaning) valid() bool {
	for _, order := range [][]bootctl.Slot{m.Entries, m.Order} {
		twice := len(order) == 2 && order[0] == order[1]
		if len(order) == 0 || len(order) > 2 || twice {
			return false
		}
	}
	return check(m.table()) == nil
}

// check refuses a table that the variable cannot hold.
func check(t bootctl.Table) error {
	if len(t.Order()) == 0 {
		return fmt.Errorf("cannot store a boot table without a bootable slot because the firmware would start something else")
	}
	if t.ConfirmedTries < 0 || t.ConfirmedTries > math.MaxInt32 {
		return fmt.Errorf("cannot store a boot table with %d confirmed tries: use 0 to %d", t.ConfirmedTries, math.MaxInt32)
	}
	for _, s := range bootctl.Slots {
		if f := t.Slots[s].Failed; len(f) > maxFailed || strings.Trim(f, "0123456789abcdefABCDEF") != "" {
			return fmt.Errorf("cannot store %q as what failed in slot %s because it is not a short digest: use up to %d hexadecimal digits", f, s, maxFailed)
		}
	}
	return nil
}

func (r record) encode() ([]byte, error) { return json.Marshal(r) }

// decodeRecord returns an empty record for what is none: the firmware's own
// variables then say all that is known.
func decodeRecord(b []byte) record {
	var r record
	if json.Unmarshal(b, &r) != nil || len(r.Meanings) > 2 {
		return record{}
	}
	for _, m := range r.Meanings {
		if !m.valid() {
			return record{}
		}
	}
	return r
}

// settled reports whether the record says this table and nothing else.
func (r record) settled(entries []bootctl.Slot, t bootctl.Table) bool {
	return len(r.Meanings) == 1 && slices.Equal(r.Meanings[0].Entries, entries) && r.Meanings[0].table() == t
}
