package uboot

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// sysBlock is where the kernel shows block devices.
const sysBlock = "/sys/block"

// emmcBoot is how the kernel names the hardware boot partitions of an eMMC.
var emmcBoot = regexp.MustCompile(`^mmcblk[0-9]+boot[01]$`)

// unlock makes a hardware boot partition of an eMMC writable, which the kernel
// keeps read-only until it is told otherwise, and returns what makes it
// read-only again. Of everything else, and of one that is writable already, it
// changes nothing. The lock is the kernel's only: after a power cut it is back.
func unlock(path, sys string) (lock func() error, err error) {
	nothing := func() error { return nil }
	device, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	name := filepath.Base(device)
	if filepath.Dir(device) != "/dev" || !emmcBoot.MatchString(name) {
		return nothing, nil
	}
	return unlockAt(filepath.Join(sys, name, "force_ro"))
}

func unlockAt(file string) (lock func() error, err error) {
	now, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("find out whether the eMMC boot partition is locked: %w", err)
	}
	if strings.TrimSpace(string(now)) == "0" {
		return func() error { return nil }, nil
	}
	if err := os.WriteFile(file, []byte("0\n"), 0); err != nil {
		return nil, fmt.Errorf("unlock the eMMC boot partition: %w", err)
	}
	return func() error {
		if err := os.WriteFile(file, []byte("1\n"), 0); err != nil {
			return fmt.Errorf("lock the eMMC boot partition again: %w", err)
		}
		return nil
	}, nil
}
