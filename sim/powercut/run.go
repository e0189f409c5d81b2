package powercut

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"abota/sim"
	"abota/sim/guest"
	"abota/sim/parts"
)

// Form is how much of the proof is done.
type Form struct {
	Name string
	// Stories is how many recordings are made, and Depth how far each is
	// explored. Boots of its states are really booted.
	Stories, Boots int
	Depth          Depth
	// Lives is how many boards have their power cut while they live, Cuts
	// times each.
	Lives, Cuts int
}

// The forms.
var (
	Short = Form{Name: "short", Stories: 1, Boots: 4, Depth: Depth{Torn: 3, Lost: 5}, Lives: 1, Cuts: 6}
	Long  = Form{Name: "long", Stories: 3, Boots: 20, Depth: Depth{Torn: 20, Lost: 30}, Lives: 3, Cuts: 20}
)

// Options say where the proof is done and how.
type Options struct {
	Form Form
	// Board is the kind of board, parts.DefaultBoard when zero.
	Board parts.Board
	// Seed chooses the samples, the noise and the moments of the cuts.
	Seed uint64
	// State is the folder in which results are kept, each board's in one of its
	// own, so that a proof that was interrupted goes on where it was. What failed
	// lies there too.
	State string
	// Guests is how many boards may run at once.
	Guests int
	// Out is told what happens.
	Out io.Writer
}

// task is a part of the proof that is done as a whole.
type task struct {
	name string
	seed uint64
	do   func(*lab, context.Context, task) (Result, error)
	// defects says that the seeded defects are to be found in this recording.
	defects bool
}

// Result is what a task came to.
type Result struct {
	Task string
	Seed uint64
	// Updates is how many updates were recorded or lived through, Entries the
	// length of the log.
	Updates, Entries int
	Tally
	Booted, Cuts int
	Defects      []Found
	Seconds      float64
}

func (f Form) tasks(seed uint64) (all []task) {
	for i := range max(f.Stories, f.Lives) {
		if i < f.Stories {
			all = append(all, task{name: fmt.Sprintf("story %d", i+1), seed: seed + uint64(i), do: (*lab).story, defects: i == 0})
		}
		if i < f.Lives {
			all = append(all, task{name: fmt.Sprintf("live cuts %d", i+1), seed: seed + uint64(i), do: (*lab).live})
		}
	}
	return all
}

// lab is where tasks are done.
type lab struct {
	Options
	abota string
}

// bench is a board with all that a task needs around it.
type bench struct {
	*sim.World
	// dir is its work folder, writes the log of the board's writes.
	dir, writes string
	timeline    *os.File
}

// bench builds a board for a task. What happens to it goes to a file of the
// state folder.
func (l *lab) bench(ctx context.Context, t task) (*bench, error) {
	timeline, err := os.OpenFile(filepath.Join(l.State, t.file()+".log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("keep a timeline: %w", err)
	}
	dir, err := os.MkdirTemp("", "abota-crash-")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a work folder: %w", err), timeline.Close())
	}
	b := &bench{dir: dir, writes: filepath.Join(dir, "writes.log"), timeline: timeline}
	b.World, err = sim.NewWorld(ctx, sim.Options{Dir: dir, Board: l.Board, Abota: l.abota, Timeline: sim.NewTimeline(timeline), WriteLog: b.writes})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir), timeline.Close())
	}
	return b, nil
}

// close ends a task. The folder of one that failed is kept, but not that of
// one that somebody interrupted.
func (b *bench) close(ctx context.Context, failed error) error {
	ended := errors.Join(b.Close(), b.timeline.Close())
	if failed != nil && ctx.Err() == nil {
		return errors.Join(failed, fmt.Errorf("the work folder is kept: %s; this starts the board: %s", b.dir, b.CommandLine()), ended)
	}
	return errors.Join(failed, ended, os.RemoveAll(b.dir))
}

