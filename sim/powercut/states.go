package powercut

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"

	"abota/sim/disk"
)

// State is one content that a power cut can leave on the disk. Its text says
// how to make it again from a recording and a seed.
type State struct {
	// Entries is how many entries of the log were done before the cut.
	Entries int
	// Sectors of the next one landed, and then a part of a sector.
	Sectors int
	tear    tear
	// lost are the writes since the last flush that never landed.
	lost []int
}

// tear is what happened to the one sector that was being written.
type tear struct {
	keep  int    // bytes of it that are new; 0: it is whole
	noise uint64 // seed of what lies behind them; 0: the old bytes do
}

// String is what a failure says.
func (s State) String() string {
	text := fmt.Sprintf("after %d entries of the log", s.Entries)
	if s.Sectors > 0 || s.tear.keep > 0 {
		text += fmt.Sprintf(" and %d sectors of the next", s.Sectors)
	}
	switch {
	case s.tear.noise > 0:
		text += fmt.Sprintf(" and %d bytes of a sector, the rest of it noise %d", s.tear.keep, s.tear.noise)
	case s.tear.keep > 0:
		text += fmt.Sprintf(" and %d bytes of a sector", s.tear.keep)
	}
	if len(s.lost) > 0 {
		text += " without entries " + strings.Trim(fmt.Sprint(s.lost), "[]")
	}
	return text
}

// Depth says how far states are explored at each entry.
type Depth struct {
	// Torn is in how many places a large write is torn; a small one is torn
	// behind every sector.
	Torn int
	// Lost is how many sets of unflushed writes are lost, when there are too
	// many for all of them.
	Lost int
}

const (
	// smallWrite is the size in sectors up to which every tear is tried.
	smallWrite = 64
	// allSubsets is the number of unflushed writes up to which every subset
	// of them is tried.
	allSubsets = 3
)

// walk yields every state of a log, in the order of its entries, with the disk
// as the state leaves it. The disk must be the base image, and is left as the
// whole log makes it. The same seed yields the same states.
//
// What was written since the last flush may have landed or not, in any
// combination; a write under way, in any number of its sectors, the next of
// which may be half new, or noise behind its half.
type walk struct {
	disk    *Disk
	writes  []write
	ignored map[int]bool // flushes that count for nothing
	// own are the sectors of a write that a file system needs for itself, and
	// that do not become noise; nil where there is no such file system.
	own   func(*Disk, write) map[int64]bool
	depth Depth
	seed  uint64

	pending []int // writes since the last flush
	fixed   map[int]bool
}

// states begins at entry from and ends before entry to; earlier entries are
// only applied.
func (w *walk) states(from, to int) iter.Seq[State] {
	return func(yield func(State) bool) {
		w.fixed = map[int]bool{}
		for i := 0; i <= to; i++ {
			if i >= from && !w.at(i, yield) {
				return
			}
			if i < len(w.writes) {
				w.step(i)
			}
		}
	}
}

// step does an entry. The disk holds what is durable; what is pending is
// applied anew for every state.
func (w *walk) step(i int) {
	e := w.writes[i]
	if e.Flush && !w.ignored[i] {
		for _, p := range w.pending {
			w.disk.apply(w.writes[p], len(w.writes[p].numbers))
		}
		w.pending, w.fixed = w.pending[:0], map[int]bool{}
		w.disk.keep()
	}
	if len(e.numbers) > 0 {
		w.pending = append(w.pending, i)
		w.fixed[i] = e.Through
	}
}

// at yields the states of a cut after i entries.
func (w *walk) at(i int, yield func(State) bool) bool {
	rng := rand.New(rand.NewPCG(w.seed, uint64(i)))
	if !w.emit(State{Entries: i}, yield) {
		return false
	}
	for _, lost := range w.losses(rng) {
		if !w.emit(State{Entries: i, lost: lost}, yield) {
			return false
		}
	}
	if i == len(w.writes) || len(w.writes[i].numbers) == 0 || w.writes[i].whole {
		return true
	}
	return w.torn(i, rng, yield)
}

