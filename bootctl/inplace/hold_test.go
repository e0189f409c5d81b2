package inplace

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestToolsAreLockedOutUntilUnlocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	free := func() bool {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
	}
	unlock := Hold(path)
	if free() {
		t.Error("a tool could lock too")
	}
	unlock()
	if !free() {
		t.Error("the lock was not released")
	}
	Hold(filepath.Join(path, "no directory"))() // is no reason to fail
}
