package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"abota/bootctl"
	"abota/updater"
	"abota/updater/config"
	"abota/updater/release"
)

func writeNote(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, release.NotePath)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestNoteOfADirectorySlot(t *testing.T) {
	d := &device{cfg: &config.Config{}, Engine: &updater.Engine{Booted: bootctl.A}}
	d.cfg.Slots[bootctl.B].Dir = writeNote(t, "version=1.4.0\nfloor=1.2\n")
	if got, err := d.note(true)(bootctl.B); err != nil || got != (release.Note{Version: "1.4.0", Floor: "1.2"}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// The other slot's image is not mounted, and this machine's own root says
// nothing of slots that are files on it.
func TestNoNoteOfWhatDoesNotRun(t *testing.T) {
	d := &device{cfg: &config.Config{}, Engine: &updater.Engine{Booted: bootctl.A}}
	for slot, started := range map[bootctl.Slot]bool{bootctl.A: false, bootctl.B: true} {
		if got, err := d.note(started)(slot); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("slot %s: %+v, %v", slot, got, err)
		}
	}
}

func TestNotesThatAreNoFileOrLeadElsewhere(t *testing.T) {
	elsewhere := writeNote(t, "9.9")
	for name, make := range map[string]func(path string) error{
		"pipe":     func(path string) error { return unix.Mkfifo(path, 0o644) },
		"folder":   func(path string) error { return os.Mkdir(path, 0o755) },
		"link out": func(path string) error { return os.Symlink(filepath.Join(elsewhere, release.NotePath), path) },
		"climbs":   func(path string) error { return os.Symlink("../../../../../../../../etc/hostname", path) },
	} {
		dir := writeNote(t, "1")
		path := filepath.Join(dir, release.NotePath)
		if err := errors.Join(os.Remove(path), make(path)); err != nil {
			t.Fatal(err)
		}
		if got, err := readNote(dir); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, err := readNote(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
