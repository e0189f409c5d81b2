package symlink

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"abota/bootctl"
)

// Backend is a table that this package's loader reads, and counts in.
type Backend struct{ bootctl.Backend }

// Caps says so.
func (b Backend) Caps() bootctl.Caps {
	caps := b.Backend.Caps()
	caps.Tries = true
	return caps
}

// Choose is the boot script: the slot that starts next, and the table with its
// attempt counted. ok is false when the table names no slot that can start.
func Choose(t bootctl.Table, startable func(bootctl.Slot) bool) (next bootctl.Table, s bootctl.Slot, ok bool) {
	var order []bootctl.Slot
	for _, s := range t.Order() {
		if startable(s) {
			order = append(order, s)
		}
	}
	for _, s := range order {
		st := &t.Slots[s]
		if st.Good && t.ConfirmedTries == 0 {
			return t, s, true
		}
		if st.Tries > 0 {
			st.Tries--
			return t, s, true
		}
	}
	return lastResort(t, order)
}

// lastResort is for when no attempt is left: confirmed slots start anew, and
// without one the last of the order, uncounted.
func lastResort(t bootctl.Table, order []bootctl.Slot) (bootctl.Table, bootctl.Slot, bool) {
	if len(order) == 0 {
		return t, 0, false
	}
	chosen, found := order[len(order)-1], false
	for _, s := range order {
		if t.Slots[s].Good {
			t.Slots[s].Tries = t.ConfirmedTries
			if !found {
				chosen, found = s, true
			}
		}
	}
	if found {
		t.Slots[chosen].Tries--
	}
	return t, chosen, true
}

// Loader chooses the slot that runs.
type Loader struct {
	Backend bootctl.Backend
	Link    *Link
	// Marker is the file that says which boot was counted, and BootID is this
	// one's.
	Marker, BootID string
	// Warn is told what was not as it should be. Optional.
	Warn func(string)
}

// Selection is what a Select came to.
type Selection struct {
	Slot bootctl.Slot
	// Moved says that the link showed something else before.
	Moved bool
}

// ErrNothing is wrapped when there is no slot to start.
var ErrNothing = errors.New("no slot can be started")

// Counted reports whether this boot was counted before, so that a Select only
// repairs.
func (l Loader) Counted() bool {
	text, err := os.ReadFile(l.Marker)
	return err == nil && strings.TrimSpace(string(text)) == l.BootID
}

// Select makes the link show the slot that has to run in this boot.
func (l Loader) Select() (Selection, error) {
	chosen, err := l.choose()
	if err != nil {
		return Selection{}, err
	}
	shown, ok := l.Link.Shows()
	if ok && shown == chosen {
		return Selection{Slot: chosen}, nil
	}
	return Selection{Slot: chosen, Moved: true}, l.Link.Point(chosen)
}

func (l Loader) choose() (bootctl.Slot, error) {
	table, err := l.Backend.Load()
	if err != nil {
		l.warn("no attempt is counted: %v", err)
		return l.withoutTable()
	}
	if l.Counted() {
		return l.repair(table)
	}
	next, chosen, ok := Choose(table, l.Link.Startable)
	if !ok {
		l.warn("the boot table names no slot that is there (order %v)", table.Order())
		return l.withoutTable()
	}
	if err := l.Backend.Store(next); err != nil {
		l.warn("the attempt cannot be counted, so only a confirmed slot is started: %v", err)
		return l.repair(table)
	}
	l.mark()
	return chosen, nil
}

// mark says that this boot is counted. The worst of a lost mark is one attempt.
func (l Loader) mark() {
	err := renameio.WriteFile(l.Marker, []byte(l.BootID+"\n"), 0o600, renameio.WithTempDir(filepath.Dir(l.Marker)))
	if err != nil {
		l.warn("cannot note that this boot is counted: %v", err)
	}
}

// repair keeps what the link shows, if the table can mean it, and otherwise
// falls to a confirmed slot.
func (l Loader) repair(table bootctl.Table) (bootctl.Slot, error) {
	shown, ok := l.Link.Shows()
	counted := l.Counted()
	if ok && l.Link.Startable(shown) && table.Slots[shown].Bootable() && (counted || table.Slots[shown].Good) {
		return shown, nil
	}
	for _, s := range table.Order() {
		if table.Slots[s].Good && l.Link.Startable(s) {
			return s, nil
		}
	}
	return l.withoutTable()
}

// withoutTable keeps what the link shows, or takes the first slot that is
// there.
func (l Loader) withoutTable() (bootctl.Slot, error) {
	if shown, ok := l.Link.Shows(); ok && l.Link.Startable(shown) {
		return shown, nil
	}
	for _, s := range bootctl.Slots {
		if l.Link.Startable(s) {
			return s, nil
		}
	}
	return 0, fmt.Errorf("%w: neither %s nor %s is there: install a release, or restore one of them", ErrNothing, l.Link.slots[bootctl.A], l.Link.slots[bootctl.B])
}

func (l Loader) warn(format string, args ...any) {
	if l.Warn != nil {
		l.Warn(fmt.Sprintf(format, args...))
	}
}
