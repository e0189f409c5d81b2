package grub

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"abota/bootctl"
)

// Backend keeps the table in two blocks and reads GRUB's counts from a third. It
// holds nothing open between calls. It is not safe for concurrent use.
type Backend struct {
	blocks [2]Place
	counts Place
	open   opener
}

// Medium is what all three blocks lie on, for On. ReadAt reads what it holds,
// not what a cache remembers. WriteAt is durable once Sync returned nil.
type Medium interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// On is the backend on any medium that has room for the three blocks. It checks
// nothing of what [New] checks.
func On(m Medium, blocks [2]Place, counts Place) *Backend {
	return &Backend{blocks, counts, func(Place, bool) (medium, error) { return lent{m}, nil }}
}

// lent is a medium that is somebody else's to close.
type lent struct{ Medium }

func (lent) Close() error { return nil }

// medium is what a block lies on.
type medium interface {
	Medium
	io.Closer
}

// Caps says that GRUB counts and all is kept.
func (b *Backend) Caps() bootctl.Caps {
	return bootctl.Caps{Tries: true, Good: true, Generation: true}
}

// Load reads the table from the newer block and the tries from GRUB's counts, as
// GRUB does. A block that cannot be read counts as damaged while the other one is
// valid; counts that cannot be read are none, since GRUB cannot count there.
func (b *Backend) Load() (bootctl.Table, error) {
	cur, err := b.current()
	if err != nil {
		return bootctl.Table{}, err
	}
	return cur.table(), nil
}

// Store replaces the older block. The variables of others are taken over from
// the newer one.
func (b *Backend) Store(t bootctl.Table) error {
	cur, err := b.current()
	if err != nil && !errors.Is(err, bootctl.ErrNoTable) {
		return err
	}
	t = b.Caps().Keep(t)
	// A block that cannot be read may hold another table and a newer number.
	if err == nil && cur.table() == t && cur.unread == nil {
		if err := b.confirm(cur); err != nil {
			return err
		}
		return b.expect(t)
	}
	record, err := stored{cur.next, t, cur.says.extra}.record()
	if err != nil {
		return err
	}
	image, err := encodeBlock(record, cur.others)
	if err != nil {
		return err
	}
	if !cur.countable {
		if err := b.replace(b.counts, emptyCounts()); err != nil && onTrial(t) {
			return err
		}
	}
	if err := b.replace(b.blocks[cur.older], image); err != nil {
		return err
	}
	return b.expect(t)
}

// onTrial reports whether GRUB has to count for this table. The way back from a
// trial must not fail because it cannot.
func onTrial(t bootctl.Table) bool {
	for _, s := range t.Order() {
		if !t.Slots[s].Good {
			return true
		}
	}
	return false
}

// Faults are blocks of which nothing is left but another one's content.
func (b *Backend) Faults() (all []string) {
	for i, p := range b.blocks {
		if found := b.block(p); found.err == nil && found.image != nil && !found.valid && b.block(b.blocks[1-i]).valid {
			all = append(all, fmt.Sprintf("%s holds no table: the next change of the boot table writes it anew", p))
		}
	}
	if image, err := b.read(b.counts); err == nil && !writable(image) {
		all = append(all, fmt.Sprintf("GRUB cannot count in %s because it is full or no environment block: the next change of the boot table makes it empty", b.counts))
	}
	return all
}

// expect reads all once more, as GRUB will: a device that answered wrongly
// before may have made the wrong block count.
func (b *Backend) expect(t bootctl.Table) error {
	cur, err := b.current()
	if err == nil && cur.table() == t && cur.unread == nil {
		return nil
	}
	if err = cmp.Or(err, cur.unread); err == nil || errors.Is(err, bootctl.ErrNoTable) {
		return fmt.Errorf("read back %s: another table counts than the one that was written: the device is failing", b.blocks[0])
	}
	return fmt.Errorf("read back: %w", err)
}

// situation is what the three blocks together say.
type situation struct {
	says   stored
	counts counts
	image  []byte // the block that counts; nil when there is none
	older  int    // the block to overwrite next
	unread error  // why that one could not even be read
	others string // variables of others
	next   int    // the next sequence number
	// countable says that GRUB can write its counts.
	countable bool
}

func (s situation) table() bootctl.Table { return s.counts.apply(s.says) }

var errNoBlock = fmt.Errorf("%w: neither of GRUB's environment blocks holds one: run `abota provision`", bootctl.ErrNoTable)

// block is one of the two.
type block struct {
	image   []byte
	entries []entry
	says    stored
	valid   bool
	err     error // why it could not be read
}

