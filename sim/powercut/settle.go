package powercut

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"abota/bootctl"
	"abota/updater"
)

// started is one start of a slot.
type started struct {
	slot    bootctl.Slot
	release Release
	whole   bool
	good    bool // by the table
}

func (s started) place() Place { return Place{s.slot, s.release.Version} }

// same reports whether one start is like another.
func (s started) same(o started) bool {
	return s.place() == o.place() && s.whole == o.whole && s.good == o.good
}

func (s started) String() string {
	if !s.whole {
		return fmt.Sprintf("an image in slot %s that is not whole", s.slot)
	}
	return s.place().String()
}

type starts []started

func (s starts) String() string {
	var words []string
	for _, x := range s {
		words = append(words, x.String())
	}
	return strings.Join(words, ", then ")
}

// outcome is what a device would do after a power cut, until nothing changes
// any more.
type outcome struct {
	// record is as it was found after the cut.
	record seenRecord
	// starts lists every start of a slot, runs is the one that stays.
	starts starts
	runs   started
	// confirmed says that what runs is good and first in the order.
	confirmed bool
	// decision is what `abota boot` decides first.
	decision updater.Action
	// stranded says why a slot runs that must not, or that none keeps running.
	stranded string
	// lost says that there was no boot table, uncounted that the loader cannot
	// start what is on trial, and once that it starts it once and then what ran
	// before.
	lost, uncounted, once bool
	// dead is what becomes of the device when what is on trial never reaches user
	// space; nil when nothing is.
	dead *outcome
}

// String tells one sort of outcome from another.
func (o outcome) String() string {
	phase := "none"
	if o.record.record != nil {
		phase = fmt.Sprintf("%s of %s", o.record.record.Phase, o.record.record.Release.Name())
	}
	return fmt.Sprintf("%s; %s; journal: %s; lost: %v", o.starts, o.decision, phase, o.lost)
}

// rejects reports whether a verdict on a version was remembered by what the
// cut left, or by what came of it.
func (o outcome) rejects(version string) bool {
	if o.record.record != nil {
		for _, v := range o.record.record.Condemned {
			if v.Release.Version == version {
				return true
			}
		}
	}
	return false
}

// device is what is left after a cut, for the engine to go on from: its slots
// are as they are; its pointer and journal are written.
type device struct {
	pointer
	left    snapshot
	payload []byte
	mounted bool // the data partition can be
	slot    func(bootctl.Slot) (Release, bool, error)
	// dies says that what is on trial never reaches user space.
	dies bool

	boots    int
	booted   started
	rebooted bool
}

// record is the device's journal.
type deviceJournal struct{ device *device }

var errNoRecord = errors.New("no record")

func (j deviceJournal) Load() ([]byte, error) {
	if j.device.payload == nil {
		return nil, errNoRecord
	}
	return j.device.payload, nil
}

func (j deviceJournal) Save(p []byte) error {
	if !j.device.mounted {
		return errors.New("read-only file system")
	}
	j.device.payload = append([]byte{}, p...)
	return nil
}

// table is the pointer's, empty when there is none.
func (d *device) table() bootctl.Table {
	t, err := d.pointer.Load()
	if err != nil {
		return bootctl.Table{}
	}
	return t
}

// becomes is what becomes of the device, and of one whose trial never reaches
// user space, if it has one.
func (d device) becomes(ctx context.Context) (o outcome, err error) {
	settle := func(d device) (outcome, error) {
		if d.pointer, err = d.left.open(); err != nil {
			return outcome{}, fmt.Errorf("take up the boot pointer: %w", err)
		}
		return d.settle(ctx)
	}
	if o, err = settle(d); err != nil || d.left.lost {
		return o, err
	}
	if first, ok := d.left.table.Primary(); ok && onTrial(d.left.table, first) {
		d.dies = true
		dead, err := settle(d)
		o.dead = &dead
		return o, err
	}
	return o, nil
}

// maxBoots is far more than any device needs to settle: three attempts each at
// two slots, and what comes between.
const maxBoots = 25

// settle lets the device boot until it stays as it is. The boot loader is its
// model, `abota boot` the real engine.
func (d *device) settle(ctx context.Context) (outcome, error) {
	o := outcome{lost: d.left.lost, uncounted: d.left.uncounted, once: d.left.once}
	for range maxBoots {
		d.boots++
		d.rebooted = false
		start, err := d.start()
		if err != nil {
			return o, err
		}
		if !start.starts {
			continue // the board resets, and the next boot goes on
		}
		release, whole, err := d.slot(start.slot)
		if err != nil {
			return o, err
		}
		whole = whole && start.whole
		before := d.table()
		d.booted = started{slot: start.slot, release: release, whole: whole, good: before.Slots[start.slot].Good}
		o.starts = append(o.starts, d.booted)
		if !whole || d.dies && onTrial(before, start.slot) {
			continue // it never reaches user space: the worst that can be
		}
		report, err := d.boot(ctx)
		if len(o.starts) == 1 {
			o.decision = report.Action
		}
		if report.Action == updater.Stranded || report.Action == updater.FellBack {
			o.stranded = fmt.Sprintf("abota boot in %s: %s: %s", d.booted, report.Action, report.Why)
		}
		if err != nil && !errors.Is(err, updater.ErrUnhealthy) {
			o.stranded = fmt.Sprintf("abota boot in %s fails: %v", d.booted, err)
		}
		stays := !d.rebooted && d.booted.same(o.runs) && settledTable(before, d.table())
		o.runs = d.booted
		if stays {
			return d.end(o), nil
		}
	}
	if o.runs.whole {
		o.stranded = fmt.Sprintf("the device does not come to rest in %d boots: %s", maxBoots, o.starts)
	}
	return o, nil
}

// onTrial reports whether a slot is to prove itself, beside one that has.
func onTrial(t bootctl.Table, s bootctl.Slot) bool {
	return t.Slots[s].Bootable() && !t.Slots[s].Good && t.Slots[s.Other()].Bootable() && t.Slots[s.Other()].Good
}

// settledTable reports whether a boot changed nothing but counters.
func settledTable(a, b bootctl.Table) bool {
	for _, s := range bootctl.Slots {
		a.Slots[s].Tries, b.Slots[s].Tries = 0, 0
	}
	return a == b
}

func (d *device) end(o outcome) outcome {
	table := d.table()
	primary, ok := table.Primary()
	o.confirmed = ok && table.Slots[o.runs.slot].Good && primary == o.runs.slot
	return o
}

// boot is `abota boot` in the slot that started.
func (d *device) boot(ctx context.Context) (updater.BootReport, error) {
	release := d.booted.release
	e := &updater.Engine{
		Backend: d.pointer, Journal: deviceJournal{d}, Booted: d.booted.slot,
		BootID: fmt.Sprintf("boot-%d", d.boots), ConfirmedTries: bootctl.DefaultConfirmedTries,
		Prove: func(context.Context) error {
			if !release.Healthy() {
				return fmt.Errorf("version %s does not work", release.Version)
			}
			return nil
		},
		Reboot:   func(context.Context) error { d.rebooted = true; return nil },
		Progress: func(updater.Progress) {},
		Code:     func(error) int { return 8 },
		Now:      func() time.Time { return time.Unix(1_800_000_000, 0) },
		Log:      slog.New(slog.DiscardHandler),
	}
	return e.Boot(ctx)
}
