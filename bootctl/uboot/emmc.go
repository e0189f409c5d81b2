package uboot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"
)

// sysBlock is where the kernel shows block devices, by their numbers.
const sysBlock = "/sys/dev/block"

// emmcBoot is how the kernel names the hardware boot partitions of an eMMC.
var emmcBoot = regexp.MustCompile(`^mmcblk[0-9]+boot[01]$`)

// bootPartition is the folder in which the kernel shows a hardware boot
// partition of an eMMC, whatever its path is; empty for everything else.
func bootPartition(path, sys string) (folder string, err error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return "", nil
	}
	return bootPartitionOf(uint64(st.Rdev), sys), nil
}

func bootPartitionOf(device uint64, sys string) string {
	link := filepath.Join(sys, fmt.Sprintf("%d:%d", unix.Major(device), unix.Minor(device)))
	if shown, err := os.Readlink(link); err != nil || !emmcBoot.MatchString(filepath.Base(shown)) {
		return ""
	}
	return link
}

// unlock makes a hardware boot partition of an eMMC writable, which the kernel
// keeps read-only until it is told otherwise, and returns what makes it
// read-only again. Of everything else, and of one that is writable already, it
// changes nothing. The lock is the kernel's only: after a power cut it is back.
func unlock(path, sys string) (lock func() error, err error) {
	folder, err := bootPartition(path, sys)
	if err != nil || folder == "" {
		return func() error { return nil }, err
	}
	return unlockAt(folder)
}

func unlockAt(folder string) (lock func() error, err error) {
	if err := unlockable(folder); err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "force_ro")
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

// unlockable says why a boot partition cannot be unlocked. It changes nothing.
func unlockable(folder string) error {
	// The eMMC's own write protection, which no software lifts.
	if until, err := os.ReadFile(filepath.Join(folder, "ro_lock_until_next_power_on")); err == nil {
		if s := strings.TrimSpace(string(until)); s != "" && s != "0" {
			return errors.New("cannot write the eMMC boot partition because its write protection was switched on, until the next power cut or for good: do not let the boot loader or the system switch it on")
		}
	}
	if err := unix.Access(filepath.Join(folder, "force_ro"), unix.W_OK); err != nil {
		return fmt.Errorf("cannot unlock the eMMC boot partition (%s/force_ro): %w: run as root, with /sys mounted", folder, err)
	}
	return nil
}
