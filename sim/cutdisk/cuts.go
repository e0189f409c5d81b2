package cutdisk

import (
	"fmt"
	"hash/maphash"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
)

// Options says how far cuts are explored. The zero value is sensible.
type Options struct {
	// Seed chooses the samples and the garbage.
	Seed uint64
	// Torn also tears single sectors. Drives that promise whole sectors do
	// not do that; a CRC must survive it all the same.
	Torn bool
	// Exhaustive is the number of unsynced sectors up to which all subsets
	// are yielded; 0 means 4. Beyond it the subsets none, all and newest
	// only are yielded, and samples.
	Exhaustive int
	// Samples is the number of random subsets beyond Exhaustive for each
	// event, and again as many with a random torn sector; 0 means 8.
	Samples int
}

// Cut is one image that a power cut can leave behind.
type Cut struct {
	// Image is what lies on the medium. The receiver owns it.
	Image []byte
	// Event is the number of sectors written and syncs done before the cut.
	Event int

	landed []bool // of the unsynced sectors, oldest first
	torn   int    // index of the torn one; negative: none
	keep   int    // how many of its bytes are new; negative: it is garbage
}

// String says which cut this is, so that a failure can be understood.
func (c Cut) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cut after event %d", c.Event)
	if len(c.landed) == 0 {
		return b.String()
	}
	b.WriteString(", unsynced sectors landed: ")
	for i, yes := range c.landed {
		switch {
		case i == c.torn && c.keep < 0:
			b.WriteString("(garbage)")
		case i == c.torn:
			fmt.Fprintf(&b, "(%d bytes)", c.keep)
		case yes:
			b.WriteByte('1')
		default:
			b.WriteByte('0')
		}
	}
	return b.String()
}

// tears are the bytes of a torn sector that are new: around the ends of the
// small headers that records begin with, the middle, and all but one.
var tears = [...]int{1, 4, 5, 8, SectorSize / 2, SectorSize - 1, -1}

// Cuts yields every distinct image that a power cut since the disk was made
// can leave, in the order of events. The first is the untouched disk.
func (d *Disk) Cuts(o Options) iter.Seq[Cut] {
	return func(yield func(Cut) bool) {
		w := newWalker(d.start, o, yield)
		more := w.explore()
		for _, e := range d.events {
			if !more {
				return
			}
			w.step(e)
			more = w.explore()
		}
	}
}

// CutNow yields every distinct image that a power cut at this moment can
// leave: one when everything was synced.
func (d *Disk) CutNow(o Options) iter.Seq[Cut] {
	return func(yield func(Cut) bool) {
		w := newWalker(d.start, o, yield)
		for _, e := range d.events {
			w.step(e)
		}
		w.explore()
	}
}

// walker replays events and explores the cuts at the place it has reached.
type walker struct {
	Options
	durable []byte  // what is on the medium for certain
	pending []event // sectors written since
	event   int
	rng     *rand.Rand
	yield   func(Cut) bool

	// An image is known by the sum over its sectors of a hash of each, so
	// that only the sectors which differ from durable need hashing.
	scratch []byte // durable, but while an image is built
	sum     uint64 // of durable
	seen    map[uint64]bool
	hash    maphash.Seed
}

func newWalker(start []byte, o Options, yield func(Cut) bool) *walker {
	if o.Exhaustive == 0 {
		o.Exhaustive = 4
	}
	if o.Samples == 0 {
		o.Samples = 8
	}
	return &walker{
		Options: o,
		durable: slices.Clone(start),
		rng:     rand.New(rand.NewPCG(o.Seed, 0)),
		yield:   yield,
		scratch: slices.Clone(start),
		seen:    map[uint64]bool{},
		hash:    maphash.MakeSeed(),
	}
}

func (w *walker) step(e event) {
	w.event++
	if e.data != nil {
		w.pending = append(w.pending, e)
		return
	}
	for _, p := range w.pending {
		copy(sectorOf(w.scratch, p.sector), p.data)
	}
	w.sum = w.scratchSum()
	for _, p := range w.pending {
		copy(sectorOf(w.durable, p.sector), sectorOf(w.scratch, p.sector))
	}
	w.pending = nil
}

