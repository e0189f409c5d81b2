package bootcuts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"

	"abota/bootctl"
	"abota/bootctl/bootscript"
	"abota/sim/disk"
	"abota/sim/powercut"
)

// quickStarts is how many boots the quick form takes the loader's writes of.
const quickStarts = 2

// ownWrites boots from whole states, and cuts what the loader writes then.
func (r *run) ownWrites(ctx context.Context, starts []start, torn func(int64) bool) (*jobs, error) {
	m, err := r.machine("writes")
	if err != nil {
		return nil, err
	}
	defer m.close()
	if r.Quick {
		rng := rand.New(rand.NewPCG(r.Seed, 4))
		rng.Shuffle(len(starts), func(i, k int) { starts[i], starts[k] = starts[k], starts[i] })
	}
	if len(starts) > 0 {
		if err := r.control(ctx, m, starts[0], torn); err != nil {
			return nil, err
		}
	}
	found, writing := &jobs{}, 0
	for i, s := range starts {
		if r.Quick && (writing == quickStarts || !counts(s.table)) {
			continue
		}
		log, err := r.writesOf(ctx, m, s)
		if err != nil {
			return nil, err
		}
		if len(written(log)) == 0 {
			continue
		}
		writing++
		states, err := r.base.states(s.overlay, log, cutting{torn: torn, unflushed: true, seed: r.Seed + uint64(i)})
		if err != nil {
			return nil, err
		}
		for _, st := range states {
			found.add(st, claim{s.table, counted(s.table), "the loader's write cut"})
		}
	}
	r.row.writing = writing
	return found, nil
}

// control boots a disk on which every copy of the table is gone, which must not be
// judged to be in order. systemd-boot would wait for a person there.
func (r *run) control(ctx context.Context, m *machine, s start, torn func(int64) bool) error {
	const key = "control"
	if _, done := r.results.of(key); done || r.loader == "sdboot" {
		return nil
	}
	lost := overlay{}
	for n := range s.overlay {
		if torn(n) {
			lost[n] = string(make([]byte, sectorSize))
		}
	}
	gone, err := r.base.with(s.overlay, lost)
	if err != nil {
		return err
	}
	o, _, err := m.boot(ctx, gone)
	if err != nil {
		return fmt.Errorf("boot without a table: %w", err)
	}
	why := (claim{Before: s.table, After: s.table}).judge(o)
	if why == "" {
		return errors.New("a disk without a table was judged to be in order: the judge is blind")
	}
	fmt.Fprintf(r.Out, "%s: control: without a table, as it must: %s\n", r.name, why)
	return r.results.keep(result{Key: key, Made: key, outcome: outcome{Slot: o.Slot, Args: o.Args}, Why: why})
}

// writesOf is what the loader writes when it boots from a whole state.
func (r *run) writesOf(ctx context.Context, m *machine, s start) ([]powercut.Entry, error) {
	kept := r.results.writes(s.overlay.key())
	if _, err := os.Stat(kept); err == nil {
		log, err := powercut.ReadLog(kept)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return log, err
	}
	o, log, err := m.boot(ctx, s.overlay)
	if err != nil {
		return nil, err
	}
	if why := (claim{Before: s.table, After: s.table}).judge(o); why != "" {
		return nil, fmt.Errorf("cannot cut the loader's write because without a cut it goes wrong: %+v: %s: %s", s.table, why, o.Console)
	}
	tmp := kept + ".tmp"
	if err := disk.Copy(tmp, m.path("boot.log")); err != nil {
		return nil, err
	}
	if err := os.Rename(tmp, kept); err != nil {
		return nil, fmt.Errorf("keep what the loader wrote: %w", err)
	}
	return log, nil
}

// counted is a table after the loader counted what it starts.
func counted(t bootctl.Table) bootctl.Table {
	start, ok := bootscript.Boot(t, nil)
	if !ok || !start.Recorded {
		return t
	}
	return start.Table
}

// counts says whether every loader counts the start of this table: it is a trial.
func counts(t bootctl.Table) bool {
	start, ok := bootscript.Boot(t, nil)
	return ok && start.Recorded && !t.Slots[start.Slot].Good
}
