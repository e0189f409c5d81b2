package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"abota/bootctl"
)

// orderlyFor is how long services get to stop before the reboot is forced, and
// syncFor how long the kernel gets to flush a disk that may be broken.
const (
	orderlyFor = 60 * time.Second
	syncFor    = 10 * time.Second
)

// rebootFor is the reboot that makes a moved boot pointer count. Where no
// bootloader reads the table, or this machine was not started from slots that
// are plain files, restarting it would change nothing.
func rebootFor(backend bootctl.Backend, startedFromSlots bool, log *slog.Logger) func(context.Context) error {
	if caps := backend.Caps(); !caps.Tries && !caps.OneShot || !startedFromSlots {
		return func(context.Context) error {
			log.Warn("this machine does not boot from these slots: restart what uses the slots")
			return nil
		}
	}
	return func(ctx context.Context) error { return reboot(ctx, log) }
}

// reboot asks init for an orderly reboot, and leaves a process behind that
// forces it when the device is still up after orderlyFor. It returns when init
// ends this process, or when even the forced reboot is refused.
func reboot(ctx context.Context, log *slog.Logger) error {
	log.Warn("rebooting")
	if err := leaveForcer(); err != nil {
		log.Error("cannot leave a process behind that would force the reboot", "error", err)
	}
	if err := exec.Command("reboot").Start(); err != nil {
		log.Error("no orderly reboot, forcing it", "error", err)
		return forceReboot()
	}
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(orderlyFor + syncFor):
	}
	log.Error("the orderly reboot did not happen, forcing it")
	return forceReboot()
}

// leaveForcer starts `abota force-reboot` in a session of its own, so that it
// outlives this process and the terminal.
func leaveForcer() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	forcer := exec.Command(self, "force-reboot")
	forcer.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return forcer.Start()
}

// forceAfter is what leaveForcer starts; nobody else needs it.
func forceAfter(*command, *flag.FlagSet) action {
	return func(context.Context, []string) error {
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
		time.Sleep(orderlyFor)
		return forceReboot()
	}
}

// forceReboot flushes what it can and resets, by the system call and, where
// that is refused, by the kernel's emergency trigger.
func forceReboot() error {
	flushed := make(chan struct{})
	go func() {
		syscall.Sync()
		close(flushed)
	}()
	select {
	case <-flushed:
	case <-time.After(syncFor):
	}
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
