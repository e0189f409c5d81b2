package powercut

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"abota/bootctl"
	"abota/sim/disk"
)

// Judge says of states of a recording's disk what a device would do with them.
type Judge struct {
	rec     *Recording
	tables  *tables
	records *records
	slots   *slots
	// cases are outcomes that are known: many states are one case.
	cases map[caseKey]outcome
}

// caseKey is all that an outcome depends on. The slots' sums stand for what
// they hold.
type caseKey struct {
	table   seenTable
	record  string
	damaged bool
	slots   [2]Sum
}

// NewJudge prepares a judge with a work folder of its own.
func NewJudge(rec *Recording, dir string) (*Judge, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the judge's folder: %w", err)
	}
	records, err := newRecords(dir)
	if err != nil {
		return nil, err
	}
	known := []Release{rec.Factory}
	for _, c := range rec.Chapters {
		known = append(known, c.Release)
	}
	return &Judge{rec: rec, tables: newTables(dir), records: records, slots: newSlots(known), cases: map[caseKey]outcome{}}, nil
}

// outcome is what becomes of a disk.
func (j *Judge) outcome(ctx context.Context, d *Disk) (outcome, error) {
	table, err := j.tables.of(d)
	if err != nil {
		return outcome{}, err
	}
	record, err := j.records.of(ctx, d)
	if err != nil {
		return outcome{}, err
	}
	key := caseKey{table: table, record: string(record.payload), damaged: record.damaged}
	for _, s := range bootctl.Slots {
		key.slots[s] = d.Sum(disk.Root(s.String()))
	}
	if o, known := j.cases[key]; known {
		o.record = record
		return o, nil
	}
	left := &device{
		table: table.table, lost: table.lost, payload: record.payload, mounted: !record.damaged,
		slot: func(s bootctl.Slot) (Release, bool, error) { return j.slots.of(d, s) },
	}
	o, err := left.settle(ctx)
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
	return &Failure{Kind: kind, State: s.String(), Era: era.Name, Why: why}, o, nil
}

// tally is what judging a recording came to.
type tally struct {
	Enumerated, Judged int
	// Damaged counts states whose data partition cannot be mounted.
	Damaged  int
	Failures []Failure
}

// scratch is a folder below dir for the judge, in memory where there is some.
func scratch(dir string) (path string, remove func(), err error) {
	base := "/dev/shm"
	if info, err := os.Stat(base); err != nil || !info.IsDir() {
		base = dir
	}
	path, err = os.MkdirTemp(base, "abota-powercut-")
	if err != nil {
		path, err = os.MkdirTemp(dir, "judge-")
	}
	if err != nil {
		return "", nil, fmt.Errorf("make the judge's folder: %w", err)
	}
	return filepath.Clean(path), func() { os.RemoveAll(path) }, nil
}

// JudgeAll judges every state of a recording.
func JudgeAll(ctx context.Context, rec *Recording, dir string, depth Depth, seed uint64) (t tally, err error) {
	work, remove, err := scratch(dir)
	if err != nil {
		return t, err
	}
	defer remove()
	j, err := NewJudge(rec, work)
	if err != nil {
		return t, err
	}
	w, err := openWalk(rec, j, depth, seed)
	if err != nil {
		return t, err
	}
	seen := map[[6]Sum]bool{}
	for s := range w.states(0, rec.End) {
		t.Enumerated++
		key := w.disk.key()
		if seen[key] && s.Entries == 0 {
			continue
		}
		seen[key] = true
		f, o, err := j.Judge(ctx, w.disk, s)
		if err != nil {
			return t, err
		}
		t.Judged++
		if o.record.damaged {
			t.Damaged++
		}
		if f != nil {
			t.Failures = append(t.Failures, *f)
		}
	}
	return t, nil
}

// key stands for the whole disk.
func (d *Disk) key() (k [6]Sum) {
	copy(k[:], d.sums)
	return k
}

// openWalk reads a recording.
func openWalk(rec *Recording, j *Judge, depth Depth, seed uint64) (*walk, error) {
	d, err := OpenDisk(rec.Base)
	if err != nil {
		return nil, err
	}
	entries, err := ReadLog(rec.Log)
	if err != nil {
		return nil, err
	}
	w := &walk{disk: d, writes: d.pool.learn(entries), depth: depth, seed: seed}
	w.ignored, err = j.tables.ofLoader(d, w.writes)
	return w, err
}
