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
	"unsafe"

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
func rebootFor(backend bootctl.Backend, booted bootctl.Slot, startedFromSlots bool, log *slog.Logger) func(context.Context) error {
	if caps := backend.Caps(); !caps.Tries && !caps.OneShot || !startedFromSlots {
		return func(context.Context) error {
			log.Warn("this machine does not boot from these slots: restart what uses the slots")
			return nil
		}
	}
	return func(ctx context.Context) error { return rebootMachine(ctx, rebootArgument(backend, booted, log), log) }
}

// rebootMachine is reboot; tests have no machine to spare.
var rebootMachine = reboot

// rebootArgument is what the kernel has to hand to a loader that learns of a
// trial from the reboot alone; empty for every other one. Where it cannot be
// found out the loader starts the confirmed slot, which is never worse.
func rebootArgument(backend bootctl.Backend, booted bootctl.Slot, log *slog.Logger) string {
	asks, ok := backend.(interface {
		RebootArgument(booted bootctl.Slot) (string, error)
	})
	if !ok {
		return ""
	}
	argument, err := asks.RebootArgument(booted)
	if err != nil {
		log.Error("cannot tell whether the reboot has to ask for a trial, so it does not", "error", err)
		return ""
	}
	return argument
}

// underSystemd reports whether systemd is init, as sd_booted does.
func underSystemd() bool {
	_, err := os.Lstat("/run/systemd/system")
	return err == nil
}

// orderlyCommand asks init for a reboot. Only systemd's hands an argument on;
// other inits ignore it, and the trial would not be started.
func orderlyCommand(argument string, systemd bool) (command []string, ok bool) {
	switch {
	case argument == "":
		return []string{"reboot"}, true
	case systemd:
		return []string{"reboot", argument}, true
	}
	return nil, false
}

// reboot asks init for an orderly reboot, and leaves a process behind that
// forces it when the device is still up after orderlyFor. It returns when init
// ends this process, or when even the forced reboot is refused.
func reboot(ctx context.Context, argument string, log *slog.Logger) error {
	log.Warn("rebooting")
	orderly, ok := orderlyCommand(argument, underSystemd())
	if !ok {
		log.Warn("init cannot hand an argument to the bootloader, so the reboot is not orderly", "argument", argument)
		return forceReboot(argument)
	}
	if err := leaveForcer(argument); err != nil {
		log.Error("cannot leave a process behind that would force the reboot", "error", err)
	}
	if err := exec.Command(orderly[0], orderly[1:]...).Start(); err != nil {
		log.Error("no orderly reboot, forcing it", "error", err)
		return forceReboot(argument)
	}
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(orderlyFor + syncFor):
	}
	log.Error("the orderly reboot did not happen, forcing it")
	return forceReboot(argument)
}

// leaveForcer starts `abota force-reboot` in a session of its own, so that it
// outlives this process and the terminal.
func leaveForcer(argument string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	forcer := exec.Command(self, "force-reboot", argument)
	forcer.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return forcer.Start()
}

// forceAfter is what leaveForcer starts; nobody else needs it.
func forceAfter(*command, *flag.FlagSet) action {
	return func(_ context.Context, args []string) error {
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
		time.Sleep(orderlyFor)
		return forceReboot(strings.Join(args, " "))
	}
}

// forceReboot flushes what it can and resets, by the system call and, where
// that is refused, by the kernel's emergency trigger, which has no argument.
func forceReboot(argument string) error {
	flushed := make(chan struct{})
	go func() {
		syscall.Sync()
		close(flushed)
	}()
	select {
	case <-flushed:
	case <-time.After(syncFor):
	}
	err := restart(argument)
	if err == nil {
		return nil
	}
	if trigger := os.WriteFile("/proc/sysrq-trigger", []byte("b"), 0); trigger != nil {
		return fmt.Errorf("forced reboot: %w", errors.Join(err, trigger))
	}
	return nil
}

// restart is reboot(2), with RESTART2 where there is an argument.
func restart(argument string) error {
	if argument == "" {
		return syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
	}
	text, err := syscall.BytePtrFromString(argument)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall6(syscall.SYS_REBOOT, syscall.LINUX_REBOOT_MAGIC1, syscall.LINUX_REBOOT_MAGIC2,
		syscall.LINUX_REBOOT_CMD_RESTART2, uintptr(unsafe.Pointer(text)), 0, 0)
	if errno != 0 {
		return errno
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
