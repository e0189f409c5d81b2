package bootcuts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"abota/bootctl/bootctltest"
	"abota/sim"
)

// Options say what is booted.
type Options struct {
	// Quick boots a sample of the states of a sample of the transitions.
	Quick bool
	// Loaders are names of [Names], all of them when empty.
	Loaders []string
	// Seed chooses the samples and the noise.
	Seed uint64
	// State is a folder for disks, recordings and results, from which an
	// interrupted run goes on.
	State string
	// Guests is how many boards may run at once.
	Guests int
	Out    io.Writer
}

// ErrFailed says that a state did not boot as it must.
var ErrFailed = errors.New("not every state boots as it must")

// Run boots, and prints one table. ErrFailed says that something failed; any
// other error, that it could not be tried.
func Run(ctx context.Context, o Options) error {
	chosen, err := find(o.Loaders)
	if err != nil {
		return err
	}
	module, err := sim.FindModule(ctx)
	if err != nil {
		return err
	}
	form := "long"
	if o.Quick {
		form = "quick"
	}
	dir, err := filepath.Abs(filepath.Join(o.State, fmt.Sprintf("%s-seed%d", form, o.Seed)))
	if err != nil {
		return fmt.Errorf("find the folder for results: %w", err)
	}
	began := time.Now()
	var rows []*row
	for _, s := range chosen {
		b := &bench{setting: s, module: module, dir: filepath.Join(dir, s.name), log: o.Out}
		r := &run{Options: o, bench: b, row: row{name: s.name}}
		if err := r.all(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		rows = append(rows, &r.row)
	}
	return table(o.Out, rows, time.Since(began))
}

// run is one loader's.
type run struct {
	Options
	*bench
	row
	results *results
	base    image
}

// quickSteps is how many transitions the quick form stores.
const quickSteps = 12

func (r *run) all(ctx context.Context) error {
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return fmt.Errorf("make a folder for results: %w", err)
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	transitions := r.transitions()
	if err := r.ready(ctx, transitions); err != nil {
		return err
	}
	f, err := os.Open(r.bench.base())
	if err != nil {
		return fmt.Errorf("read the base disk: %w", err)
	}
	defer f.Close()
	r.base = image{f}
	steps, err := r.steps(len(transitions))
	if err != nil {
		return err
	}
	torn, err := r.torn(steps)
	if err != nil {
		return err
	}
	stored, err := r.base.stored(steps, transitions, torn, r.Seed)
	if err != nil {
		return err
	}
	r.row.transitions = len(transitions)
	if err := r.boot(ctx, "cut stores", stored, r.quick[0]); err != nil {
		return err
	}
	starts, err := r.base.wholes(steps, transitions)
	if err != nil {
		return err
	}
	own, err := r.ownWrites(ctx, starts, torn)
	if err != nil {
		return err
	}
	return r.boot(ctx, "cuts of the loader's own write", own, r.quick[1])
}

// transitions are what is stored: all, or a sample.
func (r *run) transitions() []bootctltest.Transition {
	all := bootctltest.Transitions(r.caps)
	if !r.Quick {
		return all
	}
	rng := rand.New(rand.NewPCG(r.Seed, 3))
	rng.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	return all[:quickSteps]
}

// ready makes the base disk and the recording, unless they are there.
func (r *run) ready(ctx context.Context, all []bootctltest.Transition) (err error) {
	p := r.plan(all, r.bodies)
	if r.results, err = openResults(r.bench, p); err != nil {
		return err
	}
	if r.results.resumed {
		fmt.Fprintf(r.Out, "%s: going on, %d states are booted already (%s)\n", r.name, len(r.results.known), r.results.path)
		return nil
	}
	if err := r.build(ctx); err != nil {
		return err
	}
	if err := r.record(ctx, p); err != nil {
		return err
	}
	return r.results.begin()
}

// boot boots what is not booted yet, with as many machines as may be.
func (r *run) boot(ctx context.Context, what string, all *jobs, sample int) error {
	if !r.Quick {
		sample = 0
	}
	chosen := all.sample(sample, r.Seed)
	r.made += all.made
	r.distinct += len(all.list)
	fmt.Fprintf(r.Out, "%s: %s: %d states, %d of them distinct, %d to boot\n", r.name, what, all.made, len(all.list), len(chosen))
	queue := make(chan *job)
	failures := make([]error, r.Guests)
	var workers sync.WaitGroup
	whole := ctx
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for i := range r.Guests {
		workers.Go(func() {
			if failures[i] = r.work(ctx, fmt.Sprintf("machine-%d", i), queue); failures[i] != nil {
				stop()
			}
		})
	}
	for _, j := range chosen {
		if _, done := r.results.of(j.key); done {
			continue
		}
		select {
		case queue <- j:
		case <-ctx.Done():
		}
	}
	close(queue)
	workers.Wait()
	if whole.Err() != nil {
		return fmt.Errorf("interrupted: the same command goes on from %d states that are booted", len(r.results.known))
	}
	if err := errors.Join(failures...); err != nil {
		return err
	}
	for _, j := range chosen {
		r.count(j)
	}
	return nil
}

func (r *run) work(ctx context.Context, name string, queue <-chan *job) error {
	m, err := r.machine(name)
	if err != nil {
		return err
	}
	defer m.close()
	for j := range queue {
		began := time.Now()
		o, _, err := m.boot(ctx, j.state.overlay)
		if err != nil {
			return fmt.Errorf("boot %s: %w", j.key, err)
		}
		why, sort := j.judge(o)
		if why == "" {
			o.Console = ""
		} else {
			fmt.Fprintf(r.Out, "%s: FAILED: %s: %s\n", r.name, j.key, why)
		}
		if err := r.results.keep(result{Key: j.key, Made: j.claims[0].Made, outcome: o, Why: why, Sort: sort, Seconds: time.Since(began).Seconds()}); err != nil {
			return err
		}
	}
	return nil
}
