package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"abota/bootctl"
)

// orderlyFor is how long services get to stop before the reboot is forced.
const orderlyFor = 60 * time.Second

// rebootFor is the reboot that makes a moved boot pointer count. Where no
// bootloader reads the table, restarting the machine would change nothing.
func rebootFor(backend bootctl.Backend, log *slog.Logger) func() error {
	if caps := backend.Caps(); !caps.Tries && !caps.OneShot {
		return func() error {
			log.Warn("no bootloader reads these slots: restart what uses the slots")
			return nil
		}
	}
	return func() error { return reboot(log) }
}

// reboot asks init for an orderly reboot and forces it when the device is
// still up after orderlyFor. It returns only when even that is refused.
func reboot(log *slog.Logger) error {
	log.Warn("rebooting")
	if err := exec.Command("reboot").Run(); err != nil {
		log.Error("no orderly reboot, forcing it", "error", err)
		return forceReboot()
	}
	time.Sleep(orderlyFor)
	log.Error("the orderly reboot did not happen, forcing it")
	return forceReboot()
}

// forceReboot flushes what it can and resets, by the system call and, where
// that is refused, by the kernel's emergency trigger.
func forceReboot() error {
	syscall.Sync()
	err := syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
	if err == nil {
		return nil
	}
	if trigger := os.WriteFile("/proc/sysrq-trigger", []byte("b"), 0); trigger != nil {
		return fmt.Errorf("forced reboot: %w", errors.Join(err, trigger))
	}
	return nil
}

// pstoreEvidence names what a crashed kernel left behind.
func pstoreEvidence() string {
	found, err := filepath.Glob("/sys/fs/pstore/*")
	if err != nil || len(found) == 0 {
		return ""
	}
	for i, path := range found {
		found[i] = filepath.Base(path)
	}
	return "the kernel left " + strings.Join(found, ", ") + " in /sys/fs/pstore"
}
