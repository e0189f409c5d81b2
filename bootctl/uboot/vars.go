package uboot

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"abota/bootctl"
	"abota/bootctl/dialect"
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

// rauc are BOOT_ORDER and BOOT_x_LEFT, which the contract is built upon.
var rauc, _ = dialect.RAUC(dialect.UBoot, [2]string{"A", "B"})

// base is RAUC's part of it.
func (o own) base() dialect.Dialect {
	if o.contract {
		return dialect.Order()
	}
	return rauc
}

// own is what the product's own boot script keeps, if there is a contract with
// it, or RAUC's.
type own struct{ contract bool }

func (o own) Name() string {
	if o.contract {
		return "abota"
	}
	return rauc.Name()
}

func (o own) Caps() bootctl.Caps {
	return bootctl.Caps{Tries: true, Good: o.contract, Generation: o.contract}
}

// Read finds the table in an environment, or says why there is none.
func (o own) Read(get dialect.Variables) (bootctl.Table, error) {
	t, err := o.base().Read(get)
	if err == nil && o.contract {
		readContract(get, &t)
	}
	return t, err
}

// readContract adds what only the product's own boot script keeps.
func readContract(get dialect.Variables, t *bootctl.Table) {
	takenOver := get(slotVar(bootctl.A, "GOOD")) == "" && get(slotVar(bootctl.B, "GOOD")) == ""
	for _, s := range bootctl.Slots {
		st := &t.Slots[s]
		st.Good = get(slotVar(s, "GOOD")) == "1"
		if takenOver {
			st.Good = st.Bootable() && st.Tries > 0
		}
		// What is no digest matches no release, and could not be stored again.
		if failed := get(slotVar(s, "FAILED")); isDigest(failed) {
			st.Failed = failed
		}
	}
	t.Generation = uint32(dialect.Hex(get(varGeneration)))
	t.ConfirmedTries = bootctl.DefaultConfirmedTries
	if tries := get(varConfirmedTries); tries != "" {
		t.ConfirmedTries = int(min(dialect.Hex(tries), math.MaxInt32))
	}
}

// Write is the variables that hold a table.
func (o own) Write(t bootctl.Table, get dialect.Variables) ([]dialect.Variable, error) {
	if err := check(t); err != nil {
		return nil, err
	}
	vars, err := o.base().Write(t, get)
	if err != nil || !o.contract {
		return vars, err
	}
	for _, s := range bootctl.Slots {
		good := "0"
		if t.Slots[s].Good {
			good = "1"
		}
		vars = append(vars, dialect.Variable{Name: slotVar(s, "GOOD"), Value: good}, dialect.Variable{Name: slotVar(s, "FAILED"), Value: t.Slots[s].Failed})
	}
	return append(vars, dialect.Variable{Name: varGeneration, Value: hex(t.Generation)}, dialect.Variable{Name: varConfirmedTries, Value: hex(t.ConfirmedTries)}), nil
}

// Doubts are RAUC's where its script runs.
func (o own) Doubts(get dialect.Variables) []string {
	if o.contract {
		return nil
	}
	return rauc.Doubts(get)
}

// check refuses what the variables cannot hold.
func check(t bootctl.Table) error {
	if t.ConfirmedTries < 0 || t.ConfirmedTries > math.MaxInt32 {
		return fmt.Errorf("cannot store a boot table with %d confirmed tries: use 0 to %d", t.ConfirmedTries, math.MaxInt32)
	}
	for _, s := range bootctl.Slots {
		st := t.Slots[s]
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

func hex[N int | uint32](n N) string { return strconv.FormatUint(uint64(n), 16) }
