package powercut

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// defect is a fault that a worse updater would have, and must be found by the
// judge.
type defect struct {
	name string
	// seed changes a recording to what that program would have written, or points
	// to where the recording has such a program, and says which entries to look at.
	seed func(r *judged, w *walk) (from, to int, err error)
	// worse changes what is read of each pointer; nil for nothing.
	worse func(snapshot) (snapshot, error)
}

// defects are those of every board. Most change the order or the place of what
// the product wrote; the last one really ran on the board. A loader adds its own.
var defects = []defect{
	{name: "pointer before image", seed: pointerFirst},
	{name: "image not synced", seed: imageLate},
	{name: "no flush at all", seed: noFlush},
	{name: "journal before its space", seed: noSpace},
}

// Found is how a defect was found.
type Found struct {
	Defect string
	// States is how many had to be judged until then.
	States int
	Failure
}

// findDefects judges each defect until it is found. One that is not is an
// error: the judge is then worth nothing.
func (r *judged) findDefects(ctx context.Context, depth Depth, seed uint64) (all []Found, err error) {
	for _, d := range slices.Concat(defects, r.judge.loader.defects()) {
		w := r.walk(depth, seed)
		w.writes, w.ignored = slices.Clone(w.writes), maps.Clone(w.ignored)
		from, to, err := d.seed(r, w)
		if err != nil {
			return all, fmt.Errorf("seed the defect %q: %w", d.name, err)
		}
		t, err := r.with(d).all(ctx, w, from, to, 1)
		if err != nil {
			return all, fmt.Errorf("judge the defect %q: %w", d.name, err)
		}
		if len(t.Failures) == 0 {
			return all, fmt.Errorf("the defect %q was not found in %d states: the judge is blind to it", d.name, t.Judged)
		}
		all = append(all, Found{Defect: d.name, States: t.Judged, Failure: t.Failures[0]})
	}
	return all, nil
}

// with is the recording judged by a device that has the defect.
func (r *judged) with(d defect) *judged {
	if d.worse == nil {
		return r
	}
	flawed, judge := *r, *r.judge
	judge.pointers = newPointers(worseLoader{r.judge.loader, d.worse})
	judge.cases = map[caseKey]outcome{}
	flawed.judge = &judge
	return &flawed
}

// worseLoader has another backend's pointer.
type worseLoader struct {
	loader
	worse func(snapshot) (snapshot, error)
}

func (l worseLoader) read(d *Disk) (snapshot, error) {
	s, err := l.loader.read(d)
	if err != nil {
		return s, err
	}
	return l.worse(s)
}

// inTrial is the part of a recording in which a slot is armed and tried.
func inTrial(r *judged, _ *walk) (from, to int, err error) {
	return r.rec.Chapters[0].Armed, r.rec.Chapters[0].Verdict, nil
}

// install is where in the log the first chapter's image and pointer lie.
type install struct {
	image        []int // the image's writes
	pointer, end int   // the write that arms the slot, and behind its flush
}

var errShape = errors.New("the recording does not have the shape of an install")

func (r *judged) install(w *walk) (in install, err error) {
	c := r.rec.Chapters[0]
	at := w.disk.Clone()
	armed := false
	for i := 0; i < c.Armed && !armed; i++ {
		at.apply(w.writes[i], len(w.writes[i].numbers))
		switch {
		case i < c.Begin:
		case at.isImage(w.writes[i]):
			in.image = append(in.image, i)
		case r.judge.pointers.holds(at, w.writes[i]):
			s, err := r.judge.pointers.of(at)
			if err != nil {
				return in, err
			}
			first, ok := s.table.Primary()
			in.pointer, armed = i, ok && first == c.Target
		}
	}
	if !armed || len(in.image) == 0 || in.pointer < in.image[len(in.image)-1] {
		return in, errShape
	}
	for in.end = in.pointer + 1; in.end < len(w.writes) && !w.writes[in.end-1].Flush; in.end++ {
	}
	return in, nil
}

// move takes the entries from i to before j to before entry to.
func move(writes []write, i, j, to int) []write {
	moved := slices.Clone(writes[i:j])
	rest := slices.Delete(slices.Clone(writes), i, j)
	if to > i {
		to -= j - i
	}
	return slices.Insert(rest, to, moved...)
}

// pointerFirst arms the slot before the image is written.
func pointerFirst(r *judged, w *walk) (from, to int, err error) {
	in, err := r.install(w)
	if err != nil {
		return 0, 0, err
	}
	w.writes = move(w.writes, in.pointer, in.end, in.image[0])
	return in.image[0], in.end, nil
}

// lateWrites is how many writes of the image come late: a few MiB, which a
// kernel keeps for half a minute when nobody asks for them.
const lateWrites = 4

// imageLate leaves the end of the image to the kernel, which writes it when it
// likes: after the pointer.
func imageLate(r *judged, w *walk) (from, to int, err error) {
	in, err := r.install(w)
	if err != nil {
		return 0, 0, err
	}
	late := 0
	for k := len(in.image) - 1; k >= 0 && late < lateWrites; k-- {
		i := in.image[k]
		if !w.changes(i) {
			continue // zeros on an empty slot: nobody would miss them
		}
		// One by one from the back: other writes may lie between them.
		w.writes = move(w.writes, i, i+1, in.end)
		late++
	}
	if late < lateWrites {
		return 0, 0, errShape
	}
	return in.end - lateWrites - 1, in.end, nil
}

// changes reports whether a write changes anything of the base image.
func (w *walk) changes(i int) bool {
	e := w.writes[i]
	for k, n := range e.numbers {
		if w.disk.sectors[e.Sector+int64(k)] != n {
			return true
		}
	}
	return false
}

// noFlush never flushes during the install.
func noFlush(r *judged, w *walk) (from, to int, err error) {
	in, err := r.install(w)
	if err != nil {
		return 0, 0, err
	}
	for i := r.rec.Chapters[0].Begin; i < in.end; i++ {
		w.ignored[i] = true
	}
	return in.pointer, in.end, nil
}

// noSpace is the end of the recording, where a program on the board kept the
// record in a file that has space only once it is saved.
func noSpace(r *judged, w *walk) (from, to int, err error) {
	if r.rec.Scribbled <= r.rec.End {
		return 0, 0, errShape
	}
	return r.rec.End, r.rec.Scribbled, nil
}

// scribble saves the record as many a program saves its state: it empties the
// file and writes it anew. In between another program syncs.
const scribble = `set -e
cp /var/lib/abota/journal /tmp/record
: >/var/lib/abota/journal
sync
cat /tmp/record >/var/lib/abota/journal
sync
`
