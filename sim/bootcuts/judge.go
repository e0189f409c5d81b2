package bootcuts

import (
	"fmt"
	"slices"
	"strings"

	"abota/bootctl"
	"abota/bootctl/bootscript"
)

// claim is what a state may start: what either table allows.
type claim struct {
	Before, After bootctl.Table
	// Made says how the state came about.
	Made string
}

// outcome is what one boot showed.
type outcome struct {
	// Slot is the one whose user space was reached, by its own word; empty when
	// none was. Args is the kernel's command line.
	Slot, Args string
	// Console is its last lines, where something is wrong.
	Console string
}

// judge returns what is wrong with a boot, and the empty string when nothing is.
func (c claim) judge(o outcome) string {
	if o.Slot == "" {
		return "no user space was reached"
	}
	args := strings.Fields(o.Args)
	if !slices.Contains(args, "abota.slot="+o.Slot) {
		return fmt.Sprintf("slot %s runs, but the command line does not say so: %s", o.Slot, o.Args)
	}
	slot, err := bootctl.ParseSlot(o.Slot)
	if err != nil {
		return err.Error()
	}
	if !allows(c.Before, slot) && !allows(c.After, slot) {
		return fmt.Sprintf("slot %s runs, which neither table allows", o.Slot)
	}
	for _, arg := range args {
		note, some := strings.CutPrefix(arg, "abota.env=")
		if some && note != noted(c.Before) && note != noted(c.After) {
			return "the loader says of its table: " + note
		}
	}
	return ""
}

// sort is what a boot that is in order started.
func (c claim) sort(o outcome) string {
	slot, err := bootctl.ParseSlot(o.Slot)
	switch {
	case err != nil:
		return ""
	case slot != starts(c.Before) && slot != starts(c.After):
		return "another good slot"
	case confirms(c.Before, slot) || confirms(c.After, slot):
		return "good slot"
	}
	return "trial"
}

// allows reports whether a table lets this slot run.
func allows(t bootctl.Table, slot bootctl.Slot) bool {
	st := t.Slots[slot]
	return st.Bootable() && (st.Good || starts(t) == slot)
}

// confirms reports whether a table lets this slot run and calls it good.
func confirms(t bootctl.Table, slot bootctl.Slot) bool { return allows(t, slot) && t.Slots[slot].Good }

// starts is what the model of the loaders' scripts starts of a table.
func starts(t bootctl.Table) bootctl.Slot {
	start, _ := bootscript.Boot(t, nil)
	return start.Slot
}

func noted(t bootctl.Table) string {
	start, _ := bootscript.Boot(t, nil)
	return start.Note
}