// file is the task's name as that of a file.
func (t task) file() string { return strings.ReplaceAll(t.name, " ", "-") }

func (l *lab) say(t task, format string, args ...any) {
	fmt.Fprintf(l.Out, "%s  %-12s %s\n", time.Now().Format("15:04:05"), t.name, fmt.Sprintf(format, args...))
}

// story records, judges every state, finds the defects, and boots a sample.
func (l *lab) story(ctx context.Context, t task) (res Result, err error) {
	b, err := l.bench(ctx, t)
	if err != nil {
		return res, err
	}
	defer func() { err = b.close(ctx, err) }()
	l.say(t, "a board lives through %d updates, every write of it noted", len(story))
	rec, err := record(ctx, b.World, b.writes, b.dir)
	if err != nil {
		return res, err
	}
	res.Updates, res.Entries = len(rec.Chapters), rec.End
	work, remove, err := scratch()
	if err != nil {
		return res, err
	}
	defer remove()
	r, err := read(rec, work)
	if err != nil {
		return res, err
	}
	l.say(t, "judging the states of %d writes and flushes", rec.End)
	const enough = 20
	if res.Tally, err = r.all(ctx, r.walk(l.Form.Depth, t.seed), 0, rec.End, enough); err != nil {
		return res, err
	}
	l.say(t, "%d states judged, %d must not be", res.Judged, len(res.Failures))
	if err := l.keep(r, t, res.Failures); err != nil {
		return res, err
	}
	if t.defects {
		if res.Defects, err = r.findDefects(ctx, l.Form.Depth, t.seed); err != nil {
			return res, err
		}
		l.say(t, "%d seeded defects found", len(res.Defects))
	}
	res.Booted, err = l.boot(ctx, b.World, r, t, res.samples)
	return res, err
}

// keep saves the disks of failures, a few of them.
func (l *lab) keep(r *judged, t task, failures []Failure) error {
	const most = 3
	for i := range min(most, len(failures)) {
		f := &failures[i]
		f.Image = filepath.Join(l.State, fmt.Sprintf("%s-seed%d-%d.img", t.file(), t.seed, i+1))
		if err := r.save(r.walk(l.Form.Depth, t.seed), f.at, f.Image); err != nil {
			return err
		}
	}
	return nil
}

// updateEvery makes every third booted state take a whole update afterwards,
// which takes three times as long as the boot.
const updateEvery = 3

// boot boots a sample of the states.
func (l *lab) boot(ctx context.Context, w *sim.World, r *judged, t task, samples []sample) (booted int, err error) {
	image, err := w.Publish(ctx, "5", guest.Healthy)
	if err != nil {
		return 0, err
	}
	next := published(image, "5", guest.Healthy)
	for i, s := range choose(samples, l.Form.Boots, t.seed) {
		if err := r.save(r.walk(l.Form.Depth, t.seed), s.State, w.Disk()); err != nil {
			return booted, err
		}
		offered, did := &next, "as foretold, and took an update"
		if i%updateEvery != 0 {
			offered, did = nil, "as foretold"
		}
		err := bootSample(ctx, w, s, offered)
		w.Board().PowerCut()
		if err != nil {
			return booted, fmt.Errorf("a real boot of the disk %s (%s): %w", s.State, r.rec.era(s.Entries).Name, err)
		}
		booted++
		l.say(t, "booted the disk %s (%s): %s", s.State, r.rec.era(s.Entries).Name, did)
	}
	return booted, nil
}

// live cuts the power of a board that lives.
func (l *lab) live(ctx context.Context, t task) (res Result, err error) {
	b, err := l.bench(ctx, t)
	if err != nil {
		return res, err
	}
	defer func() { err = b.close(ctx, err) }()
	note := func(format string, args ...any) { l.say(t, format, args...) }
	res.Updates, res.Cuts, err = liveCuts(ctx, b.World, t.seed, l.Form.Cuts, note)
	return res, err
}
