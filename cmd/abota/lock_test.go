package main

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// lockOf is the lock of one command on a device.
func lockOf(t *testing.T, stateDir string) *stateLock {
	t.Helper()
	l, err := openLock(stateDir)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// twoLocks are those of two commands on one device.
func twoLocks(t *testing.T) (mine, theirs *stateLock) {
	t.Helper()
	dir := t.TempDir()
	return lockOf(t, dir), lockOf(t, dir)
}

func TestLockIsHeldByOne(t *testing.T) {
	mine, theirs := twoLocks(t)
	must(t, mine.try())
	must(t, mine.try()) // it is mine already
	if err := theirs.try(); !errors.Is(err, errLocked) {
		t.Errorf("a second holder got %v", err)
	}
	must(t, mine.Close())
	must(t, theirs.try())
}

func TestWaitEndsWhenTheLockIsFree(t *testing.T) {
	mine, theirs := twoLocks(t)
	must(t, theirs.try())
	synctest.Test(t, func(t *testing.T) {
		got := make(chan error, 1)
		go func() { got <- mine.wait(t.Context()) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(got) > 0 {
			t.Fatalf("did not wait: %v", <-got)
		}
		must(t, theirs.Close())
		must(t, <-got)
	})
}

func TestWaitEndsWithTheContext(t *testing.T) {
	mine, theirs := twoLocks(t)
	must(t, theirs.try())
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan error, 1)
		go func() { got <- mine.wait(ctx) }()
		synctest.Wait()
		cancel()
		time.Sleep(time.Minute)
		if len(got) == 0 {
			_ = theirs.Close()
			t.Fatal("waits on")
		}
		if err := <-got; !errors.Is(err, context.Canceled) || errors.Is(err, errLocked) {
			t.Errorf("got %v", err)
		}
	})
}

// Health checks take minutes, and a rollback must not wait for them.
func TestUnlockedLendsTheLockAndTakesItBack(t *testing.T) {
	dir := t.TempDir()
	mine, theirs, third := lockOf(t, dir), lockOf(t, dir), lockOf(t, dir)
	must(t, mine.try())
	synctest.Test(t, func(t *testing.T) {
		must(t, mine.unlocked(t.Context(), func() {
			must(t, theirs.try())
			time.AfterFunc(time.Minute, func() { _ = theirs.Close() })
		}))
		if err := third.try(); !errors.Is(err, errLocked) {
			t.Errorf("after it, a third command got %v", err)
		}
	})
}

func TestUnlockedSaysThatTheLockDidNotComeBack(t *testing.T) {
	mine, theirs := twoLocks(t)
	must(t, mine.try())
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		err := mine.unlocked(ctx, func() {
			must(t, theirs.try())
			cancel()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// Status must not make the lock that it asks about.
func TestLockHeldOnlyLooks(t *testing.T) {
	dir := t.TempDir()
	if lockHeld(dir) {
		t.Error("a lock that does not exist is held")
	}
	if found, err := os.ReadDir(dir); err != nil || len(found) > 0 {
		t.Errorf("left %v, %v", found, err)
	}
	l := lockOf(t, dir)
	if lockHeld(dir) {
		t.Error("a free lock is held")
	}
	must(t, l.try())
	if !lockHeld(dir) {
		t.Error("a lock at work is free")
	}
}