// losses are the sets of unflushed writes that may be missing.
func (w *walk) losses(rng *rand.Rand) (sets [][]int) {
	var may []int
	for _, p := range w.pending {
		if !w.fixed[p] {
			may = append(may, p)
		}
	}
	n := len(may)
	if n <= allSubsets {
		for mask := 1; mask < 1<<n; mask++ {
			sets = append(sets, chosen(may, func(k int) bool { return mask>>k&1 == 1 }))
		}
		return sets
	}
	sets = append(sets, may, may[:n-1], []int{may[rng.IntN(n)]})
	for len(sets) < w.depth.Lost {
		sets = append(sets, chosen(may, func(int) bool { return rng.IntN(2) == 1 }))
	}
	return sets
}

func chosen(from []int, take func(int) bool) []int {
	var set []int
	for k, x := range from {
		if take(k) {
			set = append(set, x)
		}
	}
	return set
}

// torn yields the cuts within a write.
func (w *walk) torn(i int, rng *rand.Rand, yield func(State) bool) bool {
	n, own := len(w.writes[i].numbers), w.ownOf(i)
	places := make([]int, 0, n)
	if n <= smallWrite {
		for k := range n {
			places = append(places, k)
		}
	} else {
		for range w.depth.Torn {
			places = append(places, rng.IntN(n))
		}
	}
	for _, k := range places {
		for _, t := range w.tears(i, k, rng) {
			if k == 0 && t.keep == 0 {
				continue // nothing of it
			}
			if t.noise > 0 && own[w.writes[i].Sector+int64(k)] {
				continue
			}
			s := State{Entries: i, Sectors: k, tear: t}
			if !w.emit(s, yield) {
				return false
			}
			// A write that flushes first finds everything there.
			if losses := w.losses(rng); len(losses) > 0 && (!w.writes[i].Flush || w.ignored[i]) {
				s.lost = losses[rng.IntN(len(losses))]
				if !w.emit(s, yield) {
					return false
				}
			}
		}
	}
	return true
}

// ownOf are the sectors of a write that a file system needs for itself, once the
// write landed.
func (w *walk) ownOf(i int) map[int64]bool {
	if w.own == nil {
		return nil
	}
	start := w.disk.mark()
	defer w.disk.back(start)
	w.makeState(State{Entries: i, Sectors: len(w.writes[i].numbers)})
	return w.own(w.disk, w.writes[i])
}

// tears are what can become of sector k of a write: nothing of it, half of it,
// and some of it with noise behind. A sector that does not change has no
// states of its own.
func (w *walk) tears(i, k int, rng *rand.Rand) []tear {
	some := tear{keep: 1 + rng.IntN(SectorSize-1), noise: rng.Uint64() | 1}
	if w.disk.sectors[w.writes[i].Sector+int64(k)] == w.writes[i].numbers[k] {
		return []tear{{}}
	}
	return []tear{{}, {keep: SectorSize / 2}, some}
}

// emit makes a state and takes it back.
func (w *walk) emit(s State, yield func(State) bool) bool {
	start := w.disk.mark()
	w.makeState(s)
	more := yield(s)
	w.disk.back(start)
	return more
}

func (w *walk) makeState(s State) {
	missing := map[int]bool{}
	for _, p := range s.lost {
		missing[p] = true
	}
	for _, p := range w.pending {
		if !missing[p] {
			w.disk.apply(w.writes[p], len(w.writes[p].numbers))
		}
	}
	if s.Sectors == 0 && s.tear.keep == 0 {
		return
	}
	e := w.writes[s.Entries]
	w.disk.apply(e, s.Sectors)
	if s.tear.keep > 0 {
		w.disk.tearSector(e.Sector+int64(s.Sectors), e.numbers[s.Sectors], s.tear)
	}
}

// tearSector writes a part of a sector.
func (d *Disk) tearSector(sector int64, number uint32, t tear) {
	content := make([]byte, SectorSize)
	copy(content, d.pool.contents[d.sectors[sector]])
	if t.noise > 0 {
		copy(content, noise(t.noise))
	}
	copy(content, d.pool.contents[number][:t.keep])
	d.set(sector, d.pool.number(content))
}

// inPartition reports whether a write lies in a partition.
func (d *Disk) inPartition(w write, name string) bool {
	p := d.partition(name)
	at := w.Sector * SectorSize
	return len(w.numbers) > 0 && at >= p.Offset && at < p.Offset+p.Size
}

// isImage reports whether a write is of a slot's image.
func (d *Disk) isImage(w write) bool {
	return d.inPartition(w, disk.Root("A")) || d.inPartition(w, disk.Root("B"))
}
