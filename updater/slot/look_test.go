package slot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// onFiles is a machine without devices but loops, and two slots that are files.
func onFiles(t *testing.T) (f *fixture, a, b string) {
	t.Helper()
	f = newFixture(t)
	dir := t.TempDir()
	a, b = filepath.Join(dir, "a.img"), filepath.Join(dir, "b.img")
	for _, path := range []string{a, b} {
		if err := os.WriteFile(path, make([]byte, 4096), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f, a, b
}

func TestRefusalIsThatOfOpenTarget(t *testing.T) {
	f, a, b := onFiles(t)
	refusal := func(target, booted string) error {
		t.Helper()
		seen, err := f.Look()
		if err != nil {
			t.Fatal(err)
		}
		return seen.Refusal(Alone(target), Alone(booted))
	}
	same := func(target, booted string, is error) {
		t.Helper()
		got := refusal(target, booted)
		_, want := f.OpenTarget(target, booted)
		if !errors.Is(got, is) || !errors.Is(want, is) || got.Error() != want.Error() {
			t.Errorf("refusal %v, and opening it %v; want %v", got, want, is)
		}
	}
	if err := refusal(b, a); err != nil {
		t.Errorf("free slot: %v", err)
	}
	same(a, a, ErrSameDevice)
	same(b, a+"-none", os.ErrNotExist)
	same(b+"-none", a, os.ErrNotExist)
	f.loop("loop0", 8, b, 0)
	f.mountDevice("loop0", "/mnt")
	same(b, a, ErrInUse)
}

func TestSize(t *testing.T) {
	_, a, _ := onFiles(t)
	if n, err := Size(Member{Path: a}); n != 4096 || err != nil {
		t.Errorf("%d, %v; want 4096", n, err)
	}
	if _, err := Size(Member{Path: a + "-none"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

// TestHolds: a folder on what a slot's file or device is mounted as.
func TestHolds(t *testing.T) {
	f, a, b := onFiles(t)
	folder := t.TempDir()
	var st unix.Stat_t
	if err := unix.Stat(folder, &st); err != nil {
		t.Fatal(err)
	}
	seen, err := f.Look()
	if err != nil {
		t.Fatal(err)
	}
	if on, err := seen.Holds(Alone(a), folder); on || err != nil {
		t.Errorf("not mounted: %v, %v", on, err)
	}
	if kind := seen.FileSystem(folder); kind != "" {
		t.Errorf("file system %q of what is mounted nowhere", kind)
	}
	// A loop device with the number of what the folder really lies on.
	f.loop("loop0", 8, a, 0)
	number := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	f.write(f.sys("class/block/loop0/dev"), number)
	f.write(f.sys("class/block/loop0/uevent"), fmt.Sprintf("MAJOR=%d\nMINOR=%d\nDEVNAME=loop0\n", unix.Major(st.Dev), unix.Minor(st.Dev)))
	f.mountDevice("loop0", "/data")
	if seen, err = f.Look(); err != nil {
		t.Fatal(err)
	}
	for slot, want := range map[string]bool{a: true, b: false} {
		if on, err := seen.Holds(Alone(slot), folder); on != want || err != nil {
			t.Errorf("%s: %v, %v; want %v", slot, on, err, want)
		}
	}
	if kind := seen.FileSystem(folder); kind != "ext4" {
		t.Errorf("file system %q, want ext4", kind)
	}
	if _, err := seen.Holds(Alone(a), folder+"/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
}
