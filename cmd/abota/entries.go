package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"abota/bootctl"
	"abota/updater/config"
	"abota/updater/slot"
)

// partOf names the slot that a file is a part of.
func partOf(host slot.Host, slots [2]slot.Group, file string) string {
	if st, err := os.Stat(file); err != nil || !st.Mode().IsRegular() {
		return ""
	}
	for _, s := range bootctl.Slots {
		if same, err := host.Overlaps(file, 0, math.MaxInt64, slots[s]); err == nil && same {
			return s.String()
		}
	}
	return ""
}

// entriesApart makes sure that no boot entry starts a file of the other slot: it
// would be overwritten under the system that needs it, and one pointer could not
// switch it with the rest. What cannot be read the backend reports.
func (d *device) entriesApart() error {
	for _, s := range bootctl.Slots {
		for _, file := range d.starts(s) {
			for _, p := range d.cfg.Slots[s.Other()].Group() {
				if p.File != "" && strings.HasSuffix(p.File, file) {
					return fmt.Errorf("bootloader: the entry of slot %s cannot start %s because that is part %s of slot %s, which is overwritten while slot %s runs: give each slot files of its own", s, file, p.Name, s.Other(), s)
				}
			}
		}
	}
	return nil
}

// starts are the files that a slot's boot entry names, from the root of the ESP or,
// where its place is known, of the device.
func (d *device) starts(s bootctl.Slot) (files []string) {
	switch b := d.cfg.Bootloader; {
	case b.Kind == config.KindEFI && len(b.EFI.Entries) == 2:
		return []string{b.EFI.Entries[s].File}
	case b.Kind == config.KindSDBoot:
		bodies, err := readEntries(b.SDBoot.Entries)
		if err != nil {
			return nil
		}
		for line := range strings.Lines(bodies[s]) {
			words := strings.Fields(line)
			if len(words) > 1 && strings.Contains(" linux efi initrd devicetree ", " "+words[0]+" ") {
				files = append(files, filepath.Join(b.SDBoot.ESP, words[1]))
			}
		}
	}
	return files
}
