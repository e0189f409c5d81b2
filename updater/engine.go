// Package updater is the engine: the only package that knows the order of the
// stages of an update.
//
//	source → open → unpack → slot → boot pointer → (reboot) → health → commit
//
// # Guarantee
//
// The booted slot is never written. The boot pointer moves only when every
// byte of the new image was proven: by the release's own digests on the way
// in, and by reading the slot back past the page cache. Whatever moment the
// power fails at, the next boot starts the old or the new system, and [Decide]
// says what it has to do about it.
//
// # Not guaranteed
//
// The engine trusts its caller for one thing: that Booted is the slot that
// really runs (the command checks the claim against the device behind "/").
// It holds no lock; the command does.
package updater

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"time"

	"abota/bootctl"
	"abota/updater/release"
	"abota/updater/slot"
	"abota/updater/tree"
)

// What an operation can end in besides failure. The command maps them to exit
// codes.
var (
	// ErrNothingToDo: the offered release is the one that runs or waits.
	ErrNothingToDo = errors.New("nothing to do")
	// ErrUnhealthy: the trial failed and the device goes back.
	ErrUnhealthy = errors.New("unhealthy, rolled back")
	// ErrRefusedRelease: the release was condemned or held, or does not fit.
	ErrRefusedRelease = errors.New("refused")
	// ErrNotStarted: what runs from directory slots could not be restarted. It
	// stays owed, and holds up nothing else.
	ErrNotStarted = errors.New("not started")
)

// Journal keeps the record. Save is durable when it returns.
type Journal interface {
	Load() ([]byte, error)
	Save(payload []byte) error
}

// Release is what a source offers, in whatever format.
type Release interface {
	// Check reads only what is small, and says which release is there.
	Check(ctx context.Context) (release.ID, error)
	// Open starts the one pass over the artifact.
	Open(ctx context.Context) (Payload, error)
}

// Payload is a release on its way in. What Read returns is unproven until
// Next has returned io.EOF; anything wrong ends in another error.
type Payload interface {
	io.Reader
	Next() (release.Part, error)
	// Parts are the parts once more, with their modes: complete, and proven,
	// once Next returned io.EOF.
	Parts() iter.Seq[release.Part]
	// ID is the release's identity; SHA256 is known once Next returned io.EOF.
	ID() release.ID
	// Fetched is how many bytes of the artifact were read.
	Fetched() int64
	Close() error
}

// Watchdog resets the board when this process, or the whole system, hangs.
type Watchdog interface {
	// Feed has it fed for this long from now, and not a moment longer unless it
	// is called again. Before the first call it is fed without end.
	Feed(within time.Duration)
	// Close disarms it.
	Close() error
	// Abandon leaves it armed for a reboot that may hang.
	Abandon()
}

// Progress is how far an install has come.
type Progress struct {
	Release release.ID
	// Fetched counts the bytes of the artifact that were read; Release.Size
	// is their total where it is known.
	Fetched int64
	// Written counts the bytes of the image that were given to the slot.
	Written int64
}

// Engine does one device's updates. All fields but the optional ones are
// required by the verbs that use them.
type Engine struct {
	Backend bootctl.Backend
	Journal Journal
	Host    slot.Host
	// Paths are the slots' devices, image files or folders. A slot of several
	// parts, or of one that is written in place, is in Groups, and its path then
	// only names it.
	Paths  [2]string
	Groups [2]slot.Group
	Booted bootctl.Slot
	BootID string
	// ConfirmedTries goes into a table that is made anew, and into one that
	// says otherwise at the next boot without a trial.
	ConfirmedTries int
	// TableSeen says that the boot loader found a boot table in this boot. Where
	// Backend finds none then, they look in different places, and none is made.
	TableSeen bool

	Release Release
	// Prove runs the health checks; nil says that the trial is healthy.
	Prove func(context.Context) error
	// Service is set for directory slots, and then Reboot is never called.
	Service Service
	// Judged, optional, reports whether another process is judging the slot in
	// its trial. Without one, an install of directory slots goes on with a
	// trial that it finds.
	Judged func() bool
	// Moved says that the link was moved since what runs was started.
	Moved bool
	// Tree bounds what is unpacked into a directory slot.
	Tree tree.Options
	// Reboot restarts the board. It returns nil when ctx ended first, because
	// the shutdown is under way.
	Reboot func(ctx context.Context) error
	// Unlocked, optional, runs what takes long without the lock that keeps
	// other verbs out, and has it back when it returns.
	Unlocked func(ctx context.Context, do func()) error
	// ProveWithin, optional, is how long Prove may take. A trial that takes
	// longer hangs, and the watchdog is not fed any more.
	ProveWithin time.Duration
	// Watchdog, optional, is held during a trial. It returns nil where somebody
	// else holds it.
	Watchdog func() (Watchdog, error)
	// Note, optional, is what the image in a slot says of itself, where that
	// can be read: at least in the booted one.
	Note func(bootctl.Slot) (release.Note, error)
	// Evidence, optional, names what a crashed kernel left behind.
	Evidence func() string
	// Hooks, optional, run at the turns of an update.
	Hooks Hooks
	// Events, optional, is told what happens. It must not fail.
	Events func(Event)
	// Progress is called while an install goes on.
	Progress func(Progress)
	// Code maps an error to the exit code that the journal keeps.
	Code func(error) int

	Now func() time.Time
	Log *slog.Logger
}