// current finds the block that counts. When none is valid it returns errNoBlock,
// or why they could not be read.
func (b *Backend) current() (situation, error) {
	var found [2]block
	for i, p := range b.blocks {
		found[i] = b.block(p)
	}
	var s situation
	err := s.choose(found)
	if err != nil && !errors.Is(err, bootctl.ErrNoTable) {
		return s, err
	}
	var counted bool
	if image, rerr := b.read(b.counts); rerr == nil {
		s.counts, counted = parseCounts(image)
		s.countable = writable(image)
	}
	s.next = max(s.says.sequence+1, firstSequence)
	if counted {
		s.next = max(s.next, s.counts.sequence+1)
	}
	s.skipTorn(found)
	return s, err
}

func (b *Backend) block(p Place) (found block) {
	image, err := b.read(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return block{} // GRUB finds nothing there either
	case err != nil:
		return block{err: err}
	}
	found.image = image
	found.entries, _ = parseBlock(image)
	head := get(found.entries, varHead)
	if head == get(found.entries, varTail) {
		found.says, found.valid = parseRecord(head)
	}
	return found
}

// choose takes the valid block with the greater number, and the first of equal
// ones.
func (s *situation) choose(found [2]block) error {
	a, b := found[0], found[1]
	chosen := 0
	switch {
	case b.valid && (!a.valid || b.says.sequence > a.says.sequence):
		chosen = 1
	case a.valid:
	case a.err != nil && b.err != nil:
		return fmt.Errorf("%w; %w", a.err, b.err)
	case a.err != nil || b.err != nil:
		return cmp.Or(a.err, b.err)
	default:
		// The first store goes into the first block, and keeps what others wrote
		// into either.
		s.others = salvaged(a.entries, b.entries)
		return errNoBlock
	}
	c := found[chosen]
	s.says, s.image, s.others = c.says, c.image, foreign(c.entries)
	s.older, s.unread = 1-chosen, found[1-chosen].err
	return nil
}

// tornReach is how far ahead the number of a torn block is looked for: each
// attempt to write that is cut short takes one.
const tornReach = 1000

// skipTorn moves the next number behind those that a torn block shows at either
// end. Otherwise a second write, cut too, could complete the first: the bytes in
// between are often the same.
func (s *situation) skipTorn(found [2]block) {
	base := s.next
	for _, f := range found {
		for _, name := range []string{varHead, varTail} {
			if n := sequenceIn(get(f.entries, name)); n >= s.next && n < base+tornReach {
				s.next = n + 1
			}
		}
	}
}

func (b *Backend) read(p Place) ([]byte, error) { return b.open.read(p) }

// opener opens what a block lies on.
type opener func(p Place, write bool) (medium, error)

func (open opener) read(p Place) ([]byte, error) {
	m, err := open(p, false)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", p, err)
	}
	defer m.Close()
	return readPlace(m, p)
}

// readPlace tries twice, so that an error that passes does not bring the other,
// older block back. Behind the end of a file that was cut short are zeroes.
func readPlace(m Medium, p Place) ([]byte, error) {
	image := make([]byte, blockSize)
	n, err := m.ReadAt(image, p.Offset)
	if n < len(image) {
		n, err = m.ReadAt(image, p.Offset)
	}
	if n < len(image) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", p, err)
	}
	return image, nil
}

// replace overwrites one block in place: one write, one flush, one proof.
func (b *Backend) replace(p Place, image []byte) error {
	return b.writing(p, func(m medium) error {
		if _, err := m.WriteAt(image, p.Offset); err != nil {
			return fmt.Errorf("write %s: %w", p, err)
		}
		return prove(m, p, image)
	})
}

// confirm makes sure that the block that counts is on the medium, which it need
// not be after a Store that failed. It writes nothing.
func (b *Backend) confirm(cur situation) error {
	p := b.blocks[1-cur.older]
	return b.writing(p, func(m medium) error { return prove(m, p, cur.image) })
}

func (b *Backend) writing(p Place, do func(medium) error) error { return b.open.writing(p, do) }

func (open opener) writing(p Place, do func(medium) error) error {
	m, err := open(p, true)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open %s for writing: %w: mount its file system; `abota provision` makes the first ones", p, err)
	}
	if err != nil {
		return fmt.Errorf("open %s for writing: %w", p, err)
	}
	err = do(m)
	if cerr := m.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("close %s: %w", p, cerr)
	}
	return err
}

func prove(m Medium, p Place, image []byte) error {
	if err := m.Sync(); err != nil {
		return fmt.Errorf("flush %s: %w", p, err)
	}
	back, err := readPlace(m, p)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if !bytes.Equal(back, image) {
		return fmt.Errorf("read back %s: the device does not hold what was written: it is failing or write-protected", p)
	}
	return nil
}
