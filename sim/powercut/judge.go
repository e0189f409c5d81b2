package powercut

import (
	"context"
	"fmt"
	"os"

	"abota/bootctl"
	"abota/sim/disk"
)

// Judge says of states of a recording's disk what a device would do with them.
type Judge struct {
	rec      *Recording
	loader   loader
	pointers *pointers
	records  *records
	slots    *slots
	// cases are outcomes that are known: many states are one case.
	cases map[caseKey]outcome
}

// caseKey is all that an outcome depends on. The slots' sums stand for what
// they hold.
type caseKey struct {
	pointer string
	record  string
	damaged bool
	slots   [2]Sum
}

// NewJudge prepares a judge of states of a disk that began as base, with a work
// folder of its own.
func NewJudge(rec *Recording, base *Disk, dir string) (*Judge, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the judge's folder: %w", err)
	}
	records, err := newRecords(dir)
	if err != nil {
		return nil, err
	}
	l, err := newLoader(rec, base, dir)
	if err != nil {
		return nil, err
	}
	s := newSlots(l.files)
	first, err := s.asMade(base, rec.Factory)
	if err != nil {
		return nil, err
	}
	s.known = append(s.known, first)
	for _, c := range rec.Chapters {
		s.known = append(s.known, c.Release)
	}
	return &Judge{rec: rec, loader: l, pointers: newPointers(l), records: records, slots: s, cases: map[caseKey]outcome{}}, nil
}

// outcome is what becomes of a disk.
func (j *Judge) outcome(ctx context.Context, d *Disk) (outcome, error) {
	left, err := j.pointers.of(d)
	if err != nil {
		return outcome{}, err
	}
	record, err := j.records.of(ctx, d)
	if err != nil {
		return outcome{}, err
	}
	key := caseKey{pointer: left.key, record: string(record.payload), damaged: record.damaged}
	for _, s := range bootctl.Slots {
		key.slots[s] = j.slots.sum(d, s)
	}
	if o, known := j.cases[key]; known {
		o.record = record
		return o, nil
	}
	found := device{
		left: left, payload: record.payload, mounted: !record.damaged,
		slot: func(s bootctl.Slot) (Release, bool, error) { return j.slots.of(d, s) },
	}
	o, err := found.becomes(ctx)
	if err == nil {
		j.cases[key] = o
	}
	o.record = record
	return o, err
}

// Judge holds a state against the story. A nil failure is a good state.
func (j *Judge) Judge(ctx context.Context, d *Disk, s State) (*Failure, outcome, error) {
	o, err := j.outcome(ctx, d)
	if err != nil {
		return nil, o, fmt.Errorf("judge the disk %s: %w", s, err)
	}
	era := j.rec.era(s.Entries)
	kind, why := era.judge(o)
	if kind == "" {
		return nil, o, nil
	}
	return &Failure{Kind: kind, State: s.String(), Era: era.Name, Why: why, at: s}, o, nil
}

// Tally is what judging a recording came to.
type Tally struct {
	// Enumerated counts states, Judged those of them that differ.
	Enumerated, Judged int
	// Unmountable counts judged states whose data partition cannot be mounted.
	Unmountable int
	// Forgone counts those in which the loader's own record of an attempt is torn,
	// so that what was on trial is given up.
	Forgone  int
	Failures []Failure
	// samples are states to boot really, one for each sort of outcome.
	samples []sample
}

// sample is a state with what was foretold of it.
type sample struct {
	State
	outcome
}

// judged is a recording that was read: its base, and what was written.
type judged struct {
	rec     *Recording
	judge   *Judge
	base    *Disk
	writes  []write
	ignored map[int]bool
	own     func(*Disk, write) map[int64]bool
}

// read prepares a recording for judging. work is the judge's folder.
func read(rec *Recording, work string) (*judged, error) {
	base, err := OpenDisk(rec.Base, rec.Layout)
	if err != nil {
		return nil, err
	}
	j, err := NewJudge(rec, base, work)
	if err != nil {
		return nil, err
	}
	entries, err := ReadLog(rec.Log)
	if err != nil {
		return nil, err
	}
	for i, e := range entries {
		if (e.Sector+e.Count)*SectorSize > base.Size() {
			return nil, fmt.Errorf("cannot use the log %s because its entry %d lies beyond the end of the disk", rec.Log, i)
		}
	}
	r := &judged{rec: rec, judge: j, base: base, writes: base.pool.learn(entries), own: j.loader.own}
	if vars, err := rec.Layout.Find(disk.Vars); err == nil {
		for i := range r.writes { // what is written to flash is there at once, byte by byte
			if e := &r.writes[i]; e.Sector*SectorSize >= vars.Offset && len(e.numbers) == 1 {
				e.Through, e.whole = true, true
			}
		}
	}
	r.ignored, err = j.pointers.ofLoader(base.Clone(), r.writes)
	return r, err
}

// walk goes through the recording's states.
func (r *judged) walk(depth Depth, seed uint64) *walk {
	return &walk{disk: r.base.Clone(), writes: r.writes, ignored: r.ignored, own: r.own, depth: depth, seed: seed}
}

// maxPartitions is more than any layout has.
const maxPartitions = 8

// stateKey stands for a disk at a place of the story.
type stateKey struct {
	era string
	// pointer is all that a loader goes by, for storage of which it is a part.
	pointer string
	sums    [maxPartitions]Sum
}

// all judges every state between two entries, and ends early when enough
// failures were found.
func (r *judged) all(ctx context.Context, w *walk, from, to, enough int) (t Tally, err error) {
	seen := map[stateKey]bool{}
	sorts := map[string]bool{}
	for s := range w.states(from, to) {
		if err := ctx.Err(); err != nil {
			return t, err
		}
		t.Enumerated++
		left, err := r.judge.pointers.of(w.disk)
		if err != nil {
			return t, fmt.Errorf("judge the disk %s: %w", s, err)
		}
		key := stateKey{era: r.rec.era(s.Entries).Name, pointer: left.key}
		copy(key.sums[:], w.disk.sums)
		if i := w.disk.index(disk.Vars); i >= 0 {
			key.sums[i] = Sum{} // the pointer stands for it
		}
		if seen[key] {
			continue
		}
		seen[key] = true
		f, o, err := r.judge.Judge(ctx, w.disk, s)
		if err != nil {
			return t, err
		}
		t.Judged++
		switch {
		case f != nil:
			t.Failures = append(t.Failures, *f)
		case o.record.damaged:
			t.Unmountable++
		case o.uncounted && o.runs.place() == r.rec.era(s.Entries).Before:
			t.Forgone++
		default:
			if sort := key.era + o.String(); !sorts[sort] {
				sorts[sort] = true
				t.samples = append(t.samples, sample{s, o})
			}
		}
		if len(t.Failures) == enough {
			return t, nil
		}
	}
	return t, nil
}

// save writes a state of the recording as an image.
func (r *judged) save(w *walk, s State, path string) error {
	for range w.states(s.Entries, s.Entries) {
		break
	}
	w.disk.back(0)
	w.makeState(s)
	err := w.disk.Write(path, 0, w.disk.Size())
	w.disk.back(0)
	return err
}

// scratch is a folder for the judge, in memory where there is some.
func scratch() (path string, remove func(), err error) {
	base := "/dev/shm"
	if info, err := os.Stat(base); err != nil || !info.IsDir() {
		base = ""
	}
	path, err = os.MkdirTemp(base, "abota-powercut-")
	if err != nil {
		return "", nil, fmt.Errorf("make the judge's folder: %w", err)
	}
	return path, func() { os.RemoveAll(path) }, nil
}
