package sdboot

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"abota/bootctl"
)

// Backend keeps the table in the entry files of both slots. It holds nothing
// open between calls. It is not safe for concurrent use.
type Backend struct {
	folder folder
	bodies [2]string
}

// New is the backend on a mounted ESP (or XBOOTLDR partition). bodies are the
// lines of both slots' entries, without sort-key and version, for a slot that has
// no entry yet: one that is there keeps its own.
func New(mount string, bodies [2]string) (*Backend, error) {
	for _, s := range bootctl.Slots {
		if err := checkBody(s, bodies[s]); err != nil {
			return nil, err
		}
		rest, starts := cutStarts(bodies[s])
		bodies[s] = rest + starts // as they are read back
		if _, err := render(largest, bodies[s], firstVersion); err != nil {
			return nil, fmt.Errorf("slot %s: %w", s, err)
		}
	}
	if bodies[0] == bodies[1] {
		return nil, errors.New("cannot use one boot entry for both slots because they would start the same")
	}
	dir := filepath.Join(mount, "loader", "entries")
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
		return nil, fmt.Errorf("cannot use systemd-boot because there is no folder %s: mount the ESP, and install the loader with `bootctl install`", dir)
	}
	return &Backend{mounted{dir}, bodies}, nil
}

// largest is a stamp as long as any.
var largest = stamp{1<<64 - 1, func() bootctl.Table {
	t := bootctl.Table{Generation: 1<<32 - 1, ConfirmedTries: 1<<31 - 1}.WithOrder(bootctl.A, bootctl.B)
	for i := range t.Slots {
		t.Slots[i].Tries, t.Slots[i].Failed = 1<<31-1, "0123456789abcdef"
	}
	return t
}()}

// Caps: the loader counts an armed slot down; all else is kept.
func (b *Backend) Caps() bootctl.Caps {
	return bootctl.Caps{Tries: true, Good: true, Generation: true}
}

// state is our files as they are.
type state struct{ files []file }

func (b *Backend) state() (st state, err error) {
	names, err := b.folder.list()
	if err != nil {
		return state{}, fmt.Errorf("list boot entries: %w", err)
	}
	slices.Sort(names)
	for _, text := range names {
		n, ok := parseName(text)
		if !ok {
			continue
		}
		raw, err := b.folder.read(text)
		if err != nil {
			return state{}, fmt.Errorf("read boot entry %s: %w", text, err)
		}
		st.files = append(st.files, parse(n, raw))
	}
	return st, nil
}

// last is the stamp that was written last.
func (st state) last() (last stamp, ok bool) {
	for _, f := range st.files {
		if f.stamped && (!ok || f.stamp.serial > last.serial) {
			last, ok = f.stamp, true
		}
	}
	return last, ok
}

// confirmed is a slot's entry without counters.
func (st state) confirmed(s bootctl.Slot) (file, bool) {
	for _, f := range st.files {
		if f.name.slot == s && !f.name.counted {
			return f, true
		}
	}
	return file{}, false
}

// counted is the entries with counters that the loader shows, its first choice
// first.
func (st state) counted() (files []file) {
	for _, f := range st.files {
		if f.name.counted && f.visible() {
			files = append(files, f)
		}
	}
	sort.SliceStable(files, func(i, j int) bool {
		x, y := &files[i], &files[j]
		return x.version > y.version || x.version == y.version && x.name.left > y.name.left
	})
	return files
}

// newest is the greatest version of all entries.
func (st state) newest() (v uint64) {
	for _, f := range st.files {
		v = max(v, f.version)
	}
	return max(v, firstVersion)
}

// Load reads the table. The tries of a trial are those in its entry's name.
func (b *Backend) Load() (bootctl.Table, error) {
	st, err := b.state()
	if err != nil {
		return bootctl.Table{}, err
	}
	return st.table()
}

func (st state) table() (bootctl.Table, error) {
	last, ok := st.last()
	if !ok {
		return bootctl.Table{}, fmt.Errorf("%w: no boot entry of a slot has a valid checksum: run `abota provision`", bootctl.ErrNoTable)
	}
	t := last.table
	if s, armed := trial(t); armed {
		for _, f := range st.counted() {
			if f.name.slot == s {
				t.Slots[s].Tries = f.name.left
				break
			}
		}
	}
	var order []bootctl.Slot
	for _, s := range t.Order() {
		if f, ok := st.confirmed(s); !slices.Contains(fallback(t), s) || ok && f.visible() {
			order = append(order, s)
		}
	}
	if len(order) == 0 {
		return bootctl.Table{}, fmt.Errorf("%w: the boot entries start neither slot: run `abota provision`", bootctl.ErrNoTable)
	}
	return t.WithOrder(order...), nil
}

