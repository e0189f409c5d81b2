package slot

import (
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// View is what a machine showed at one moment of its block devices, and of who
// uses them. It is for who only looks.
type View struct {
	tree   tree
	mounts []mount
	uses   []use
}

// Look reads all of it once.
func (h Host) Look() (seen View, err error) {
	if seen.tree, err = h.tree(); err != nil {
		return seen, err
	}
	if seen.mounts, err = h.mounts(); err != nil {
		return seen, err
	}
	swaps, err := h.swaps()
	seen.uses = append(mounted(seen.mounts), swaps...)
	return seen, err
}

// Refusal is why a target could not be opened now ([Host.OpenTarget]), as far
// as that can be told without holding it, or nil. Nothing is opened.
func (seen View) Refusal(path, booted string) error {
	target, err := find(path)
	if err != nil {
		return fmt.Errorf("open slot: %w", err)
	}
	other, err := find(booted)
	if err != nil {
		return fmt.Errorf("cannot write %s because the booted slot is unknown: %w", path, err)
	}
	return seen.guard(target, other)
}

// Size is the room in a slot, in bytes.
func Size(path string) (int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, fmt.Errorf("measure slot: %w", err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, fmt.Errorf("measure slot %s: %w", path, err)
	}
	return size, nil
}

// Holds reports whether a folder lies in the file system of a slot, or on what
// both are built of.
func (seen View) Holds(slot, folder string) (bool, error) {
	s, err := identify(slot)
	if err != nil {
		return false, err
	}
	var st unix.Stat_t
	if err := unix.Stat(folder, &st); err != nil {
		return false, fmt.Errorf("find out what %s stands on: %w", folder, err)
	}
	for _, m := range seen.mounts {
		if m.number == st.Dev && slices.ContainsFunc(m.storages(), func(of storage) bool { return seen.tree.share(s, of) }) {
			return true, nil
		}
	}
	return false, nil
}

// FileSystem is the type of the file system that a folder lies in, as "ext4",
// or empty where that is not known.
func (seen View) FileSystem(folder string) string {
	var st unix.Stat_t
	if unix.Stat(folder, &st) != nil {
		return ""
	}
	for _, m := range seen.mounts {
		if m.number == st.Dev {
			return m.kind
		}
	}
	return ""
}
