package powercut

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/google/renameio/v2"

	"abota/sim"
	"abota/sim/parts"
)

// ErrFailed says that the proof found a state that must not be.
var ErrFailed = errors.New("the crash proof failed")

// checkpoint is what is known so far, in a file of the state folder.
type checkpoint struct {
	// Product is the digest of the device binary that was put to the proof:
	// results of another one count for nothing.
	Product string
	Form    string
	Seed    uint64
	Results map[string]Result
}

// proof is a run with its checkpoint.
type proof struct {
	lab
	mu   sync.Mutex
	done checkpoint
}

// Prove does the whole proof, or what an earlier run left of it, and prints
// one table. ErrFailed says that something failed; any other error, that the
// proof could not be done.
func Prove(ctx context.Context, o Options) error {
	began := time.Now()
	if o.Board.Name == "" {
		o.Board = parts.DefaultBoard()
	}
	o.State = filepath.Join(o.State, o.Board.Name)
	if err := os.MkdirAll(o.State, 0o755); err != nil {
		return fmt.Errorf("make the folder for results: %w", err)
	}
	p := &proof{lab: lab{Options: o}}
	p.Out = &lines{w: o.Out}
	if err := p.build(ctx); err != nil {
		return err
	}
	p.resume()
	err := p.all(ctx)
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: the same command goes on from %d of %d parts", len(p.done.Results), len(o.Form.tasks(o.Seed)))
	}
	fmt.Fprintf(p.Out, "the board %s:\n", p.Board.Name)
	p.table(time.Since(began))
	return errors.Join(p.verdict(), err)
}

// build makes the product once for all tasks.
func (p *proof) build(ctx context.Context) error {
	module, err := sim.FindModule(ctx)
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(p.State)
	if err != nil {
		return fmt.Errorf("find the folder for results: %w", err)
	}
	p.State = dir
	if p.abota, err = module.Build(ctx, "abota", p.Board.Go, dir); err != nil {
		return err
	}
	binary, err := os.ReadFile(p.abota)
	if err != nil {
		return fmt.Errorf("read the device binary: %w", err)
	}
	p.done = checkpoint{Product: fmt.Sprintf("%x", sha256.Sum256(binary)), Form: p.Form.Name, Seed: p.Seed, Results: map[string]Result{}}
	return nil
}

func (p *proof) path() string {
	return filepath.Join(p.State, fmt.Sprintf("%s-seed%d.json", p.Form.Name, p.Seed))
}

// resume takes up what an earlier run of the same proof of the same product
// came to.
func (p *proof) resume() {
	text, err := os.ReadFile(p.path())
	if err != nil {
		return
	}
	var was checkpoint
	if json.Unmarshal(text, &was) != nil || was.Product != p.done.Product || was.Form != p.done.Form || was.Seed != p.done.Seed {
		fmt.Fprintf(p.Out, "the results in %s are of another product or proof: beginning anew\n", p.path())
		return
	}
	if was.Results != nil {
		p.done.Results = was.Results
	}
	fmt.Fprintf(p.Out, "going on: %d parts are done already (%s)\n", len(p.done.Results), p.path())
}

// all does the tasks that are not done, as many at once as guests may run.
func (p *proof) all(ctx context.Context) error {
	queue := make(chan task)
	failures := make([]error, p.Guests)
	var workers sync.WaitGroup
	for i := range p.Guests {
		workers.Go(func() {
			for t := range queue {
				failures[i] = errors.Join(failures[i], p.one(ctx, t))
			}
		})
	}
	for _, t := range p.Form.tasks(p.Seed) {
		if _, done := p.done.Results[t.name]; !done && ctx.Err() == nil {
			queue <- t
		}
	}
	close(queue)
	workers.Wait()
	return errors.Join(failures...)
}

func (p *proof) one(ctx context.Context, t task) error {
	if ctx.Err() != nil {
		return nil
	}
	began := time.Now()
	res, err := t.do(&p.lab, ctx, t)
	if err != nil {
		err = fmt.Errorf("%s with seed %d: %w", t.name, t.seed, err)
		if ctx.Err() == nil {
			p.say(t, "FAILED: %v", err)
		}
		return err
	}
	res.Task, res.Seed, res.Seconds = t.name, t.seed, time.Since(began).Seconds()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done.Results[t.name] = res
	text, err := json.MarshalIndent(p.done, "", "\t")
	if err == nil {
		err = renameio.WriteFile(p.path(), text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("keep the results: %w", err)
	}
	return nil
}

// count is how many failures of a kind a result has.
func (r Result) count(k Kind) (n int) {
	for _, f := range r.Failures {
		if f.Kind == k {
			n++
		}
	}
	return n
}

// table prints what the proof came to.
func (p *proof) table(took time.Duration) {
	t := tabwriter.NewWriter(p.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "case\tseed\tupdates\twrites\tstates\tjudged\tbooted\tlive cuts\tbricks\twrong slot\tupdate lost\tdefects\tseconds\t")
	var sum Result
	row := func(r Result, name, seed string) {
		found := "-"
		if len(r.Defects) > 0 {
			found = fmt.Sprintf("%d found", len(r.Defects))
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%.0f\t\n", name, seed, r.Updates, r.Entries, r.Enumerated, r.Judged,
			r.Booted, r.Cuts, r.count(Brick), r.count(WrongSlot), r.count(UpdateLost), found, r.Seconds)
	}
	for _, task := range p.Form.tasks(p.Seed) {
		r, done := p.done.Results[task.name]
		if !done {
			fmt.Fprintf(t, "%s\t%d\tnot done\n", task.name, task.seed)
			continue
		}
		row(r, r.Task, fmt.Sprint(r.Seed))
		sum.add(r)
	}
	row(sum, "all", "")
	t.Flush()
	for _, f := range sum.Defects {
		fmt.Fprintf(p.Out, "seeded defect %q: found as %s after %d states: the disk %s (%s): %s\n", f.Defect, f.Kind, f.States, f.State, f.Era, f.Why)
	}
	if sum.Forgone > 0 {
		fmt.Fprintf(p.Out, "in %d of the states the loader's own record of an attempt is torn: what was on trial was given up for what ran before\n", sum.Forgone)
	}
	if sum.Unmountable > 0 {
		fmt.Fprintf(p.Out, "in %d of the states the data partition cannot be mounted, since a sector of its own was torn: abota went on without it\n", sum.Unmountable)
	}
	fmt.Fprintf(p.Out, "this run took %.0f s\n", took.Seconds())
}

func (r *Result) add(o Result) {
	r.Updates += o.Updates
	r.Entries += o.Entries
	r.Enumerated += o.Enumerated
	r.Judged += o.Judged
	r.Unmountable += o.Unmountable
	r.Forgone += o.Forgone
	r.Booted += o.Booted
	r.Cuts += o.Cuts
	r.Seconds += o.Seconds
	r.Failures = append(r.Failures, o.Failures...)
	r.Defects = append(r.Defects, o.Defects...)
}

// verdict lists what failed.
func (p *proof) verdict() error {
	var failed error
	for _, task := range p.Form.tasks(p.Seed) {
		for _, f := range p.done.Results[task.name].Failures {
			fmt.Fprintf(p.Out, "%s, seed %d: %s\n", task.name, task.seed, f)
			failed = ErrFailed
		}
	}
	return failed
}

// lines lets several tasks print at once.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
