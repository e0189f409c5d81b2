package powercut

import (
	"errors"
	"fmt"
	"path/filepath"

	"abota/bootctl"
	"abota/bootctl/uboot"
	"abota/sim/disk"
)

// seenTable is what the environment partition says.
type seenTable struct {
	table bootctl.Table
	// lost says that there is no valid copy, or none with an order.
	lost bool
}

// tables reads boot tables out of disks with the product's own code, each
// distinct content of the partition once.
type tables struct {
	dir  string
	seen map[Sum]seenTable
}

func newTables(dir string) *tables { return &tables{dir: dir, seen: map[Sum]seenTable{}} }

// of is the table on a disk.
func (t *tables) of(d *Disk) (seenTable, error) {
	sum := d.Sum(disk.Env)
	if s, known := t.seen[sum]; known {
		return s, nil
	}
	s, err := t.read(d)
	if err == nil {
		t.seen[sum] = s
	}
	return s, err
}

func (t *tables) read(d *Disk) (seenTable, error) {
	path := filepath.Join(t.dir, "env")
	p := d.partition(disk.Env)
	if err := d.Write(path, p.Offset, disk.EnvCopyOffset+disk.EnvCopySize); err != nil {
		return seenTable{}, err
	}
	backend, err := uboot.New([]uboot.Copy{
		{Path: path, Size: disk.EnvCopySize},
		{Path: path, Offset: disk.EnvCopyOffset, Size: disk.EnvCopySize},
	}, true)
	if err != nil {
		return seenTable{}, err
	}
	table, err := backend.Load()
	switch {
	case errors.Is(err, bootctl.ErrNoTable):
		return seenTable{lost: true}, nil
	case err != nil:
		return seenTable{}, fmt.Errorf("read the boot table: %w", err)
	}
	return seenTable{table: table}, nil
}

// ofLoader finds the writes that the boot script made. It alone ever counts
// tries down, with everything else as it was; abota's own writes change the
// generation, or refill. Between such a write and the next one there is
// nothing of the kernel, so that a flush there is QEMU's or U-Boot's own. Real
// loaders send none: the result lists these flushes, to be ignored.
func (t *tables) ofLoader(base *Disk, writes []write) (ignored map[int]bool, err error) {
	ignored = map[int]bool{}
	start := base.mark()
	defer base.back(start)
	env := base.partition(disk.Env)
	was, err := t.of(base)
	loader := false
	for i, w := range writes {
		if err != nil {
			return nil, err
		}
		if len(w.numbers) == 0 {
			if w.Flush && loader {
				ignored[i] = true
			}
			continue
		}
		base.apply(w, len(w.numbers))
		loader = false
		if at := w.Sector * SectorSize; at >= env.Offset && at < env.Offset+env.Size {
			var is seenTable
			if is, err = t.of(base); err == nil {
				loader = countedDown(was, is)
				was = is
			}
		}
	}
	return ignored, err
}

// countedDown reports whether tries went down and nothing else changed.
func countedDown(was, is seenTable) bool {
	if was.lost || is.lost {
		return false
	}
	down := false
	for _, s := range bootctl.Slots {
		a, b := &was.table.Slots[s], &is.table.Slots[s]
		if b.Tries > a.Tries {
			return false
		}
		down = down || b.Tries < a.Tries
		a.Tries, b.Tries = 0, 0
	}
	return down && was.table == is.table
}
