// Package cutdisk is a disk in memory that loses power: what tests of the
// journal and of the boot backends write to.
//
// A [Disk] records every sector that is written and every sync. Afterwards
// [Disk.Cuts] yields what could lie on the medium if the power had gone
// before, within or after every one of these writes, and [Disk.CutNow] what
// could lie there if it went now. [Disk.CutAfter] lets the power go while the
// code under test runs, and [Disk.Fail] injects errors and lies.
//
// # Guarantee
//
// The model is a drive with a volatile cache. A sector is 512 bytes and is
// the unit of a write. What was written before the last Sync is on the
// medium. Of the sectors written since, any subset may be there, in any order
// of arrival. At most one sector is torn, because the power goes once: its
// first bytes are new and the rest old, or all of it is garbage. The same
// seed yields the same images in the same order.
//
// # Not guaranteed
//
// Damage beyond the sectors that were being written, as flash without power
// loss protection does to neighbours in one erase group, is not modelled. When
// many sectors are unsynced the subsets are sampled, see [Options].
//
// A Disk is for one goroutine.
package cutdisk

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"
)

// SectorSize is the unit of a write in bytes.
const SectorSize = 512

// ErrPowerLost is returned by every operation once the power has gone.
var ErrPowerLost = errors.New("power lost")

// event is one sector written, or a sync when data is nil.
type event struct {
	sector int64
	data   []byte
}

// Disk is a disk of a fixed size. Make one with New or Open.
type Disk struct {
	start  []byte // the image when the disk was made
	now    []byte // what a reader sees
	events []event
	counts [3]int
	faults []*Fault
	budget int // events until the power goes; negative: never
}

// New makes a disk full of zero bytes. The size is in bytes and is rounded up
// to whole sectors.
func New(size int64) *Disk { return Open(make([]byte, size)) }

// Open makes a disk with this content, all of it on the medium. The image is
// copied; its size is rounded up to whole sectors.
func Open(image []byte) *Disk {
	start := make([]byte, (len(image)+SectorSize-1)/SectorSize*SectorSize)
	copy(start, image)
	return &Disk{start: start, now: slices.Clone(start), budget: -1}
}

// Size is the disk's size in bytes.
func (d *Disk) Size() int64 { return int64(len(d.now)) }

// Image is a copy of what a reader sees now.
func (d *Disk) Image() []byte { return slices.Clone(d.now) }

// Count is how many operations of this kind were called, including the ones
// that failed.
func (d *Disk) Count(op Op) int { return d.counts[op] }

// Events is the number of sectors written and syncs done: the number of
// places at which CutAfter can let the power go.
func (d *Disk) Events() int { return len(d.events) }

// CutAfter lets the power go once n more sectors were written or syncs done.
// An operation that ends exactly there still reports success; one that needs
// more is cut within, and it and everything later returns ErrPowerLost.
func (d *Disk) CutAfter(n int) { d.budget = n }

// ReadAt reads what was written, synced or not.
func (d *Disk) ReadAt(p []byte, off int64) (int, error) {
	fault, err := d.begin(Read, off, len(p))
	if err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, fmt.Errorf("read at %d: %w", off, syscall.EINVAL)
	}
	if off >= d.Size() {
		return 0, io.EOF
	}
	if fault != nil {
		return d.read(fault, p, off)
	}
	n := copy(p, d.now[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes the sectors that p touches, in ascending order. A sector that
// p covers in part keeps its other bytes. Beyond the end nothing is written.
func (d *Disk) WriteAt(p []byte, off int64) (int, error) {
	fault, err := d.begin(Write, off, len(p))
	if err != nil {
		return 0, err
	}
	if off < 0 || off > d.Size()-int64(len(p)) {
		return 0, fmt.Errorf("write %d bytes at %d of %d: %w", len(p), off, d.Size(), syscall.ENOSPC)
	}
	if fault == nil {
		return d.write(p, off)
	}
	n, err := d.write(fault.lie(p), off)
	if err != nil {
		return n, err
	}
	return fault.result(n, len(p))
}

func (d *Disk) write(p []byte, off int64) (done int, err error) {
	for done < len(p) {
		if d.budget == 0 {
			return done, ErrPowerLost
		}
		at := off + int64(done)
		sector := at / SectorSize
		begin := sector * SectorSize
		done += copy(d.now[at:begin+SectorSize], p[done:])
		d.record(event{sector: sector, data: slices.Clone(d.now[begin : begin+SectorSize])})
	}
	return done, nil
}

// Sync puts everything written so far on the medium.
func (d *Disk) Sync() error {
	fault, err := d.begin(Sync, 0, 0)
	if err != nil {
		return err
	}
	if fault != nil {
		return fault.Err
	}
	d.record(event{})
	return nil
}

func (d *Disk) record(e event) {
	d.events = append(d.events, e)
	if d.budget > 0 {
		d.budget--
	}
}
