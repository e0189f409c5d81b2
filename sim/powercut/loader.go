package powercut

import (
	"fmt"

	"abota/bootctl"
	"abota/sim/disk"
	"abota/sim/parts"
)

// loader is what differs between boot loaders: where the boot pointer lies, how
// the product reads it there, and what the loader makes of it.
type loader interface {
	// storage are the partitions that hold the pointer, and nothing that is
	// written in ordinary service.
	storage() []string
	// read is the pointer on a disk, found by the product's own backend.
	read(d *Disk) (snapshot, error)
	// files are the parts of a slot that lie on the boot partition, their paths
	// there by their names.
	files(bootctl.Slot) map[string]string
	// own are the sectors of a write that become old or new, but no noise: those
	// that a FAT needs for itself, and flash.
	own(d *Disk, w write) map[int64]bool
	// defects are what a worse backend for this loader would do.
	defects() []defect
}

// newLoader is the loader of a recording's board. dir is a folder for its work.
func newLoader(rec *Recording, base *Disk, dir string) (loader, error) {
	kind, err := parts.FindBoard(rec.Board)
	if err != nil {
		return nil, err
	}
	switch kind.Loader {
	case parts.LoaderUBoot:
		return ubootLoader{dir: dir}, nil
	case parts.LoaderGRUB:
		return newGRUBLoader(dir)
	case parts.LoaderSystemdBoot:
		return newSdbootLoader(dir, rec.Files)
	case parts.LoaderEFI:
		return newEFILoader(dir, base)
	}
	return nil, fmt.Errorf("cannot judge what a board of kind %s was left with: the proof has no model of its loader", kind.Name)
}

// snapshot is a boot pointer as a cut left it.
type snapshot struct {
	table bootctl.Table
	// lost says that there is no valid table, or none with an order.
	lost bool
	// uncounted says that the loader cannot start anything on trial there. In a
	// trial that is so where a record that it alone writes is torn. It starts the
	// confirmed slot then.
	uncounted bool
	// once says that the loader starts a trial once, and then what ran before.
	once bool
	// key stands for all that the loader and the backend would go by.
	key string
	// open makes a pointer of it, to go on from.
	open func() (pointer, error)
}

// pointer is a boot pointer that the engine and the loader go on with.
type pointer interface {
	bootctl.Backend
	// start is the loader, which may record its attempt.
	start() (begun, error)
}

// begun is what a loader does when the power comes.
type begun struct {
	// starts says that something starts; otherwise the board resets.
	starts bool
	slot   bootctl.Slot
	// whole says that the slot starts as it should. What the loader has for it
	// may be in pieces.
	whole bool
}

// pointers reads boot pointers out of disks, each distinct content of their
// storage once.
type pointers struct {
	loader loader
	seen   map[string]snapshot
}

func newPointers(l loader) *pointers { return &pointers{loader: l, seen: map[string]snapshot{}} }

// of is the pointer on a disk.
func (p *pointers) of(d *Disk) (snapshot, error) {
	content := ""
	for _, name := range p.loader.storage() {
		content += fmt.Sprintf("%x", d.Sum(name))
	}
	if s, known := p.seen[content]; known {
		return s, nil
	}
	s, err := p.loader.read(d)
	if err == nil {
		p.seen[content] = s
	}
	return s, err
}

// ofLoader finds the writes that the boot loader made. It alone ever counts
// tries down, with everything else as it was; abota's own writes change the
// generation, or refill. From such a write to the next one elsewhere on the disk
// there is nothing of the kernel, so that a flush there is QEMU's or the
// firmware's own. Not all real ones send any: the result lists these flushes, to
// be ignored.
func (p *pointers) ofLoader(base *Disk, writes []write) (ignored map[int]bool, err error) {
	ignored = map[int]bool{}
	start := base.mark()
	defer base.back(start)
	was, err := p.of(base)
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
		if !p.holds(base, w) {
			loader = false
			continue
		}
		var is snapshot
		if is, err = p.of(base); err == nil {
			loader = countedDown(was, is) || loader && is.key == was.key
			was = is
		}
	}
	return ignored, err
}

// holds reports whether a write goes to where the pointer lies.
func (p *pointers) holds(d *Disk, w write) bool {
	for _, name := range p.loader.storage() {
		if d.inPartition(w, name) {
			return true
		}
	}
	return false
}

// ownOfESP are the sectors of a write to the boot partition that its FAT needs.
func ownOfESP(d *Disk, w write) map[int64]bool {
	if !d.inPartition(w, disk.Boot) {
		return nil
	}
	esp, err := openFAT(d, d.partition(disk.Boot))
	if err != nil {
		return nil
	}
	return esp.own(w)
}

// countedDown reports whether tries went down and nothing else changed.
func countedDown(was, is snapshot) bool {
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
