package grub

import (
	"bytes"
	"fmt"

	"abota/bootctl"
	"abota/bootctl/dialect"
)

// File keeps the table in the one environment block of a boot script that is
// another updater's, in its variables.
//
// There is one copy and no checksum: a sector that is torn while it is written
// loses the table, as it does with that updater's own tools. One Store overwrites
// one sector of the file in place. Where the variables lie in both, a slot is not
// armed, since a power cut could leave half of the way back; every other change is
// then two writes, the first of which leaves a slot to start if it can.
// Lines of others, and their order, are kept byte for byte.
//
// It holds nothing open between calls. It is not safe for concurrent use.
type File struct {
	place Place
	words dialect.Dialect
	open  opener
}

// NewFile is the backend on this grubenv, which must exist.
func NewFile(path string, d dialect.Dialect) (*File, error) {
	p := Place{Path: path}
	if _, err := Check(p); err != nil {
		return nil, err
	}
	return &File{p, d, openDevice}, nil
}

// OnFile is the backend on any medium that has room for the block.
func OnFile(m Medium, p Place, d dialect.Dialect) *File {
	return &File{p, d, func(Place, bool) (medium, error) { return lent{m}, nil }}
}

// Caps are those of the dialect.
func (f *File) Caps() bootctl.Caps { return f.words.Caps() }

// Warning is what is to be said of the block whenever it is used.
func (f *File) Warning() string {
	return f.place.String() + " is a single copy without a checksum: a power cut while it is written may lose the boot table and all variables; abota's own grub.cfg keeps two"
}

// Foreign names the updater whose variables are written.
func (f *File) Foreign() string { return f.words.Name() }

// Doubts are what the variables that are there say against relying on them, and
// whose they seem to be: the name of an updater, or empty.
func (f *File) Doubts() (doubts []string, whose string) {
	doubts, whose = doubtsIn(f.read, f.words)
	if image, err := f.read(); err == nil {
		if t, err := tableIn(f.place, image, f.words); err == nil && apart(image, t, f.words) {
			doubts = append(doubts, f.inBoth().Error())
		}
	}
	return append(doubts, f.Warning()), whose
}

// Load reads the table as the boot script does.
func (f *File) Load() (bootctl.Table, error) {
	image, err := f.read()
	if err != nil {
		return bootctl.Table{}, err
	}
	return tableIn(f.place, image, f.words)
}

func (f *File) read() ([]byte, error) { return f.open.read(f.place) }

// doubtsIn are the dialect's, where there is a block.
func doubtsIn(read func() ([]byte, error), d dialect.Dialect) (doubts []string, whose string) {
	image, err := read()
	if err != nil {
		return nil, "" // the table says that
	}
	entries, _ := parseBlock(image)
	return d.Doubts(valuesIn(entries)), dialect.Whose(valuesIn(entries))
}

// Store overwrites the sector with the variables.
func (f *File) Store(t bootctl.Table) error {
	return f.open.writing(f.place, func(m medium) error { return f.store(m, f.Caps().Keep(t)) })
}

func (f *File) store(m medium, t bootctl.Table) error {
	// A Store that failed may have left in a cache what is not on the medium.
	if err := m.Sync(); err != nil {
		return fmt.Errorf("flush %s: %w", f.place, err)
	}
	was, err := readPlace(m, f.place)
	if err != nil {
		return err
	}
	now, noTable := tableIn(f.place, was, f.words)
	if noTable == nil && now == t {
		return nil
	}
	next, err := rendered(f.place, was, t, f.words)
	if err != nil {
		return err
	}
	if noTable == nil && arms(now, t) && apart(next, t, f.words) {
		return f.inBoth()
	}
	for _, image := range f.steps(was, next) {
		at := int64(0)
		if bytes.Equal(was[:sectorSize], image[:sectorSize]) {
			at = sectorSize
		}
		if _, err := m.WriteAt(image[at:at+sectorSize], f.place.Offset+at); err != nil {
			return fmt.Errorf("write %s: %w", f.place, err)
		}
		if err := prove(m, f.place, image); err != nil {
			return err
		}
		was = image
	}
	return nil
}

