package main

import (
	"fmt"
	"strings"

	"abota/bootctl"
	"abota/bootctl/dialect"
	"abota/bootctl/grub"
	"abota/updater/config"
)

// speaker is a backend that may keep the table in another updater's variables.
type speaker interface {
	// Foreign names that updater.
	Foreign() string
	// Doubts speak against relying on what is there, which seems to be whose.
	Doubts() (doubts []string, whose string)
}

// takesOver reports whether the boot script is another updater's.
func takesOver(backend bootctl.Backend) bool {
	s, ok := backend.(speaker)
	return ok && s.Foreign() != ""
}

// dialectOf is how another updater's boot script keeps the boot table, or nil
// where it is abota's own, or nobody says.
func dialectOf(b config.Bootloader, loader dialect.Loader, paths [2]string) (d dialect.Dialect, err error) {
	names := b.Names
	switch b.Variables {
	case config.VariablesRAUC:
		if names[0] == "" {
			names = [2]string{"A", "B"}
		}
		d, err = dialect.RAUC(loader, names)
	case config.VariablesMender:
		if names[0] == "" {
			names, err = partitionNumbers(paths)
		}
		if err == nil {
			d, err = dialect.Mender(loader, names)
		}
	case config.VariablesSWUpdate:
		n := b.SWUpdate
		d, err = dialect.SWUpdate(loader, dialect.Names{Slot: n.Slot, Trial: n.Trial, Count: n.Count, State: n.State}, names)
	}
	if err != nil {
		return nil, &configError{fmt.Errorf("bootloader.variables: %w", err)}
	}
	return d, nil
}

// partitionNumbers are what Mender takes for them: the digits at the end.
func partitionNumbers(paths [2]string) (numbers [2]string, err error) {
	for i, path := range paths {
		if numbers[i] = path[len(strings.TrimRight(path, "0123456789")):]; numbers[i] == "" {
			return numbers, fmt.Errorf("cannot tell the number of slot %s's partition by its path (%q): set bootloader.names, as [2, 3]", bootctl.Slots[i], path)
		}
	}
	return numbers, nil
}

// openForeignGRUB is on the environment of a boot script in GRUB that is another
// updater's.
func openForeignGRUB(b config.Bootloader, paths [2]string) (bootctl.Backend, error) {
	d, err := dialectOf(b, dialect.GRUB, paths)
	if err != nil {
		return nil, err
	}
	if b.Variables == config.VariablesMender {
		return configured(grub.NewPair(b.GRUB.Env, d))
	}
	return configured(grub.NewFile(b.GRUB.Env, d))
}
