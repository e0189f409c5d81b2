package slot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// tree reads how all block devices are stacked now.
func (h Host) tree() (tree, error) {
	all, err := h.devices()
	if err != nil {
		return nil, err
	}
	t := tree{}
	for _, d := range all {
		t[d.number] = d
	}
	return t, nil
}

// guard refuses targets that share their storage with the booted slot, with each
// other or with anything in use. Whatever cannot be found out is a refusal too.
func (h Host) guard(targets, booted []volume) error {
	seen, err := h.Look()
	if err != nil {
		return fmt.Errorf("cannot write %s because nobody knows who uses it: %w", targets[0].path, err)
	}
	return seen.guard(targets, booted)
}

func (seen View) guard(targets, booted []volume) error {
	for i, target := range targets {
		if err := seen.guardOne(target, booted); err != nil {
			return err
		}
		for _, other := range targets[:i] {
			if seen.tree.share(target.storage, other.storage) {
				return fmt.Errorf("%w: cannot write %s because it overlaps %s, another part of its slot: give each part its own place", ErrSameDevice, target.path, other.path)
			}
		}
		if target.inPlace {
			if err := seen.guardFile(target, append(targets[:len(targets):len(targets)], booted...)); err != nil {
				return misplaced{err}
			}
		}
	}
	return nil
}

func (seen View) guardOne(target volume, booted []volume) error {
	t := seen.tree
	for _, v := range append([]volume{target}, booted...) {
		if v.ino == 0 && t[v.dev] == nil {
			return fmt.Errorf("cannot write %s because the kernel shows no block device for %s: check that /sys and /dev are mounted", target.path, v.path)
		}
	}
	for _, b := range booted {
		if t.share(target.storage, b.storage) {
			return fmt.Errorf("%w: cannot write %s because it overlaps the booted slot %s: give each slot storage of its own", ErrSameDevice, target.path, b.path)
		}
	}
	for _, u := range seen.uses {
		if t.share(target.storage, u.of) {
			return fmt.Errorf("%w: cannot write %s because %s is %s: %s", ErrInUse, target.path, t.describe(u.of, target.storage), u.reason, u.remedy)
		}
	}
	return nil
}

// Overlaps reports whether size bytes of a device or file from offset on lie in
// a slot, directly or on what both are built of.
func (h Host) Overlaps(path string, offset, size int64, slot Group) (bool, error) {
	t, err := h.tree()
	if err != nil {
		return false, fmt.Errorf("find out what %s stands on: %w", path, err)
	}
	part, err := identify(path)
	if err != nil {
		return false, err
	}
	places := t.descend(nil, region{on: part, start: offset, end: offset + size}, maxDepth)
	for _, m := range slot {
		whole, err := identify(m.Path)
		var unfit unfit
		if m.InPlace && (errors.Is(err, fs.ErrNotExist) || errors.As(err, &unfit)) {
			continue // it holds nothing
		}
		if err != nil {
			return false, err
		}
		if overlap(places, t.regions(whole)) {
			return true, nil
		}
	}
	return false, nil
}

// describe names what is in use as seen from the target.
func (t tree) describe(s, target storage) string {
	switch d := t[s.dev]; {
	case s == target:
		return "it"
	case s.ino == 0 && d != nil:
		return d.name + ", which shares its storage,"
	}
	return "a file that shares its storage"
}

// holders names the devices that are built on this one, for a message.
func (t tree) holders(s storage) string {
	d := t[s.dev]
	if d == nil || s.ino != 0 {
		return ""
	}
	entries, err := os.ReadDir(filepath.Join(d.dir, "holders"))
	if err != nil || len(entries) == 0 {
		return ""
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// BootedOf finds which of the two slots has the device behind "/", and known is
// false when neither can be shown to. A root that is an overlay is followed
// to the layers below it; when their names mean nothing any more, the one slot
// that is mounted anywhere counts. A path that does not exist is not the root,
// and neither is a part that is written in place.
func (h Host) BootedOf(slots [2]Group) (slot int, known bool, err error) {
	t, err := h.tree()
	if err != nil {
		return 0, false, fmt.Errorf("find the booted slot: %w", err)
	}
	all, err := h.mounts()
	if err != nil {
		return 0, false, fmt.Errorf("find the booted slot: %w", err)
	}
	for _, candidates := range rootCandidates(all) {
		slot, known, err = t.which(slots, candidates)
		if known || err != nil {
			return slot, known, err
		}
	}
	return 0, false, nil
}

// rootCandidates are the mounts that may hold the root, the best guess first.
// The last mount on a point hides the ones before it.
func rootCandidates(all []mount) [][]mount {
	var root *mount
	for i := range all {
		if all[i].point == "/" {
			root = &all[i]
		}
	}
	switch {
	case root == nil:
		return nil
	case root.kind != "overlay":
		return [][]mount{{*root}}
	}
	dirs := root.layers()
	layers := slices.DeleteFunc(slices.Clone(all), func(m mount) bool { return !slices.Contains(dirs, m.point) })
	return [][]mount{layers, all}
}

// which finds the one slot that these mounts stand on. Two slots on one mount
// are no two slots.
func (t tree) which(slots [2]Group, mounts []mount) (slot int, known bool, err error) {
	var found []int
	for i, group := range slots {
		on, err := t.standsOn(group, mounts)
		if err != nil {
			return 0, false, err
		}
		if on {
			found = append(found, i)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], true, nil
	case len(found) == 2 && len(mounts) == 1:
		return 0, false, fmt.Errorf("%w: %s and %s are both mounted at %s: give each slot storage of its own", ErrSameDevice, slots[0], slots[1], mounts[0].point)
	}
	return 0, false, nil
}

// standsOn reports whether one of these mounts stands on one of the parts.
func (t tree) standsOn(group Group, mounts []mount) (bool, error) {
	for _, path := range group.Paths() {
		s, err := identify(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(mounts, func(m mount) bool {
			return slices.ContainsFunc(m.storages(), func(of storage) bool { return t.share(s, of) })
		}) {
			return true, nil
		}
	}
	return false, nil
}