// state is what the device is in: table and record as they were read, and
// what follows from them.
type state struct {
	table    bootctl.Table
	record   *Record
	decision Decision
	// stale says that the record speaks of another table than the one that is
	// there. Its verdicts and names still count, its proofs do not.
	stale bool
	// made says that there was no table, and none that a loader would read:
	// the one here is what it would be made anew as, and not stored yet.
	made bool
	// gone says which directory slots are not there, whatever is known of them.
	gone [2]bool
}

// observe reads table and journal and decides. A lost journal is no error, and
// neither is a lost table that no bootloader reads: what it would be made anew
// as is all that is needed, until something stores it.
func (e *Engine) observe() (state, error) {
	table, err := e.Backend.Load()
	record := e.loadRecord()
	caps := e.Backend.Caps()
	made := errors.Is(err, bootctl.ErrNoTable) && (e.Service != nil || !caps.Tries && !caps.OneShot)
	if made {
		table, err = rebuiltTable(record, e.Booted, e.ConfirmedTries), nil
	}
	if err != nil {
		return state{}, fmt.Errorf("read the boot table: %w", err)
	}
	st := e.decide(record, table)
	st.made = made
	return st, nil
}

// observeToChange is observe for a verb that writes. A table that was made is
// stored before the journal says anything, so that a journal without a table
// means that the table was lost.
func (e *Engine) observeToChange() (state, error) {
	st, err := e.observe()
	if err == nil && st.made {
		err = e.store(st.table)
	}
	return st, err
}

// decide makes the state from a table and the record.
func (e *Engine) decide(record *Record, table bootctl.Table) state {
	table, gone := e.standing(table)
	seen := Seen{Table: table, Caps: e.Backend.Caps(), Booted: e.Booted, BootID: e.BootID}
	return state{
		table: confirmedByRecord(record, seen), record: record, decision: Decide(record, seen), gone: gone,
		stale: record != nil && (!record.Phase.known() || !inStep(record, seen)),
	}
}

// loadRecord returns nil when the journal is lost, after saying so.
func (e *Engine) loadRecord() *Record {
	payload, err := e.Journal.Load()
	if err == nil {
		var r *Record
		if r, err = decodeRecord(payload); err == nil {
			return r
		}
	}
	e.Log.Debug("the journal is lost", "error", err)
	return nil
}

// situation is what the legal verbs look at. Only a record that speaks of this
// table proves anything.
func (e *Engine) situation(st state) bootctl.Situation {
	sit := bootctl.Situation{Table: st.table, Booted: e.Booted}
	if st.record != nil && !st.stale {
		for _, s := range bootctl.Slots {
			sit.Proven[s] = st.record.Slots[s].Proven && !st.gone[s]
		}
	}
	return sit
}

// recordOrNew returns the record to go on with. Where it is lost or stale,
// what the table calls good is confirmed, nothing is proven, and nothing is
// under way.
func (st state) recordOrNew(booted bootctl.Slot) *Record {
	r := st.record
	if r == nil {
		r = &Record{Phase: Idle, Target: booted.Other()}
	}
	if st.record == nil || st.stale {
		for _, s := range bootctl.Slots {
			r.Slots[s].Confirmed, r.Slots[s].Proven = st.table.Slots[s].Good, false
		}
		if r.Phase.known() && !r.Phase.settled() {
			r.Phase = Idle
		}
	}
	return r
}

// save makes the record durable, stamped with the table that it speaks of.
func (e *Engine) save(r *Record, table bootctl.Table) error {
	r.Generation = table.Generation
	payload, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode journal record: %w", err)
	}
	if err := e.Journal.Save(payload); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// saveAnyway is for where the journal must not stand in the way: a rollback,
// and what follows a commit point.
func (e *Engine) saveAnyway(r *Record, table bootctl.Table) {
	if err := e.save(r, table); err != nil {
		e.Log.Error("cannot note it, going on without", "error", err)
	}
}

// store moves the boot pointer.
func (e *Engine) store(table bootctl.Table) error {
	if err := e.Backend.Store(table); err != nil {
		return fmt.Errorf("write the boot table: %w", err)
	}
	return nil
}

// problem is an error as the journal keeps it.
func (e *Engine) problem(code int, reason string) *Problem {
	return &Problem{Code: code, Reason: clip(reason), At: e.Now().UTC().Truncate(time.Second)}
}
