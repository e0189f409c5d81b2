package main

import (
	"context"
	"fmt"
	"os"

	"abota/bootctl"
	"abota/bootctl/inplace"
	"abota/updater/config"
	"abota/updater/slot"
)

// findSlots are the parts of both slots, where they lie on this device.
func (d *device) findSlots(host slot.Host) (slots [2]slot.Group, err error) {
	for _, s := range bootctl.Slots {
		if slots[s], err = findGroup(host, d.cfg.Slots[s]); err != nil {
			return slots, &configError{fmt.Errorf("slot %s: %w", s, err)}
		}
	}
	return slots, nil
}

// findGroup resolves one slot. A file that is written in place need not be there
// yet: its file system may not be mounted, which must not keep a device from
// going back.
func findGroup(host slot.Host, configured config.Slot) (slot.Group, error) {
	var group slot.Group
	for _, p := range configured.Group() {
		m, err := findPart(host, p)
		if err != nil {
			return nil, err
		}
		group = append(group, m)
	}
	return group, nil
}

func findPart(host slot.Host, p config.Part) (slot.Member, error) {
	if p.File != "" {
		return slot.Member{Name: p.Name, Path: slot.FindFile(p.File), InPlace: true}, nil
	}
	path, err := host.Find(p.Device)
	return slot.Member{Name: p.Name, Path: path}, err
}

// pathsOf name the slots by one path each: that of its root, or of its first
// part.
func pathsOf(slots [2]slot.Group) (paths [2]string) {
	for i, group := range slots {
		for _, m := range group {
			if paths[i] == "" || m.Name == config.RootPart {
				paths[i] = m.Path
			}
		}
	}
	return paths
}

// groupsOf leaves out what is one device, and listed as such.
func (d *device) groupsOf(slots [2]slot.Group) (groups [2]slot.Group) {
	for _, s := range bootctl.Slots {
		if d.cfg.Slots[s].Device == "" {
			groups[s] = slots[s]
		}
	}
	return groups
}

// keepsPlace says why a file cannot be overwritten so that a boot loader reads
// what was written. Space that a file was given but that was never written reads
// as zeroes until its file system's journal was replayed, which loaders do not.
func keepsPlace(path string) error {
	if err := inplace.Check(path); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err == nil && inplace.Hole(f, 0, st.Size()) {
		err = fmt.Errorf("cannot overwrite %s in place because parts of it were never written: write it in full once (dd, neither truncate nor fallocate)", path)
	}
	return err
}

// plainFiles are slots that no boot loader starts anything from.
func plainFiles(slots [2]slot.Group) bool {
	for _, group := range slots {
		for _, m := range group {
			if st, err := os.Stat(m.Path); m.InPlace || err != nil || !st.Mode().IsRegular() {
				return false
			}
		}
	}
	return true
}

// digestOf reads all that the parts of a slot hold.
func digestOf(ctx context.Context, group slot.Group) ([]slot.Held, error) {
	var all []slot.Held
	for _, m := range group {
		proof, err := slot.Digest(ctx, m.Path, -1)
		if err != nil {
			return nil, err
		}
		all = append(all, slot.Held{Name: m.Name, SHA256: proof.SHA256, Size: proof.Size})
	}
	return all, nil
}
