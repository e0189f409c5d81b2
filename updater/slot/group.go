package slot

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Member is one part of a slot.
type Member struct {
	Name string
	// Path is a block device or, on a machine without boot loader, a file.
	Path string
	// InPlace says that it is a preallocated file on a mounted file system that
	// a boot loader reads: size, place and name stay, and zeroes follow the
	// image to the end of the file.
	InPlace bool
}

// Group is all that a slot is made of: written together, before one pointer
// switches all of it.
type Group []Member

// Alone is a slot that is one device or one file.
func Alone(path string) Group { return Group{{Name: "root", Path: path}} }

// Paths are where the members lie, without those that are written in place: a
// root file system is in none of these.
func (g Group) Paths() []string {
	var all []string
	for _, m := range g {
		if !m.InPlace {
			all = append(all, m.Path)
		}
	}
	return all
}

// String names a slot by its members, as "/dev/sda2" or
// "kernel=/efi/linux-a root=/dev/sda2".
func (g Group) String() string {
	if len(g) == 1 {
		return g[0].Path
	}
	words := make([]string, len(g))
	for i, m := range g {
		words[i] = m.Name + "=" + m.Path
	}
	return strings.Join(words, " ")
}

// Held is what one part of a slot holds.
type Held struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // hexadecimal, of the part's first Size bytes
	Size   int64  `json:"size"`   // in bytes
}

// Together is the identity of what a slot holds: that of its only part, or the
// SHA-256 of one line for each part, in the order of their names, as
// "NAME SIZE SHA256\n". Size is the sum of all.
func Together(parts []Held) Proof {
	if len(parts) == 1 {
		return Proof{SHA256: parts[0].SHA256, Size: parts[0].Size}
	}
	lines, size := make([]string, len(parts)), int64(0)
	for i, p := range parts {
		lines[i] = fmt.Sprintf("%s %d %s\n", p.Name, p.Size, p.SHA256)
		size += p.Size
	}
	// No name holds what sorts before the blank behind it.
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return Proof{SHA256: hex.EncodeToString(sum[:]), Size: size}
}

// OpenGroup opens every part of a slot for writing, as [Host.OpenTarget] opens
// one, in the order of the group. It refuses also parts that share storage with
// each other, and a file that cannot be overwritten in place: missing, with a
// second name, on a file system that moves what changes, or on one of the
// slots. Nothing is written, and nothing stays open after an error.
func (h Host) OpenGroup(target, booted Group) ([]*Target, error) {
	open, err := h.openGroup(target, booted)
	if err != nil {
		CloseAll(open)
		return nil, err
	}
	return open, nil
}

func (h Host) openGroup(target, booted Group) (open []*Target, err error) {
	writes, runs, err := volumes(target, booted)
	if err != nil {
		return nil, err
	}
	if err := h.guard(writes, runs); err != nil {
		return nil, err
	}
	for i, v := range writes {
		t := &Target{path: target[i].Path, through: h.Through, inPlace: v.inPlace}
		open = append(open, t)
		if err := t.hold(h, v); err != nil {
			return open, err
		}
	}
	// Somebody may have come in between; from here on nobody can.
	return open, h.guard(writes, runs)
}

// CloseAll lets go of a whole group.
func CloseAll(open []*Target) error {
	var err error
	for _, t := range open {
		err = errors.Join(err, t.Close())
	}
	return err
}

// volumes finds what both groups lie on. A file of the running slot that is
// gone cannot be hit any more; everything else must be there.
func volumes(target, booted Group) (writes, runs []volume, err error) {
	for _, m := range target {
		v, err := find(m)
		if err != nil {
			return nil, nil, err
		}
		writes = append(writes, v)
	}
	for _, m := range booted {
		v, err := find(m)
		if m.InPlace && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("cannot write %s because the booted slot is unknown: %w", target, err)
		}
		runs = append(runs, v)
	}
	return writes, runs, nil
}

func find(m Member) (volume, error) {
	s, err := identify(m.Path)
	switch {
	case err == nil && m.InPlace && s.ino == 0:
		err = misplaced{fmt.Errorf("cannot overwrite %s in place because it is a block device: name it as the part's device", m.Path)}
	case m.InPlace && errors.Is(err, fs.ErrNotExist):
		err = misplaced{fmt.Errorf("open part %s: %w: mount its file system, or make it once with room for the largest image, as `dd if=/dev/zero of=%s bs=1M count=64 conv=fsync`", m.Name, err, m.Path)}
	case err != nil:
		err = fmt.Errorf("open slot: %w", err)
	}
	return volume{s, m.Path, m.InPlace}, err
}

// misplaced is an ErrPlace with words of its own.
type misplaced struct{ error }

func (m misplaced) Is(err error) bool { return err == ErrPlace }
func (m misplaced) Unwrap() error     { return m.error }

// guardFile refuses a file that writing in place could not make the target's
// alone, or not in one place.
func (seen View) guardFile(v volume, others []volume) error {
	fi, err := os.Stat(v.path)
	if err != nil {
		return fmt.Errorf("open slot: %w", err)
	}
	st := fi.Sys().(*syscall.Stat_t)
	if st.Nlink != 1 {
		return fmt.Errorf("cannot overwrite %s in place because it has %d names (hard links), so that the other slot may start from it: make it a file of its own (cp)", v.path, st.Nlink)
	}
	if seen.inPlace == nil {
		return fmt.Errorf("cannot overwrite %s in place because nobody knows whether its file system keeps it where it is", v.path)
	}
	if err := seen.inPlace(v.path); err != nil {
		return err
	}
	return seen.guardPlace(v, st.Dev, others)
}

// guardPlace looks at what the file's file system stands on: never on a slot,
// which is replaced as a whole, and never where data goes through a journal that
// boot loaders do not replay.
func (seen View) guardPlace(v volume, dev uint64, others []volume) error {
	m, ok := seen.mountOf(dev)
	if !ok {
		return fmt.Errorf("cannot overwrite %s in place because nobody knows what its file system stands on: check that /proc is mounted", v.path)
	}
	if slices.Contains(m.options, "data=journal") {
		return fmt.Errorf("cannot overwrite %s in place because %s is mounted with data=journal, and a boot loader does not replay the journal: mount it with data=ordered", v.path, m.point)
	}
	for _, of := range m.storages() {
		for _, o := range others {
			if o.ino == 0 && seen.tree.share(of, o.storage) {
				return fmt.Errorf("%w: cannot write %s because its file system is the slot's part %s, which updates replace as a whole: move it to a partition that is no slot", ErrSameDevice, v.path, o.path)
			}
		}
	}
	return nil
}

// mountOf is where a file system of this number is mounted.
func (seen View) mountOf(dev uint64) (mount, bool) {
	for _, m := range seen.mounts {
		if m.number == dev {
			return m, true
		}
	}
	return mount{}, false
}

// FindFile resolves the path of a part that is overwritten in place. One that
// is not there, as on a file system that is not mounted, is no error yet.
func FindFile(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}
