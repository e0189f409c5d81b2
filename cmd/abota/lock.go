package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// errLocked: another abota is at work on this device.
var errLocked = errors.New("another abota is at work")

// stateLock makes the writing verbs exclude each other. The kernel takes it
// back when the process ends, however it ends.
type stateLock struct{ file *os.File }

func openLock(stateDir string) (*stateLock, error) {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot use state_dir: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(stateDir, "lock"), os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC, 0o600)
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

// unlocked runs do without the lock and has it back when it returns.
func (l *stateLock) unlocked(ctx context.Context, do func()) error {
	if err := syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN); err != nil {
		return fmt.Errorf("unlock %s: %w", l.file.Name(), err)
	}
	do()
	return l.wait(ctx)
}

// lockHeld reports whether another abota is at work; it changes nothing.
func lockHeld(stateDir string) bool {
	f, err := os.Open(filepath.Join(stateDir, "lock"))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// Close gives the lock up.
func (l *stateLock) Close() error { return l.file.Close() }
