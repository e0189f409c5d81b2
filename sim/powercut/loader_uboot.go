package powercut

import (
	"errors"
	"fmt"
	"path/filepath"

	"abota/bootctl"
	"abota/bootctl/bootscript"
	"abota/bootctl/uboot"
	"abota/sim/disk"
)

// ubootLoader is U-Boot with the product's boot script, and its environment in
// a partition of its own.
type ubootLoader struct{ dir string }

func (ubootLoader) storage() []string { return []string{disk.Env} }

func (ubootLoader) files(bootctl.Slot) map[string]string { return nil }

func (ubootLoader) own(*Disk, write) map[int64]bool { return nil }

func (l ubootLoader) read(d *Disk) (snapshot, error) {
	path := filepath.Join(l.dir, "env")
	p := d.partition(disk.Env)
	if err := d.Write(path, p.Offset, disk.EnvCopyOffset+disk.EnvCopySize); err != nil {
		return snapshot{}, err
	}
	backend, err := uboot.New([]uboot.Copy{
		{Path: path, Size: disk.EnvCopySize},
		{Path: path, Offset: disk.EnvCopyOffset, Size: disk.EnvCopySize},
	}, true)
	if err != nil {
		return snapshot{}, err
	}
	return scripted(backend, false)
}

func (ubootLoader) defects() []defect {
	return []defect{{name: "one copy of the environment", seed: oneCopy}}
}

// scripted is the pointer in a backend whose loader follows bootscript's rules.
// fixed says that the loader cannot record its attempts there.
func scripted(b bootctl.Backend, fixed bool) (snapshot, error) {
	table, err := b.Load()
	if err != nil && !errors.Is(err, bootctl.ErrNoTable) {
		return snapshot{}, fmt.Errorf("read the boot table: %w", err)
	}
	s := snapshot{table: table, lost: err != nil, uncounted: fixed}
	s.key = fmt.Sprint(s.lost, s.table, fixed)
	s.open = func() (pointer, error) {
		return &scriptPointer{caps: b.Caps(), table: s.table, lost: s.lost, fixed: fixed}, nil
	}
	return s, nil
}

// scriptPointer is a boot table in memory, and the model of the boot script.
type scriptPointer struct {
	caps  bootctl.Caps
	table bootctl.Table
	lost  bool
	fixed bool
}

func (p *scriptPointer) Caps() bootctl.Caps { return p.caps }

func (p *scriptPointer) Load() (bootctl.Table, error) {
	if p.lost {
		return bootctl.Table{}, bootctl.ErrNoTable
	}
	return p.table, nil
}

// Store makes what the loader writes to whole, too.
func (p *scriptPointer) Store(t bootctl.Table) error {
	if t = p.caps.Keep(t); p.lost || t != p.table {
		p.table, p.lost, p.fixed = t, false, false
	}
	return nil
}

func (p *scriptPointer) start() (begun, error) {
	if p.lost {
		start, ok := bootscript.BootLost(nil)
		return begun{starts: ok, slot: start.Slot, whole: true}, nil
	}
	boot := bootscript.Boot
	if p.fixed {
		boot = bootscript.BootReadOnly
	}
	start, ok := boot(p.table, nil)
	if ok {
		p.table = start.Table
	}
	return begun{starts: ok, slot: start.Slot, whole: true}, nil
}

// oneCopy keeps the environment in its first copy alone, the boot script too.
func oneCopy(r *judged, w *walk) (from, to int, err error) {
	start := w.disk.partition(disk.Env).Offset / SectorSize
	const second, size = disk.EnvCopyOffset / SectorSize, disk.EnvCopySize / SectorSize
	for i, e := range w.writes {
		if w.disk.inPartition(e, disk.Env) && e.Sector >= start+second {
			w.writes[i].Sector -= second
		}
	}
	empty := w.disk.sectors[start] == 0
	for k := start; k < start+size; k++ {
		if empty {
			w.disk.set(k, w.disk.sectors[k+second])
		}
		w.disk.set(k+second, 0)
	}
	w.disk.keep()
	return r.rec.Chapters[0].Verdict, r.rec.Chapters[len(r.rec.Chapters)-1].Armed, nil
}
