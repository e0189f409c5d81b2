package dialect

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"abota/bootctl"
)

// Loader is what reads the variables.
type Loader uint8

// The loaders that the schemes differ for.
const (
	UBoot Loader = iota
	GRUB
)

// Mender is the dialect of Mender's boot scripts. numbers are those of the
// partitions of slot A and B: RootfsPartA and RootfsPartB end in them.
func Mender(loader Loader, numbers [2]string) (Dialect, error) {
	p := &pointer{
		dialect: "mender", names: numbers,
		slot: "mender_boot_part", trial: "upgrade_available", count: "bootcount",
		ends: func(Variables) error { return nil },
	}
	var hex [2]string
	for _, s := range bootctl.Slots {
		n, err := strconv.ParseUint(numbers[s], 10, 16)
		if err != nil || n == 0 || numbers[s] != strconv.FormatUint(n, 10) {
			return nil, fmt.Errorf("cannot use %q as slot %s's name for Mender's boot script because it goes by the number of a partition, as 2", numbers[s], s)
		}
		hex[s] = strconv.FormatUint(n, 16)
	}
	if loader == UBoot {
		p.also, p.alsoNames = "mender_boot_part_hex", hex
		p.ends = menderEnds
	}
	return p, distinct(numbers)
}

func distinct(names [2]string) error {
	if names[0] == names[1] {
		return fmt.Errorf("cannot use %q as the name of both slots for the boot script", names[0])
	}
	return nil
}

// menderEnds looks at what U-Boot itself needs to count and to go back. Of the
// canary Mender's own installer says the same.
func menderEnds(v Variables) error {
	if v("mender_check_saveenv_canary") == "1" && v("mender_saveenv_canary") != "1" {
		return errors.New("U-Boot could not save its environment where this one lies: mender_saveenv_canary is not there: compare CONFIG_ENV_OFFSET with the configured places")
	}
	return counts(v)
}

// counts looks at U-Boot's own counter of boots.
func counts(v Variables) error {
	switch {
	case leading(v("bootlimit")) == 0:
		return errors.New("U-Boot would never go back from a trial: bootlimit is not set: `fw_setenv bootlimit 1`")
	case strings.TrimSpace(v("altbootcmd")) == "":
		return errors.New("U-Boot would have nothing to run after a trial: altbootcmd is not set")
	}
	return nil
}
