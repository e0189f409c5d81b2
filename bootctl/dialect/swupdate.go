package dialect

import (
	"errors"
	"fmt"
	"strings"

	"abota/bootctl"
)

// Names are the variables of a boot script made for SWUpdate.
type Names struct {
	// Slot names the slot to start, and Trial says whether it is on trial.
	Slot, Trial string
	// Count, optional, is set to 0 with each new trial.
	Count string
	// State, optional, is what SWUpdate reports by, where that is not Trial.
	State string
}

// SWUpdate is the dialect of a boot script made for SWUpdate. values are what
// the variable Slot has for slot A and B.
func SWUpdate(loader Loader, names Names, values [2]string) (Dialect, error) {
	p := &pointer{
		dialect: "swupdate", names: values,
		slot: names.Slot, trial: names.Trial, count: names.Count, state: names.State,
		ends: func(Variables) error { return nil },
	}
	switch {
	case names.Slot == "":
		return nil, errors.New("cannot use SWUpdate's variables without the name of the one that says which slot boots: set bootloader.swupdate.slot, as rootpart")
	case names.Trial == "":
		return nil, errors.New("cannot use SWUpdate's variables without the name of the one that says that a slot is on trial, because a boot script that has none never goes back: set bootloader.swupdate.trial, as upgrade_available")
	}
	seen := map[string]bool{}
	for _, name := range []string{names.Slot, names.Trial, names.Count, names.State} {
		switch {
		case name != "" && seen[name]:
			return nil, fmt.Errorf("cannot use %s for two things at once in bootloader.swupdate: leave one of them out", name)
		case strings.ContainsAny(name, "= \t\n\x00#"):
			return nil, fmt.Errorf("cannot use %q as the name of a variable", name)
		}
		seen[name] = true
	}
	for _, s := range bootctl.Slots {
		if values[s] == "" || strings.TrimSpace(values[s]) != values[s] || strings.ContainsAny(values[s], "\\\n\x00") {
			return nil, fmt.Errorf("cannot use %q as slot %s's name for the boot script: set bootloader.names to the values of %s", values[s], s, names.Slot)
		}
	}
	// U-Boot counts by itself only in a variable of this name; a script that
	// counts in another one, or goes by ustate, needs neither limit nor command.
	if loader == UBoot && names.Count == "bootcount" {
		p.ends = counts
	}
	return p, distinct(values)
}
