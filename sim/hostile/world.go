package hostile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"abota/bootctl"
	"abota/bootctl/record"
	"abota/bootctl/uboot"
	"abota/sim/cutdisk"
	"abota/updater"
	"abota/updater/journal"
	"abota/updater/slot"
)

// Sizes in bytes.
const (
	recordSize = 16 << 10 // of a journal record, which is a few kilobytes
	tableSize  = 4 << 10
	envSize    = 1 << 10
	distance   = 4 << 20 // between the copies of a journal
)

// loader is a kind of boot pointer.
type loader string

// The loaders: the product's boot script, RAUC's, and none, as with plain
// files.
const (
	contract loader = "uboot"
	rauc     loader = "uboot as RAUC's"
	none     loader = "record"
)

// medium is one of the media that an act reads and writes.
type medium string

const (
	onJournal medium = "journal"
	onTable   medium = "table"
	onSlot    medium = "slot"
)

var media = []medium{onJournal, onTable, onSlot}

// parked is what lies on a device that is off.
type parked struct {
	disks  map[medium][]byte // the slot is the one that is not booted
	images [2]*image         // what each slot holds, nil for nothing whole
	booted bootctl.Slot
	boots  int
}

// world is a device that runs.
type world struct {
	loader loader
	code   func(error) int
	host   slot.Host
	paths  [2]string
	all    []*image // every image that there is
	offer  *image

	disks    map[medium]*cutdisk.Disk
	images   [2]*image
	booted   bootctl.Slot
	boots    int
	rebooted bool
	logged   bytes.Buffer
}

// resume is the device in this state, with disks that begin to count.
func (w *world) resume(p parked) *world {
	c := &world{loader: w.loader, code: w.code, host: w.host, paths: w.paths, all: w.all, offer: w.offer, disks: map[medium]*cutdisk.Disk{}, images: p.images, booted: p.booted, boots: p.boots}
	for m, image := range p.disks {
		c.disks[m] = cutdisk.Open(image)
	}
	return c
}

func (w *world) park() parked {
	p := parked{disks: map[medium][]byte{}, images: w.images, booted: w.booted, boots: w.boots}
	for m, d := range w.disks {
		p.disks[m] = d.Image()
	}
	return p
}

// heal takes all faults away.
func (w *world) heal() {
	for _, d := range w.disks {
		d.Heal()
	}
}

// folded puts the two copies of a journal, which are far apart, side by side.
type folded struct {
	*cutdisk.Disk
	size int64
}

func (f folded) place(off int64) int64 {
	if off >= distance {
		return off - distance + f.size
	}
	return off
}

// ReadAt ends with the copy, as a file with a hole behind it would not; the
// journal asks for no more.
func (f folded) ReadAt(p []byte, off int64) (int, error)  { return f.Disk.ReadAt(p, f.place(off)) }
func (f folded) WriteAt(p []byte, off int64) (int, error) { return f.Disk.WriteAt(p, f.place(off)) }

func journalOn(d *cutdisk.Disk, size int) *journal.File {
	j, err := journal.On(folded{d, int64(size)}, size)
	if err != nil {
		panic(err) // the sizes above are wrong
	}
	return j
}

func (w *world) backend(d *cutdisk.Disk) bootctl.Backend {
	if w.loader == none {
		return record.New(journalOn(d, tableSize), journal.ErrLost)
	}
	copies := [2]uboot.Copy{{Path: "/dev/env", Size: envSize}, {Path: "/dev/env", Offset: envSize, Size: envSize}}
	return uboot.On(d, copies, w.loader == contract)
}

// shared makes a disk fit for the slot writer's goroutines.
type shared struct {
	mu   *sync.Mutex
	disk *cutdisk.Disk
}

func (s shared) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.disk.ReadAt(p, off)
}

func (s shared) WriteAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.disk.WriteAt(p, off)
}

func (s shared) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.disk.Sync()
}

// through gives the target's disk to the writer. Asked for the booted slot it
// would give none, and the engine would crash.
func (w *world) through(path string, _ slot.Medium) slot.Medium {
	if path != w.paths[w.booted.Other()] {
		return nil
	}
	return shared{new(sync.Mutex), w.disks[onSlot]}
}

