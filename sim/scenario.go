package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"abota/sim/board"
	"abota/sim/loader"
)

// Scenario is a story that a board has to live through.
type Scenario struct {
	Name  string
	About string
	Steps []Step
	Setting
	// suits says for which boards it is; for all when nil.
	suits suits
}

// Setting is what a world has beside a board and a store.
type Setting struct {
	// Clock is what the board's clock says whenever it is switched on; the
	// host's time when zero.
	Clock time.Time
	// Secure has the store behind TLS, with a certificate of an authority that
	// only the board's firmware knows.
	Secure bool
	// Hooks has the firmware's own hook run at every turn of an update.
	Hooks bool
	// Verity has the firmware's root read through dm-verity: a slot is then three
	// partitions.
	Verity bool
	// Watchdog has the board with a watchdog in hardware.
	Watchdog bool
	// Fleet has an AWS IoT with a thing of each of these names in one group,
	// and a board for each thing, whose agent takes its jobs. There is no other
	// board then.
	Fleet []string
}

// Step is one thing that is done to the board or expected of it. Do returns
// what proved it, in a few words. It must end with its context.
type Step struct {
	Title string
	Do    func(ctx context.Context, w *World) (proof string, err error)
	// board is the one of a fleet that it is about; empty where it is about
	// none, or about the only one.
	board string
	// where says on boards of which loader it is to be done; on all when nil.
	where func(loader.Loader) bool
}

// on makes steps be about one board of a fleet.
func on(board string, groups ...[]Step) []Step {
	all := steps(groups...)
	for i := range all {
		all[i].board = board
	}
	return all
}

// stepLimit bounds every step. A healthy one takes seconds; the rest is for
// busy machines.
const stepLimit = 4 * time.Minute

// steps joins single steps and groups of steps.
func steps(groups ...[]Step) []Step {
	var all []Step
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

// StepError says which step of a scenario was not seen, and why.
type StepError struct {
	Number int
	Title  string
	Err    error
}

func (e *StepError) Error() string {
	return fmt.Sprintf("step %d (%s): %v", e.Number, e.Title, e.Err)
}

func (e *StepError) Unwrap() error { return e.Err }

// Play runs the scenario's steps on a world that is ready for them. A nil
// error means that every step was seen.
func (s Scenario) Play(ctx context.Context, w *World) error {
	if len(s.Steps) == 0 {
		return fmt.Errorf("cannot play scenario %s: it has no steps", s.Name)
	}
	todo := slices.DeleteFunc(slices.Clone(s.Steps), func(step Step) bool { return step.where != nil && !step.where(w.loader) })
	for i, step := range todo {
		about := w.of(step.board)
		about.timeline.Step(i+1, len(todo), step.Title)
		proof, err := limited(ctx, about, step)
		if err != nil {
			about.timeline.Failed(err)
			return &StepError{Number: i + 1, Title: step.Title, Err: err}
		}
		about.timeline.Seen(proof)
	}
	return nil
}

var errLate = errors.New("not seen in time")

func limited(ctx context.Context, w *World, step Step) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, stepLimit, fmt.Errorf("%w (%s)", errLate, stepLimit))
	defer cancel()
	return step.Do(ctx, w)
}

// ConsoleTail is the end of the serial console, for the report of a failure.
// Of a fleet it is that of each board, with the board's name.
func (w *World) ConsoleTail(most int) []string {
	var lines []string
	for _, m := range w.fleet {
		for _, line := range m.ConsoleTail(most) {
			lines = append(lines, m.name+": "+line)
		}
	}
	if w.board == nil {
		return lines
	}
	for _, e := range w.board.Log().Since(0) {
		if e.Kind == board.Console {
			lines = append(lines, e.Text)
		}
	}
	return lines[max(0, len(lines)-most):]
}
