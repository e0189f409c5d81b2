package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"abota/sim/parts"
)

// BoardOptions say which boards the table is of.
type BoardOptions struct {
	// Boards are in the table's order.
	Boards []parts.Board
	// Quick leaves cases out on all boards but the default one.
	Quick bool
	// Guests is how many boards may run at once.
	Guests int
	// Out is told each row as it ends.
	Out io.Writer
	// Row is told the same for programs, when not nil.
	Row func(BoardRow)
}

// BoardRow is what became of one case on one board.
type BoardRow struct {
	Board  string `json:"board"`
	Loader string `json:"loader"`
	Case   string `json:"case"`
	Passed bool   `json:"passed"`
	// Seconds are those of the case's steps.
	Seconds float64 `json:"seconds"`
	// Reason says what was not seen, and Console is the end of the console then.
	Reason  string   `json:"reason,omitempty"`
	Console []string `json:"console,omitempty"`
}

// ErrCases says that not every case passed.
var ErrCases = errors.New("not every case passed")

// RunBoards plays each board's cases and prints a table of them. Its error is
// ErrCases when one was not seen; anything else means that the table is not whole.
func RunBoards(ctx context.Context, o BoardOptions) error {
	began := time.Now()
	t := newBoardTable(o)
	turns := make(chan struct{}, max(o.Guests, 1))
	var all sync.WaitGroup
	for _, kind := range o.Boards {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			if err := t.board(ctx, kind); err != nil {
				t.fail(kind, err)
			}
		})
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	t.print(time.Since(began))
	if t.failed {
		return ErrCases
	}
	return nil
}

// boardTable is the table while it is made.
type boardTable struct {
	BoardOptions
	// start makes a board to play cases on.
	start  func(context.Context, parts.Board) (player, error)
	mu     sync.Mutex
	rows   map[string][]BoardRow
	failed bool
}

func newBoardTable(o BoardOptions) *boardTable {
	return &boardTable{BoardOptions: o, rows: map[string][]BoardRow{}, start: newBoardRun}
}

// player is a board on which cases are played.
type player interface {
	play(context.Context, Case) BoardRow
	// close ends it; keep does too, and says where what is left of it can be seen.
	close()
	keep(out io.Writer)
}

// board plays a board's cases one after the other. After one that was not seen a
// new board goes on with the next.
func (t *boardTable) board(ctx context.Context, kind parts.Board) error {
	todo := casesOf(kind, t.Quick)
	for len(todo) > 0 && ctx.Err() == nil {
		left, err := t.on(ctx, kind, todo)
		if err != nil {
			return err
		}
		todo = left
	}
	return nil
}

// on plays cases on one board until one is not seen, and returns what is left.
// Where that is not all, the first case has to be there before.
func (t *boardTable) on(ctx context.Context, kind parts.Board, todo []Case) (left []Case, err error) {
	r, err := t.start(ctx, kind)
	if err != nil {
		return nil, err
	}
	if first := cases()[0]; todo[0].Name != first.Name {
		if row := r.play(ctx, first); !row.Passed {
			r.keep(t.Out)
			return nil, fmt.Errorf("a new board does not get to the case %s: %s", todo[0].Name, row.Reason)
		}
	}
	for i, c := range todo {
		row := r.play(ctx, c)
		if ctx.Err() != nil {
			break
		}
		t.add(row)
		if !row.Passed {
			r.keep(t.Out)
			return todo[i+1:], nil
		}
	}
	r.close()
	return nil, nil
}

// fail notes that a board's cases cannot be played on.
func (t *boardTable) fail(kind parts.Board, err error) {
	t.add(BoardRow{Board: kind.Name, Loader: string(kind.Loader), Case: "all", Reason: err.Error()})
}

// add tells a row.
func (t *boardTable) add(row BoardRow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[row.Board] = append(t.rows[row.Board], row)
	if t.Row != nil {
		t.Row(row)
	}
	if row.Passed {
		fmt.Fprintf(t.Out, "%-14s %-14s ok %8.1f s\n", row.Board, row.Case, row.Seconds)
		return
	}
	t.failed = true
	fmt.Fprintf(t.Out, "%-14s %-14s FAILED after %.1f s: %s\n", row.Board, row.Case, row.Seconds, row.Reason)
	for _, line := range row.Console {
		fmt.Fprintf(t.Out, "  | %s\n", line)
	}
}

// boardRun is a board on which cases are played.
type boardRun struct {
	kind     parts.Board
	dir      string
	world    *World
	timeline *os.File
}

func newBoardRun(ctx context.Context, kind parts.Board) (player, error) {
	dir, err := os.MkdirTemp("", "abota-board-")
	if err != nil {
		return nil, fmt.Errorf("make a work folder: %w", err)
	}
	r := &boardRun{kind: kind, dir: dir}
	r.timeline, err = os.Create(filepath.Join(dir, "timeline"))
	if err == nil {
		r.world, err = NewWorld(ctx, Options{Dir: dir, Board: kind, Timeline: NewTimeline(r.timeline)})
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return r, nil
}

// play plays a case, and notes its time and how it ended.
func (r *boardRun) play(ctx context.Context, c Case) BoardRow {
	const lines = 25
	began := time.Now()
	err := Scenario{Name: c.Name, Steps: c.steps}.Play(ctx, r.world)
	row := BoardRow{Board: r.kind.Name, Loader: string(r.kind.Loader), Case: c.Name, Passed: err == nil, Seconds: time.Since(began).Seconds()}
	if err != nil {
		row.Reason, row.Console = err.Error(), r.world.ConsoleTail(lines)
	}
	return row
}

// close ends a board and removes its folder.
func (r *boardRun) close() {
	r.stop()
	os.RemoveAll(r.dir)
}

// keep ends a board and says where its folder is.
func (r *boardRun) keep(out io.Writer) {
	command := r.world.CommandLine()
	r.stop()
	fmt.Fprintf(out, "The work folder is kept, with the timeline in it: %s\nThis starts the board on its disk as it is now:\n  %s\n", r.dir, command)
}

func (r *boardRun) stop() {
	if err := r.world.Close(); err != nil {
		r.world.timeline.Note("stop the board: %v", err)
	}
	r.timeline.Close()
}