// engine is abota on the system that runs now, as one invocation of it.
func (w *world) engine() *updater.Engine {
	host := w.host
	host.Through = w.through
	return &updater.Engine{
		Backend: w.backend(w.disks[onTable]), Journal: journalOn(w.disks[onJournal], recordSize),
		Host: host, Paths: w.paths,
		Booted: w.booted, BootID: fmt.Sprintf("boot-%d", w.boots), ConfirmedTries: bootctl.DefaultConfirmedTries,
		Release:  offer{w.offer},
		Prove:    w.prove,
		Reboot:   func(context.Context) error { w.rebooted = true; return nil },
		Progress: func(updater.Progress) {},
		Code:     w.code,
		Now:      func() time.Time { return time.Unix(1_700_000_000, 0) },
		Log:      slog.New(slog.NewTextHandler(&w.logged, nil)),
	}
}

var errSick = errors.New("selftest failed")

func (w *world) prove(context.Context) error {
	if running := w.images[w.booted]; running != nil && running.is("unhealthy") {
		return errSick
	}
	return nil
}

// look reads the slot that is not booted: the image that it holds whole.
func (w *world) look() *image { return w.wholeIn(w.disks[onSlot].Image()) }

func (w *world) wholeIn(content []byte) *image {
	for _, i := range w.all {
		if bytes.HasPrefix(content, i.data) {
			return i
		}
	}
	return nil
}

// table is what a loader would read from such a disk.
func (w *world) table(image []byte) (bootctl.Table, error) {
	return w.backend(cutdisk.Open(image)).Load()
}

// powerOn is the bootloader and the kernel: it restarts until a slot reaches
// user space.
func (w *world) powerOn() error {
	w.rebooted = false
	for range 20 {
		w.boots++
		s, err := w.choose()
		if err != nil {
			return err
		}
		if s != w.booted {
			w.swap(s)
		}
		if w.images[s] == nil {
			return fmt.Errorf("brick: slot %s was started and holds no whole image", s)
		}
		if !w.images[s].is("panics") {
			return nil
		}
	}
	return errors.New("brick: no user space after 20 boots")
}

// swap makes s the booted slot. Both slots have one size, so that one disk
// stands for whichever is not booted.
func (w *world) swap(s bootctl.Slot) {
	leaving := w.images[w.booted]
	w.images[s] = w.look()
	w.booted = s
	size := w.disks[onSlot].Size()
	content := make([]byte, size)
	if leaving != nil {
		copy(content, leaving.data)
	}
	w.disks[onSlot] = cutdisk.Open(content)
}

// choose is what the contract asks of a loader. It writes its counting as the
// loader would, on a medium that does what it says.
func (w *world) choose() (bootctl.Slot, error) {
	d := cutdisk.Open(w.disks[onTable].Image())
	b := w.backend(d)
	t, err := b.Load()
	if errors.Is(err, bootctl.ErrNoTable) {
		return bootctl.A, nil // the factory default
	}
	if err != nil {
		return bootctl.A, err
	}
	s, next, err := w.counted(t)
	if err != nil || next == t {
		return s, err
	}
	err = b.Store(next)
	w.disks[onTable] = d
	return s, err
}

func (w *world) counted(t bootctl.Table) (bootctl.Slot, bootctl.Table, error) {
	order := t.Order()
	if len(order) == 0 {
		return bootctl.A, t, errors.New("brick: the boot order is empty")
	}
	if w.loader == none {
		return order[0], t, nil
	}
	for _, s := range order {
		if t.Slots[s].Tries > 0 {
			t.Slots[s].Tries--
			return s, t, nil
		}
	}
	for _, s := range order {
		if t.Slots[s].Good {
			t.Slots[s].Tries = max(t.ConfirmedTries, bootctl.DefaultTrialTries)
			return s, t, nil
		}
	}
	return order[len(order)-1], t, nil
}

// settle boots until nothing is under way any more.
func (w *world) settle() error {
	for range 12 {
		if err := w.powerOn(); err != nil {
			return err
		}
		if _, err := w.engine().Boot(context.Background()); err != nil && !errors.Is(err, updater.ErrUnhealthy) {
			return fmt.Errorf("abota boot: %w", err)
		}
		t, err := w.table(w.disks[onTable].Image())
		if err != nil {
			return err
		}
		if primary, _ := t.Primary(); !w.rebooted && primary == w.booted && t.Slots[primary].Good {
			return nil
		}
	}
	return errors.New("the device does not settle")
}

// update brings a release to its verdict.
func (w *world) update(i *image) error {
	w.offer = i
	if _, err := w.engine().Install(context.Background(), updater.InstallOptions{}); err != nil {
		return fmt.Errorf("install %s: %w", i.name, err)
	}
	return w.settle()
}
