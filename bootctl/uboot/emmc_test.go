package uboot

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestUnlockedForAsLongAsItIsWritten(t *testing.T) {
	for was, during := range map[string]string{"1\n": "0\n", "0\n": "0\n"} {
		file := filepath.Join(t.TempDir(), "force_ro")
		expect := func(want string) {
			t.Helper()
			if got, err := os.ReadFile(file); err != nil || string(got) != want {
				t.Errorf("force_ro was %q, now %q, %v, want %q", was, got, err, want)
			}
		}
		if err := os.WriteFile(file, []byte(was), 0o600); err != nil {
			t.Fatal(err)
		}
		lock, err := unlockAt(file)
		if err != nil {
			t.Fatal(err)
		}
		expect(during)
		if err := lock(); err != nil {
			t.Fatal(err)
		}
		expect(was)
	}
	if _, err := unlockAt(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no force_ro: %v", err)
	}
}

func TestOnlyHardwareBootPartitionsAreUnlocked(t *testing.T) {
	for name, want := range map[string]bool{
		"mmcblk0boot0": true, "mmcblk12boot1": true,
		"mmcblk0": false, "mmcblk0p1": false, "mmcblk0boot2": false, "mmcblk0rpmb": false, "xmmcblk0boot0": false, "sda": false,
	} {
		if got := emmcBoot.MatchString(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	// A file of that name elsewhere is none.
	path := filepath.Join(t.TempDir(), "mmcblk0boot0")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := unlock(path, t.TempDir())
	if err != nil || lock() != nil {
		t.Errorf("a file: %v", err)
	}
}