// arms reports whether a slot that could not start gets the next boot, with
// another one to fall back to.
func arms(now, t bootctl.Table) bool {
	order := t.Order()
	return len(order) == 2 && !now.Slots[order[0]].Bootable()
}

func (f *File) inBoth() error {
	return fmt.Errorf("cannot arm a slot because the boot script's variables lie in both sectors of %s, and a power cut could leave one of them old on the way back: remove variables of others with grub-editenv, so that these come into the first 512 bytes", f.place)
}

// apart reports whether the variables of this table lie in both sectors.
func apart(image []byte, t bootctl.Table, d dialect.Dialect) bool {
	entries, _ := parseBlock(image)
	vars, _ := d.Write(t, valuesIn(entries))
	at, first, last := len(signature), blockSize, 0
	for _, e := range entries {
		end := at + len(e.raw)
		for _, v := range vars {
			if v.Name == e.name {
				first, last = min(first, at), end-1
			}
		}
		at = end
	}
	return first < sectorSize && last >= sectorSize
}

// steps are the blocks to write one after the other, which differ by one sector.
// Of two the first is the one that starts what the last does, or else what was
// started before.
func (f *File) steps(was, next []byte) [][]byte {
	low, high := bytes.Clone(was), bytes.Clone(next)
	copy(low, next[:sectorSize])
	copy(high, was[:sectorSize])
	if bytes.Equal(low, was) || bytes.Equal(high, was) {
		return [][]byte{next}
	}
	one, other := f.starts(low), f.starts(high)
	wanted := f.starts(next)
	if one != wanted && (other == wanted || one != f.starts(was)) {
		low = high
	}
	return [][]byte{low, next}
}

// starts is the slot that the boot script would start, and -1 for none.
func (f *File) starts(image []byte) int {
	t, err := tableIn(f.place, image, f.words)
	for _, s := range t.Order() {
		if st := t.Slots[s]; err == nil && (st.Tries > 0 || st.Good && f.Caps().ConfirmedUncounted) {
			return int(s)
		}
	}
	return -1
}

// tableIn is the table in a block.
func tableIn(p Place, image []byte, d dialect.Dialect) (bootctl.Table, error) {
	entries, ok := parseBlock(image)
	if !ok {
		return bootctl.Table{}, notBlock(p)
	}
	return d.Read(valuesIn(entries))
}

func notBlock(p Place) error {
	return fmt.Errorf("%w: %s is no environment block: make it with `grub-editenv FILE create`, and the boot script's variables in it", bootctl.ErrNoTable, p)
}

func valuesIn(entries []entry) dialect.Variables {
	return func(name string) string { return get(entries, name) }
}

// rendered is a block with the variables of this table.
func rendered(p Place, was []byte, t bootctl.Table, d dialect.Dialect) ([]byte, error) {
	entries, ok := parseBlock(was)
	if !ok {
		return nil, notBlock(p)
	}
	vars, err := d.Write(t, valuesIn(entries))
	if err != nil {
		return nil, err
	}
	for _, v := range vars {
		entries = withValue(entries, v)
	}
	text := signature
	for _, e := range entries {
		text += e.raw
	}
	if len(text) > blockSize {
		return nil, fmt.Errorf("cannot store the boot table because %s is full: remove variables of others with grub-editenv", p)
	}
	return padded(text), nil
}

// withValue changes a variable where it stands, or adds it behind all others, as
// GRUB does. No dialect has values with backslashes or line breaks. Where it stands more than once, all are changed.
func withValue(entries []entry, v dialect.Variable) []entry {
	line := v.Name + "=" + v.Value + "\n"
	found := false
	for i, e := range entries {
		if e.name == v.Name {
			found = true
			entries[i] = entry{raw: line, name: v.Name, value: v.Value}
		}
	}
	if !found {
		entries = append(entries, entry{raw: line, name: v.Name, value: v.Value})
	}
	return entries
}
