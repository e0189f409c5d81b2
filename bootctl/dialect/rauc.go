package dialect

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"abota/bootctl"
)

// raucUBoot is RAUC's in U-Boot.
type raucUBoot struct {
	names [2]string
	// own says that abota's script runs, so that what else lies there is left over.
	own bool
}

// Order is what abota's own boot script in U-Boot shares with those made for RAUC.
func Order() Dialect { return raucUBoot{names: [2]string{"A", "B"}, own: true} }

// RAUC is the dialect of boot scripts made for RAUC. names are the bootnames of
// slot A and B in its system.conf.
func RAUC(loader Loader, names [2]string) (Dialect, error) {
	for _, s := range bootctl.Slots {
		if names[s] == "" || strings.ContainsAny(names[s], "= \t\n\x00\\\"'$;") {
			return nil, fmt.Errorf("cannot use %q as slot %s's bootname for the boot script", names[s], s)
		}
	}
	if err := distinct(names); err != nil {
		return nil, err
	}
	if loader == GRUB {
		return raucGRUB{names}, nil
	}
	return raucUBoot{names: names}, nil
}

func (raucUBoot) Name() string { return "rauc" }

func (raucUBoot) Caps() bootctl.Caps { return bootctl.Caps{Tries: true} }

const varOrder = "BOOT_ORDER"

func (r raucUBoot) left(s bootctl.Slot) string { return "BOOT_" + r.names[s] + "_LEFT" }

func (r raucUBoot) Read(v Variables) (bootctl.Table, error) {
	names := v(varOrder)
	order := slotsIn(names, r.names)
	switch {
	case names == "" && !r.own && Whose(v) != "":
		return bootctl.Table{}, r.alien(v)
	case names == "":
		return bootctl.Table{}, fmt.Errorf("%w: the U-Boot environment has no %s: run `abota provision`", bootctl.ErrNoTable, varOrder)
	case len(order) == 0:
		return bootctl.Table{}, fmt.Errorf("%w: %s is %q, which names neither slot %s nor %s: set bootloader.names to what the boot script calls them, or run `abota provision`", bootctl.ErrNoTable, varOrder, names, r.names[0], r.names[1])
	}
	t := bootctl.Table{}.WithOrder(order...)
	for _, s := range bootctl.Slots {
		st := &t.Slots[s]
		st.Tries = bootctl.DefaultTrialTries
		if left := v(r.left(s)); left != "" {
			st.Tries = int(min(Hex(left), math.MaxInt32))
		}
		st.Good = st.Bootable()
	}
	return t, nil
}

// alien: nothing is made up in an environment that another updater's script reads.
func (r raucUBoot) alien(v Variables) error {
	return fmt.Errorf("the U-Boot environment has no %s, which RAUC's boot script goes by, but the variables of %[2]s: set bootloader.variables: %[2]s", varOrder, Whose(v))
}

// Write keeps names in the order that are not ours, behind ours.
func (r raucUBoot) Write(t bootctl.Table, v Variables) ([]Variable, error) {
	switch {
	case len(t.Order()) == 0:
		return nil, fmt.Errorf("cannot store a boot table without a bootable slot because %s must not be empty", varOrder)
	case v(varOrder) == "" && !r.own && Whose(v) != "":
		return nil, fmt.Errorf("cannot store the boot table because %w", r.alien(v))
	}
	vars := []Variable{{varOrder, ordered(t.Order(), r.names, v(varOrder))}}
	for _, s := range bootctl.Slots {
		tries := t.Slots[s].Tries
		if tries < 0 || tries > math.MaxInt32 {
			return nil, fmt.Errorf("cannot store a boot table with %d tries for slot %s: use 0 to %d", tries, s, math.MaxInt32)
		}
		vars = append(vars, Variable{r.left(s), strconv.FormatUint(uint64(tries), 16)})
	}
	return vars, nil
}

func (raucUBoot) Doubts(Variables) []string { return []string{countsEveryBoot} }

const countsEveryBoot = "the boot script made for RAUC counts every boot: a device that is switched off before `abota boot` ran, again and again, falls to its other slot"

// slotsIn lists our slots in an order. A name that comes twice counts where it
// stands first; unknown names are skipped.
func slotsIn(order string, names [2]string) (found []bootctl.Slot) {
	for _, name := range strings.Fields(order) {
		for _, s := range bootctl.Slots {
			if name == names[s] && !slices.Contains(found, s) {
				found = append(found, s)
			}
		}
	}
	return found
}

// ordered is the text of an order, with the names of a former one that are not
// ours behind.
func ordered(slots []bootctl.Slot, names [2]string, former string) string {
	var words []string
	for _, s := range slots {
		words = append(words, names[s])
	}
	for _, name := range strings.Fields(former) {
		if name != names[0] && name != names[1] {
			words = append(words, name)
		}
	}
	return strings.Join(words, " ")
}

// Hex reads a number as U-Boot's simple_strtoul does: the leading hexadecimal
// digits count, and none at all is zero.
func Hex(text string) uint64 {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "0x"), "0X")
	end := strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) })
	if end >= 0 {
		text = text[:end]
	}
	n, err := strconv.ParseUint(text, 16, 32)
	if err != nil && text != "" {
		return math.MaxUint32 // more digits than any counter has
	}
	return n
}
