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
	// inPlace is Host.InPlace.
	inPlace func(path string) error
}

// Look reads all of it once.
func (h Host) Look() (seen View, err error) {
	seen.inPlace = h.InPlace
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

// Refusal is why a slot could not be opened now ([Host.OpenGroup]), as far as
// that can be told without holding it, or nil. Nothing is opened.
func (seen View) Refusal(target, booted Group) error {
	writes, runs, err := volumes(target, booted)
	if err != nil {
		return err
	}
	return seen.guard(writes, runs)
}

// Size is the room in a part of a slot, in bytes.
func Size(m Member) (int64, error) {
	if _, err := find(m); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(m.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, fmt.Errorf("measure slot: %w", err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, fmt.Errorf("measure slot %s: %w", m.Path, err)
	}
	return size, nil
}

// Holds reports whether a folder lies in the file system of a slot, or on what
// both are built of. Parts that are written in place hold none.
func (seen View) Holds(slot Group, folder string) (bool, error) {
	var st unix.Stat_t
	if err := unix.Stat(folder, &st); err != nil {
		return false, fmt.Errorf("find out what %s stands on: %w", folder, err)
	}
	for _, path := range slot.Paths() {
		s, err := identify(path)
		if err != nil {
			return false, err
		}
		for _, m := range seen.mounts {
			if m.number == st.Dev && slices.ContainsFunc(m.storages(), func(of storage) bool { return seen.tree.share(s, of) }) {
				return true, nil
			}
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
	m, _ := seen.mountOf(st.Dev)
	return m.kind
}