func sectorOf(image []byte, n int64) []byte { return image[n*SectorSize:][:SectorSize] }

// scratchSum is the sum of the scratch image, which differs from durable in
// sectors that are pending.
func (w *walker) scratchSum() uint64 {
	sum := w.sum
	for i, p := range w.pending {
		if slices.ContainsFunc(w.pending[:i], func(e event) bool { return e.sector == p.sector }) {
			continue // counted already
		}
		sum += w.sectorHash(w.scratch, p.sector) - w.sectorHash(w.durable, p.sector)
	}
	return sum
}

func (w *walker) sectorHash(image []byte, n int64) uint64 {
	var h maphash.Hash
	h.SetSeed(w.hash)
	maphash.WriteComparable(&h, n)
	h.Write(sectorOf(image, n))
	return h.Sum64()
}

// explore yields the images of a cut at this event and reports whether more
// are wanted.
func (w *walker) explore() bool {
	for landed := range w.subsets() {
		if !w.emit(landed, -1, 0) {
			return false
		}
	}
	if !w.Torn {
		return true
	}
	for t := range w.tornSectors() {
		for _, keep := range t.keeps {
			if !w.emit(t.landed, t.torn, keep) {
				return false
			}
		}
	}
	return true
}

// subsets yields which of the unsynced sectors landed.
func (w *walker) subsets() iter.Seq[[]bool] {
	n := len(w.pending)
	return func(yield func([]bool) bool) {
		if n <= w.Exhaustive {
			for mask := range 1 << n {
				if !yield(bits(mask, n)) {
					return
				}
			}
			return
		}
		newest := make([]bool, n)
		newest[n-1] = true
		if !yield(make([]bool, n)) || !yield(slices.Repeat([]bool{true}, n)) || !yield(newest) {
			return
		}
		for range w.Samples {
			if !yield(w.random(n)) {
				return
			}
		}
	}
}

// tearing is a set of landed sectors of which one is torn in several ways.
type tearing struct {
	landed []bool
	torn   int
	keeps  []int
}

// tornSectors yields which sector was being written when the power went.
func (w *walker) tornSectors() iter.Seq[tearing] {
	n := len(w.pending)
	return func(yield func(tearing) bool) {
		switch {
		case n == 0:
		case n <= w.Exhaustive:
			for landed := range w.subsets() {
				for torn := range n {
					if landed[torn] && !yield(tearing{landed, torn, tears[:]}) {
						return
					}
				}
			}
		default:
			if !yield(tearing{slices.Repeat([]bool{true}, n), n - 1, tears[:]}) {
				return
			}
			for range w.Samples {
				t := tearing{w.random(n), w.rng.IntN(n), []int{w.rng.IntN(SectorSize)}}
				if !yield(t) {
					return
				}
			}
		}
	}
}

// emit builds one image and yields it unless it was yielded before.
func (w *walker) emit(landed []bool, torn, keep int) bool {
	for i, p := range w.pending {
		sector := sectorOf(w.scratch, p.sector)
		switch {
		case i == torn && keep < 0:
			for at := range sector {
				sector[at] = byte(w.rng.Uint32())
			}
		case i == torn:
			copy(sector, p.data[:keep])
		case landed[i]:
			copy(sector, p.data)
		}
	}
	more := true
	if sum := w.scratchSum(); !w.seen[sum] {
		w.seen[sum] = true
		more = w.yield(Cut{Image: slices.Clone(w.scratch), Event: w.event, landed: landed, torn: torn, keep: keep})
	}
	for _, p := range w.pending {
		copy(sectorOf(w.scratch, p.sector), sectorOf(w.durable, p.sector))
	}
	return more
}

func (w *walker) random(n int) []bool {
	set := make([]bool, n)
	for i := range set {
		set[i] = w.rng.IntN(2) == 1
	}
	return set
}

func bits(mask, n int) []bool {
	set := make([]bool, n)
	for i := range set {
		set[i] = mask>>i&1 == 1
	}
	return set
}