// fallback is the slots with an entry that is not counted: the confirmed ones.
// Only where there is none does an unconfirmed one have one.
func fallback(t bootctl.Table) (slots []bootctl.Slot) {
	for _, s := range t.Order() {
		if t.Slots[s].Good {
			slots = append(slots, s)
		}
	}
	if len(slots) == 0 {
		return t.Order()
	}
	return slots
}

// trial is the slot with a counted entry.
func trial(t bootctl.Table) (bootctl.Slot, bool) {
	first, ok := t.Primary()
	return first, ok && !t.Slots[first].Good && fallback(t)[0] != first
}

// Store makes the table durable.
func (b *Backend) Store(t bootctl.Table) error {
	if err := check(t); err != nil {
		return err
	}
	t = b.Caps().Keep(t)
	st, err := b.state()
	if err != nil {
		return err
	}
	if was, err := st.table(); err == nil && was == t && st.settled(t) {
		return nil
	}
	w := writer{b, st, t, [2]string{b.body(st, bootctl.A), b.body(st, bootctl.B)}}
	if err := w.store(); err != nil {
		return err
	}
	if w.state, err = b.state(); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if got, err := w.state.table(); err != nil || got != t || !w.state.settled(t) {
		return fmt.Errorf("read back boot entries: they do not hold what was written: the boot partition is failing or write-protected")
	}
	return nil
}

// body is what starts a slot: what its entry says, since that is what booted, in
// a trial too. The configuration is that of the image that runs, whose idea of it
// may be another: it is for a slot that has no entry, or a damaged one.
func (b *Backend) body(st state, s bootctl.Slot) string {
	confirmed, _ := st.confirmed(s)
	for _, f := range append([]file{confirmed}, st.counted()...) {
		if f.name.slot == s && f.whole() {
			return f.body
		}
	}
	return b.bodies[s]
}

// settled reports whether the loader sees just the entries that the table says.
func (st state) settled(t bootctl.Table) bool {
	for _, s := range bootctl.Slots {
		if f, _ := st.confirmed(s); !f.stamped || f.visible() != slices.Contains(fallback(t), s) {
			return false
		}
	}
	first := fallback(t)[0]
	if !st.leads(first) {
		return false
	}
	slot, armed := trial(t)
	counted := st.counted()
	if !armed {
		return len(counted) == 0
	}
	return len(counted) == 1 && counted[0].name.slot == slot && counted[0].stamped && counted[0].version > st.newestConfirmed()
}

// Faults are what the loader sees otherwise than the table says, and what only
// another program can mend.
func (b *Backend) Faults() (faults []string) {
	st, err := b.state()
	if err != nil {
		return nil // the table says that
	}
	if t, err := st.table(); err == nil && !st.settled(t) {
		faults = append(faults, "the boot entries are not what the boot table says, or were changed by others: the next change of the boot table brings them in line")
	}
	for _, f := range st.files {
		if f.name.counted && st.twin(f) {
			faults = append(faults, "boot entry "+f.name.text+" has the content of another one, as after a power cut within the loader: where the loader prefers it, its boots are not counted: unmount the boot partition and run fsck.vfat")
		}
	}
	return faults
}

// twin reports whether a counted entry may be one file with another, under two
// names, which a cut within the loader's rename leaves.
func (st state) twin(f file) bool {
	return slices.ContainsFunc(st.files, func(x file) bool {
		return x.name.counted && x.name != f.name && bytes.Equal(x.raw, f.raw)
	})
}

// leads reports whether the loader prefers this slot's confirmed entry to the
// other's.
func (st state) leads(s bootctl.Slot) bool {
	f, ok := st.confirmed(s)
	other, has := st.confirmed(s.Other())
	return ok && f.visible() && (!has || !other.visible() || f.version > other.version)
}

func (st state) newestConfirmed() (v uint64) {
	for _, f := range st.files {
		if !f.name.counted && f.visible() {
			v = max(v, f.version)
		}
	}
	return v
}

// put writes one of our files and reads it back before anything follows.
func (b *Backend) put(n name, data []byte, exists bool) error {
	write, verb := b.folder.create, "create"
	if exists {
		write, verb = b.folder.overwrite, "write"
	}
	if err := write(n.text, data); err != nil {
		return fmt.Errorf("%s boot entry %s: %w", verb, n.text, err)
	}
	got, err := b.folder.read(n.text)
	if err != nil {
		return fmt.Errorf("read back boot entry %s: %w", n.text, err)
	}
	if !bytes.Equal(got, data) {
		return fmt.Errorf("read back boot entry %s: the boot partition does not hold what was written: it is failing or write-protected", n.text)
	}
	return nil
}
