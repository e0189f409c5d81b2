package sdboot

import (
	"fmt"
	"slices"
	"strings"

	"abota/bootctl"
)

// writer is one Store under way.
type writer struct {
	*Backend
	state state
	table bootctl.Table
	// bodies are what starts each slot, as it was found.
	bodies [2]string
}

// store prepares files that the loader does not see, moves the pointer by one
// sector, and then brings the rest in line, which changes nothing that the
// table says.
func (w *writer) store() error {
	if err := w.reserve(); err != nil {
		return err
	}
	if err := w.commit(); err != nil {
		return err
	}
	if err := w.align(); err != nil {
		return err
	}
	if err := w.tidy(); err != nil {
		return err
	}
	if err := w.arm(); err != nil {
		return err
	}
	return w.sweep()
}

// reserve makes the files that are missing, all of them inert. What a cut
// within that left is made again.
func (w *writer) reserve() error {
	need := []name{confirmedName(bootctl.A), confirmedName(bootctl.B)}
	if s, armed := trial(w.table); armed {
		need = append(need, w.trialName(s))
	}
	for _, n := range need {
		at := w.find(n)
		if at != nil && len(at.raw) == Size {
			continue
		}
		if at != nil && at.visible() {
			return fmt.Errorf("cannot write boot entry %s because it has %d bytes and must have %d: write it anew, with comment lines or blank lines at its end", at.name.text, len(at.raw), Size)
		}
		if at != nil {
			if err := w.remove(*at); err != nil {
				return err
			}
		}
		reserved := []byte("# reserved by abota\n")
		reserved = append(reserved, strings.Repeat("\n", Size-len(reserved))...)
		if err := w.reload(w.put(n, reserved, false)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) find(n name) *file {
	for i, f := range w.state.files {
		if f.name.slot == n.slot && f.name.counted == n.counted && f.name.left == n.left && (!n.counted || f.name.done == n.done) {
			return &w.state.files[i]
		}
	}
	return nil
}

// usable is the counted entry that the loader shows for this slot, with the
// tries of the table, and can count down.
func (w *writer) usable(s bootctl.Slot) *file {
	for _, f := range w.state.counted() {
		if f.name.slot == s && f.name.left == w.table.Slots[s].Tries && !w.taken(f.name) {
			return w.find(f.name)
		}
	}
	return nil
}

// taken reports whether a name that counting this one down leads to, or that led
// to this one, is in use. Firmware refuses to rename a file to a name that is
// there, and the loader then starts it uncounted.
func (w *writer) taken(n name) bool {
	return slices.ContainsFunc(w.state.files, func(f file) bool {
		at := f.name
		return at.slot == n.slot && at.counted && at.left != n.left && at.left+at.done == n.left+n.done
	})
}

// trialName is the entry that the trial has or gets.
func (w *writer) trialName(s bootctl.Slot) name {
	if f := w.usable(s); f != nil {
		return f.name
	}
	n := countedName(s, w.table.Slots[s].Tries)
	for w.taken(n) {
		n.done++
	}
	n.text = n.encode()
	return n
}

// commit writes the one sector from which on the new table counts.
func (w *writer) commit() error {
	if _, ok := w.state.last(); !ok {
		if err := w.lead(); err != nil {
			return err
		}
	}
	s, armed := trial(w.table)
	if armed {
		// A slot that loses its confirmed entry loses it first: armed, but not
		// started yet, is safe, and started while it counts as confirmed is not.
		if f, _ := w.state.confirmed(s); f.visible() {
			return w.write(f.name, "", f.version)
		}
		// Two entries of one trial would be tried one after the other.
		if stale := w.stale(s); len(stale) > 0 {
			return w.hideCounted(stale)
		}
		return w.showTrial(s)
	}
	first := fallback(w.table)[0]
	if !w.state.leads(first) {
		return w.write(confirmedName(first), w.bodies[first], w.state.newest()+1)
	}
	if counted := w.state.counted(); len(counted) > 0 {
		lead, _ := w.state.confirmed(first)
		if counted[0].name.slot != first || lead.version < counted[0].version {
			return w.hideCounted(counted)
		}
	}
	// Nothing that the loader starts changes: the file that it needs least
	// carries the table.
	return w.writeConfirmed(first.Other())
}

// lead shows the first confirmed slot before there is any table, so that the
// first table counts when all of it is there.
func (w *writer) lead() error {
	first := fallback(w.table)[0]
	return w.rewrite(confirmedName(first), stamp{}, w.bodies[first], w.state.newest()+1)
}

// stale is the counted entries that the loader shows, but for the trial's.
func (w *writer) stale(s bootctl.Slot) []file {
	keep := w.usable(s)
	return slices.DeleteFunc(w.state.counted(), func(f file) bool { return keep != nil && f.name == keep.name })
}

// hideCounted ends a trial by making its entry inert. Where there are more of
// them, which only a cut leaves, the loader's first choice goes last.
func (w *writer) hideCounted(counted []file) error {
	for _, f := range slices.Backward(counted[1:]) {
		if err := w.rewrite(f.name, f.stamp, "", f.version); err != nil {
			return err
		}
	}
	return w.write(counted[0].name, "", counted[0].version)
}

// writeConfirmed brings a slot's confirmed entry in line. One that comes into
// the order while the other leads goes behind it.
func (w *writer) writeConfirmed(s bootctl.Slot) error {
	f, _ := w.state.confirmed(s)
	body, version := w.confirmedBody(s), f.version
	other, _ := w.state.confirmed(s.Other())
	switch leads := fallback(w.table)[0] == s; {
	case leads && other.visible() && version <= other.version:
		version = w.state.newest() + 1
	case !leads && version >= other.version:
		version = other.version - 1
	}
	return w.write(f.name, body, version)
}

func (w *writer) confirmedBody(s bootctl.Slot) string {
	if slices.Contains(fallback(w.table), s) {
		return w.bodies[s]
	}
	return ""
}

// showTrial makes the loader see the counted entry, before all others.
func (w *writer) showTrial(s bootctl.Slot) error {
	f := w.find(w.trialName(s))
	version := f.version
	if version <= w.state.newestConfirmed() {
		version = w.state.newest() + 1
	}
	return w.write(f.name, w.bodies[s], version)
}

// arm shows the counted entry where the commit point was another one.
func (w *writer) arm() error {
	s, armed := trial(w.table)
	if !armed {
		return nil
	}
	if f := w.usable(s); f != nil && f.stamped && f.version > w.state.newestConfirmed() {
		return nil
	}
	// An entry that went with its twin leaves its names in use: there is another.
	if err := w.reserve(); err != nil {
		return err
	}
	return w.showTrial(s)
}

// align brings the confirmed entries in line, and puts a table into those that
// have none, so that either file is enough.
func (w *writer) align() error {
	lead := fallback(w.table)[0]
	for _, s := range []bootctl.Slot{lead, lead.Other()} {
		f, _ := w.state.confirmed(s)
		if !f.stamped || f.body != w.confirmedBody(s) || s == lead && !w.state.leads(s) {
			if err := w.writeConfirmed(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// tidy hides what is left of earlier trials.
func (w *writer) tidy() error {
	stale := w.state.counted()
	if s, armed := trial(w.table); armed {
		stale = w.stale(s)
	}
	for _, f := range stale { // the table stays where the commit point put it
		if err := w.rewrite(f.name, f.stamp, "", f.version); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes inert counted files. Two of equal content may be one file
// under two names: removing both would free its cluster twice, so they stay,
// harmless, for fsck.vfat.
func (w *writer) sweep() error {
	for _, f := range slices.Clone(w.state.files) {
		if !f.name.counted || f.visible() || w.state.twin(f) {
			continue
		}
		// The table must not go with the file.
		if last, ok := w.state.last(); ok && f.stamped && f.stamp.serial == last.serial {
			if err := w.writeConfirmed(fallback(w.table)[0].Other()); err != nil {
				return err
			}
		}
		if err := w.remove(f); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) remove(f file) error {
	if err := w.folder.remove(f.name.text); err != nil {
		return fmt.Errorf("remove boot entry %s: %w", f.name.text, err)
	}
	return w.reload(nil)
}

// reload reads the entries again after one was written: two names may be one
// file.
func (w *writer) reload(err error) error {
	if err == nil {
		w.state, err = w.Backend.state()
	}
	return err
}

// write overwrites an entry in place, with the next serial number and the
// table to come.
func (w *writer) write(n name, body string, version uint64) error {
	last, _ := w.state.last()
	return w.rewrite(n, stamp{last.serial + 1, w.table}, body, version)
}

func (w *writer) rewrite(n name, s stamp, body string, version uint64) error {
	data, err := render(s, body, version)
	if err != nil {
		return err
	}
	return w.reload(w.put(n, data, true))
}
