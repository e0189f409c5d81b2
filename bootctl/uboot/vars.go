package uboot

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"abota/bootctl"
)

// The variables. Those with a slot in the name are made by slotVar.
const (
	varOrder          = "BOOT_ORDER"
	varGeneration     = "BOOT_GENERATION"
	varConfirmedTries = "BOOT_CONFIRMED_TRIES"
)

func slotVar(s bootctl.Slot, what string) string { return "BOOT_" + s.String() + "_" + what }

// maxFailed keeps a digest short enough for the first sector.
const maxFailed = 16

// readTable finds the table in an environment, or says why there is none.
func readTable(env environment, contract bool) (bootctl.Table, error) {
	names := env.get(varOrder)
	order := slotsIn(names)
	switch {
	case names == "":
		return bootctl.Table{}, fmt.Errorf("%w: the U-Boot environment has no %s: run `abota provision`", bootctl.ErrNoTable, varOrder)
	case len(order) == 0:
		return bootctl.Table{}, fmt.Errorf("%w: %s is %q, which names neither slot A nor B: name the slots so in the boot script, or run `abota provision`", bootctl.ErrNoTable, varOrder, names)
	}
	t := bootctl.Table{}.WithOrder(order...)
	for _, s := range bootctl.Slots {
		st := &t.Slots[s]
		st.Tries = bootctl.DefaultTrialTries
		if left := env.get(slotVar(s, "LEFT")); left != "" {
			st.Tries = int(min(parseHex(left), math.MaxInt32))
		}
		st.Good = st.Bootable()
	}
	if contract {
		readContract(env, &t)
	}
	return t, nil
}

// readContract adds what only the product's own boot script keeps.
func readContract(env environment, t *bootctl.Table) {
	takenOver := env.get(slotVar(bootctl.A, "GOOD")) == "" && env.get(slotVar(bootctl.B, "GOOD")) == ""
	for _, s := range bootctl.Slots {
		st := &t.Slots[s]
		st.Good = env.get(slotVar(s, "GOOD")) == "1"
		if takenOver {
			st.Good = st.Bootable() && st.Tries > 0
		}
		// What is no digest matches no release, and could not be stored again.
		if failed := env.get(slotVar(s, "FAILED")); isDigest(failed) {
			st.Failed = failed
		}
	}
	t.Generation = uint32(parseHex(env.get(varGeneration)))
	t.ConfirmedTries = bootctl.DefaultConfirmedTries
	if tries := env.get(varConfirmedTries); tries != "" {
		t.ConfirmedTries = int(min(parseHex(tries), math.MaxInt32))
	}
}

// writeTable is the variables that hold a table. The names in the former order
// that are not ours stay behind ours.
func writeTable(t bootctl.Table, formerOrder string, contract bool) ([]variable, error) {
	if err := check(t); err != nil {
		return nil, err
	}
	var order []string
	for _, s := range t.Order() {
		order = append(order, s.String())
	}
	for _, name := range strings.Fields(formerOrder) {
		if !slices.Contains([]string{"A", "B"}, name) {
			order = append(order, name)
		}
	}
	vars := []variable{{varOrder, strings.Join(order, " ")}}
	for _, s := range bootctl.Slots {
		vars = append(vars, variable{slotVar(s, "LEFT"), hex(t.Slots[s].Tries)})
	}
	if !contract {
		return vars, nil
	}
	for _, s := range bootctl.Slots {
		good := "0"
		if t.Slots[s].Good {
			good = "1"
		}
		vars = append(vars, variable{slotVar(s, "GOOD"), good}, variable{slotVar(s, "FAILED"), t.Slots[s].Failed})
	}
	return append(vars, variable{varGeneration, hex(t.Generation)}, variable{varConfirmedTries, hex(t.ConfirmedTries)}), nil
}

// check refuses what the variables cannot hold.
func check(t bootctl.Table) error {
	if len(t.Order()) == 0 {
		return fmt.Errorf("cannot store a boot table without a bootable slot because %s must not be empty", varOrder)
	}
	if t.ConfirmedTries < 0 || t.ConfirmedTries > math.MaxInt32 {
		return fmt.Errorf("cannot store a boot table with %d confirmed tries: use 0 to %d", t.ConfirmedTries, math.MaxInt32)
	}
	for _, s := range bootctl.Slots {
		st := t.Slots[s]
		if st.Tries < 0 || st.Tries > math.MaxInt32 {
			return fmt.Errorf("cannot store a boot table with %d tries for slot %s: use 0 to %d", st.Tries, s, math.MaxInt32)
		}
		if !isDigest(st.Failed) {
			return fmt.Errorf("cannot store %q as what failed in slot %s because it is not a short digest: use up to %d hexadecimal digits", st.Failed, s, maxFailed)
		}
	}
	return nil
}

func isDigest(text string) bool {
	return len(text) <= maxFailed && strings.Trim(text, hexDigits) == ""
}

const hexDigits = "0123456789abcdefABCDEF"

// slotsIn lists our slots in a BOOT_ORDER. A name that comes twice counts
// where it stands first; unknown names are skipped.
func slotsIn(names string) []bootctl.Slot {
	var order []bootctl.Slot
	for _, name := range strings.Fields(names) {
		for _, s := range bootctl.Slots {
			if name == s.String() && !slices.Contains(order, s) {
				order = append(order, s)
			}
		}
	}
	return order
}

func hex[N int | uint32](n N) string { return strconv.FormatUint(uint64(n), 16) }

// parseHex reads a number as U-Boot's simple_strtoul does: the leading
// hexadecimal digits count, and none at all is zero.
func parseHex(text string) uint64 {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "0x"), "0X")
	end := strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune(hexDigits, r) })
	if end >= 0 {
		text = text[:end]
	}
	n, err := strconv.ParseUint(text, 16, 32)
	if err != nil && text != "" {
		return math.MaxUint32 // more digits than any counter has
	}
	return n
}
