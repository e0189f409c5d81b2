package gpt

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"

	"abota/bootctl"
)

// guid is a GUID as the table holds it: its first three groups little-endian.
type guid [16]byte

// String is the usual spelling, in capitals as sgdisk prints it.
func (g guid) String() string {
	return fmt.Sprintf("%08X-%04X-%04X-%X-%X", binary.LittleEndian.Uint32(g[0:]),
		binary.LittleEndian.Uint16(g[4:]), binary.LittleEndian.Uint16(g[6:]), g[8:10], g[10:])
}

func decodeName(b []byte) string {
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		u := binary.LittleEndian.Uint16(b)
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}

const (
	byLabel = "PARTLABEL="
	byGUID  = "PARTUUID="
)

// checkName wants a slot's entry to be named in a way that survives
// repartitioning.
func checkName(name string) error {
	for _, prefix := range []string{byLabel, byGUID} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
			return nil
		}
	}
	return fmt.Errorf("cannot use %q as the partition that holds a slot's boot bits because its entry is found by name or GUID: use PARTLABEL=… or PARTUUID=…", name)
}

func (e entry) is(name string) bool {
	if label, ok := strings.CutPrefix(name, byLabel); ok {
		return e.name() == label
	}
	return strings.EqualFold(byGUID+e.unique().String(), name)
}

// entries cuts an array of entries into its used ones; at says where each is.
func (c *tableCopy) entries() (all []entry, at []int) {
	size := int(c.header.entrySize)
	for i := range int(c.header.count) {
		if e := entry(c.array[i*size:][:size]); e.used() {
			all, at = append(all, e), append(at, i)
		}
	}
	return all, at
}

// find is the one used entry of this name.
func (c *tableCopy) find(name string) (entry, error) {
	var found entry
	all, at := c.entries()
	first := 0
	for i, e := range all {
		switch {
		case !e.is(name):
		case found != nil:
			return nil, fmt.Errorf("cannot use the GPT because partitions %d and %d are both %s: name them differently", first+1, at[i]+1, name)
		default:
			found, first = e, at[i]
		}
	}
	if found == nil {
		return nil, fmt.Errorf("cannot use the GPT because it has no partition %s: correct the configuration", name)
	}
	return found, nil
}

// slots are the entries of both slots.
func (c *tableCopy) slots(names [2]string) (found [2]entry, err error) {
	for s, name := range names {
		if found[s], err = c.find(name); err != nil {
			return found, err
		}
	}
	switch a, b := found[bootctl.A], found[bootctl.B]; {
	case &a[0] == &b[0]:
		return found, fmt.Errorf("cannot use the GPT because %s and %s are the same partition: give each slot its own", names[0], names[1])
	case a.kind() != b.kind():
		return found, fmt.Errorf("cannot use the GPT because %s and %s have different types: a loader compares priorities within one type only: change it with `sgdisk -t`", names[0], names[1])
	}
	return found, nil
}

// table is what the boot bits of both slots say.
func (c *tableCopy) table(names [2]string) (bootctl.Table, error) {
	found, err := c.slots(names)
	if err != nil {
		return bootctl.Table{}, err
	}
	var t bootctl.Table
	for s, e := range found {
		t.Slots[s] = stateIn(e.attributes())
	}
	if _, ok := t.Primary(); !ok {
		return bootctl.Table{}, fmt.Errorf("%w: neither %s nor %s has a priority in the GPT: run `abota provision`", bootctl.ErrNoTable, names[0], names[1])
	}
	return caps.Keep(t), nil
}

// with is the array with this table in it. An array that says so already is
// left as it is, whatever priorities say so.
func (c *tableCopy) with(t bootctl.Table, names [2]string) ([]byte, error) {
	t = caps.Keep(t)
	if was, err := c.table(names); err == nil && was == t {
		return c.array, nil
	}
	changed := *c
	changed.array = append([]byte(nil), c.array...)
	found, err := changed.slots(names)
	if err != nil {
		return nil, err
	}
	for s, e := range found {
		attributes, err := withState(e.attributes(), t.Slots[s])
		if err != nil {
			return nil, err
		}
		e.setAttributes(attributes)
	}
	return changed.array, changed.rivals(found)
}

// rivals refuses a table with a third entry that the loader would start.
func (c *tableCopy) rivals(slots [2]entry) error {
	all, at := c.entries()
	for i, e := range all {
		ours := &e[0] == &slots[0][0] || &e[0] == &slots[1][0]
		if !ours && e.kind() == slots[0].kind() && bootable(e.attributes()) {
			return fmt.Errorf("cannot store the boot table because partition %d (%s) has the slots' type and would be started too: set its priority to 0", at[i]+1, e.name())
		}
	}
	return nil
}
