package uboot

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"abota/bootctl/inplace"
)

func TestUnlockedForAsLongAsItIsWritten(t *testing.T) {
	for was, during := range map[string]string{"1\n": "0\n", "0\n": "0\n"} {
		folder := t.TempDir()
		file := filepath.Join(folder, "force_ro")
		expect := func(want string) {
			t.Helper()
			if got, err := os.ReadFile(file); err != nil || string(got) != want {
				t.Errorf("force_ro was %q, now %q, %v, want %q", was, got, err, want)
			}
		}
		if err := os.WriteFile(file, []byte(was), 0o600); err != nil {
			t.Fatal(err)
		}
		lock, err := unlockAt(folder)
		if err != nil {
			t.Fatal(err)
		}
		expect(during)
		if err := lock(); err != nil {
			t.Fatal(err)
		}
		expect(was)
	}
	if _, err := unlockAt(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no force_ro: %v", err)
	}
}

func TestOnlyHardwareBootPartitionsAreUnlocked(t *testing.T) {
	sys := t.TempDir()
	device := unix.Mkdev(179, 8)
	link := filepath.Join(sys, "179:8")
	for name, want := range map[string]bool{
		"mmcblk0boot0": true, "mmcblk12boot1": true,
		"mmcblk0": false, "mmcblk0p1": false, "mmcblk0boot2": false, "mmcblk0rpmb": false, "xmmcblk0boot0": false, "sda": false,
	} {
		if err := errors.Join(os.RemoveAll(link), os.Symlink("../../devices/mmc0:0001/block/"+name, link)); err != nil {
			t.Fatal(err)
		}
		if got := bootPartitionOf(device, sys) == link; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if got := bootPartitionOf(unix.Mkdev(179, 16), sys); got != "" {
		t.Errorf("a device that is not shown: %s", got)
	}
	// A file of that name is none.
	path := filepath.Join(t.TempDir(), "mmcblk0boot0")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := unlock(path, sys)
	if err != nil || lock() != nil {
		t.Errorf("a file: %v", err)
	}
}

func TestWriteProtectionOfTheEMMCIsTold(t *testing.T) {
	for until, refused := range map[string]bool{"0\n": false, "1\n": true, "2\n": true} {
		folder := t.TempDir()
		for name, text := range map[string]string{"force_ro": "1\n", "ro_lock_until_next_power_on": until} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := unlockAt(folder)
		if told := err != nil && strings.Contains(err.Error(), "write protection was switched on"); told != refused {
			t.Errorf("%q: %v", until, err)
		}
		now, err := os.ReadFile(filepath.Join(folder, "force_ro"))
		if want := map[bool]string{true: "1\n", false: "0\n"}[refused]; err != nil || string(now) != want {
			t.Errorf("%q: force_ro is %q, %v", until, now, err)
		}
	}
}

// TestLockedAgainWhateverHappens: the lock is put back when a write fails, and
// when the program panics.
func TestLockedAgainWhateverHappens(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "force_ro")
	content := filepath.Join(folder, "content")
	for path, text := range map[string]string{file: "1\n", content: strings.Repeat("x", 1024)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := &Backend{open: func(c Copy, _ bool) (medium, error) {
		lock, err := unlockAt(folder)
		if err != nil {
			return nil, err
		}
		f, err := inplace.Open(c.Path, true)
		return &device{f, lock}, err
	}}
	for name, do := range map[string]func(medium) error{
		"success": func(medium) error { return nil },
		"error":   func(medium) error { return errors.New("failed") },
		"panic":   func(medium) error { panic("out of order") },
	} {
		func() {
			defer func() { _ = recover() }()
			_ = b.writing(Copy{Path: content}, func(m medium) error {
				if now, err := os.ReadFile(file); err != nil || string(now) != "0\n" {
					t.Errorf("%s: while it is written force_ro is %q, %v", name, now, err)
				}
				return do(m)
			})
		}()
		if now, err := os.ReadFile(file); err != nil || string(now) != "1\n" {
			t.Errorf("%s: afterwards force_ro is %q, %v", name, now, err)
		}
	}
}
