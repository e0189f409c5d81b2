package powercut

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"abota/bootctl"
	"abota/bootctl/grub"
	"abota/sim/disk"
	"abota/sim/parts"
)

// grubLoader is GRUB with the product's grub.cfg, and the table in environment
// blocks on the boot partition. Both sides read the files by FAT's first table.
type grubLoader struct {
	dir  string
	tool string // GRUB's own code for environment blocks
	// fixed remembers of blocks of counts whether GRUB cannot write to them.
	fixed map[string]bool
}

func newGRUBLoader(dir string) (*grubLoader, error) {
	tool, err := parts.Tool("grub-editenv")
	return &grubLoader{dir: dir, tool: tool, fixed: map[string]bool{}}, err
}

// grubFiles are the two blocks with the table and the one with GRUB's counts, on
// the boot partition.
var grubFiles = [3]string{"/abota/0/env", "/abota/1/env", "/abota/count/env"}

func (*grubLoader) storage() []string { return []string{disk.Boot} }

func (*grubLoader) files(bootctl.Slot) map[string]string { return nil }

func (*grubLoader) own(d *Disk, w write) map[int64]bool { return ownOfESP(d, w) }

func (l *grubLoader) read(d *Disk) (snapshot, error) {
	esp, err := openFAT(d, d.partition(disk.Boot))
	if err != nil {
		return snapshot{}, fmt.Errorf("read the boot partition: %w", err)
	}
	var at [3]grub.Place
	var counts []byte
	for i, name := range grubFiles {
		e, err := esp.find(name)
		if err != nil {
			return snapshot{}, fmt.Errorf("read the boot partition: %w", err)
		}
		if counts, err = esp.content(e); err != nil {
			return snapshot{}, err
		}
		at[i] = grub.Place{Path: filepath.Join(l.dir, fmt.Sprintf("block-%d", i))}
		if err := os.WriteFile(at[i].Path, counts, 0o600); err != nil {
			return snapshot{}, fmt.Errorf("read an environment block: %w", err)
		}
	}
	backend, err := grub.New([2]grub.Place{at[0], at[1]}, at[2])
	if err != nil {
		return snapshot{}, err
	}
	fixed, err := l.fixedCounts(counts)
	if err != nil {
		return snapshot{}, err
	}
	return scripted(backend, fixed)
}

// fixedCounts reports whether GRUB cannot save its counts in a block. The tool
// shares the code with GRUB; it tries on a copy.
func (l *grubLoader) fixedCounts(content []byte) (bool, error) {
	fixed, known := l.fixed[string(content)]
	if known {
		return fixed, nil
	}
	path := filepath.Join(l.dir, "tried")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return false, fmt.Errorf("read an environment block: %w", err)
	}
	const most = "1000000000 99 99"
	err := exec.Command(l.tool, path, "set", "abota_count="+most, "abota_count_again="+most).Run()
	if status := (*exec.ExitError)(nil); err != nil && !errors.As(err, &status) {
		return false, fmt.Errorf("try to count in an environment block: %w", err)
	}
	l.fixed[string(content)] = err != nil
	return err != nil, nil
}

func (*grubLoader) defects() []defect {
	return []defect{{name: "the table renamed into place", seed: renamedTable}}
}

// renamedTable keeps the table in one file that is replaced by renaming, and
// flushed after that, as many an updater does: the folder's sector may land, and
// what it leads to not. The two blocks take turns as the file's clusters, and the
// write that notes the time of a change is the one of the name.
func renamedTable(r *judged, w *walk) (from, to int, err error) {
	d := w.disk
	esp, err := openFAT(d, d.partition(disk.Boot))
	if err != nil {
		return 0, 0, err
	}
	var at [3]fatSlotAt
	for i, name := range grubFiles {
		if at[i], err = esp.slotOf(name); err != nil {
			return 0, 0, err
		}
	}
	folder := d.sectors[at[0].sector]
	d.set(at[1].sector, at[1].leadingTo(d, d.sectors[at[1].sector], at[2].entry.first))
	d.keep()
	renames := 0
	for i := range w.writes {
		e := &w.writes[i]
		turn := slices.IndexFunc(at[:2], func(s fatSlotAt) bool {
			return len(e.numbers) > 0 && e.Sector == (esp.start+esp.data+(s.entry.first-2)*esp.cluster)/SectorSize
		})
		switch {
		case turn >= 0:
			folder = at[0].leadingTo(d, folder, at[turn].entry.first)
		case len(e.numbers) == 1 && (e.Sector == at[0].sector || e.Sector == at[1].sector):
			e.Sector, e.numbers = at[0].sector, []uint32{folder}
			renames++
		}
	}
	if renames == 0 {
		return 0, 0, errShape
	}
	return r.rec.Chapters[0].Begin, r.rec.Chapters[len(r.rec.Chapters)-1].Armed, nil
}
