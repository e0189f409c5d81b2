package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// errLocked: another abota is at work on this device.
var errLocked = errors.New("another abota is at work")

// stateLock makes the writing verbs exclude each other. The kernel takes it
// back when the process ends, however it ends.
type stateLock struct{ file *os.File }

func openLock(stateDir string) (*stateLock, error) { return openLockFile(stateDir, "lock") }

func openLockFile(stateDir, name string) (*stateLock, error) {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot use state_dir: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(stateDir, name), os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot use state_dir: %w", err)
	}
	return &stateLock{f}, nil
}

// try takes the lock, or returns errLocked.
func (l *stateLock) try() error {
	err := syscall.Flock(int(l.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%w (it holds %s): wait for it to end", errLocked, l.file.Name())
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", l.file.Name(), err)
	}
	return nil
}

// wait takes the lock as soon as it is free.
func (l *stateLock) wait(ctx context.Context) error {
	for {
		if err := l.try(); !errors.Is(err, errLocked) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the lock: %w", ctx.Err())
		case <-time.After(time.Second):
		}
	}
}

// trialLock is held, beside state_dir's lock, by who judges the booted slot
// while the lock is free.
const trialLock = "trial"

// unlocked runs do without the lock and has it back when it returns.
func (l *stateLock) unlocked(ctx context.Context, do func()) error {
	judging := l.judging()
	defer judging.Close()
	if err := syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN); err != nil {
		return fmt.Errorf("unlock %s: %w", l.file.Name(), err)
	}
	do()
	return l.wait(ctx)
}

// judging says that a trial has somebody who ends it. Where that cannot be
// said, the worst is that two of them judge.
func (l *stateLock) judging() *os.File {
	f, err := os.OpenFile(filepath.Join(filepath.Dir(l.file.Name()), trialLock), os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil
	}
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return f
}

// lockHeld reports whether another abota is at work.
func lockHeld(stateDir string) bool { return held(filepath.Join(stateDir, "lock")) }

// held reports whether anybody has locked a file. It asks the kernel's list
// of locks, because even a shared lock, held for a moment, would turn a writing
// verb away.
func held(path string) bool {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return false
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return false
	}
	// As in "7: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF", see proc(5).
	file := fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)
	for line := range strings.Lines(string(locks)) {
		if words := strings.Fields(line); len(words) > 5 && words[1] == "FLOCK" && words[5] == file {
			return true
		}
	}
	return false
}

// Close gives the lock up.
func (l *stateLock) Close() error { return l.file.Close() }
