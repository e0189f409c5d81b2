package uboot

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"

	"abota/bootctl"
)

// Backend keeps the table in the two copies. It holds nothing open between
// calls. It is not safe for concurrent use.
type Backend struct {
	copies   [2]Copy
	contract bool
	open     func(c Copy, write bool) (medium, error)
	lock     func() (unlock func())
}

// Medium is what both copies lie on, for On. ReadAt reads what it holds, not
// what a cache remembers. WriteAt is durable once Sync returned nil.
type Medium interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// On is the backend on any medium that has room for both copies. It takes no
// lock, and checks nothing of what [New] checks.
func On(m Medium, copies [2]Copy, contract bool) *Backend {
	return &Backend{
		copies: copies, contract: contract,
		open: func(Copy, bool) (medium, error) { return lent{m}, nil },
		lock: func() func() { return func() {} },
	}
}

// lent is a medium that is somebody else's to close.
type lent struct{ Medium }

func (lent) Close() error { return nil }

// medium is what a copy lies on. ReadAt reads what the device holds, not what
// a cache remembers.
type medium interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
}

// Caps says what the environment keeps: in contract mode all but a one-shot
// boot, without it only what RAUC's variables hold.
func (b *Backend) Caps() bootctl.Caps {
	return bootctl.Caps{Tries: true, Good: b.contract, Generation: b.contract}
}

// Load reads the table from the newer copy, as U-Boot does. A copy that
// cannot be read counts as damaged while the other one is valid.
func (b *Backend) Load() (bootctl.Table, error) {
	cur, err := b.current()
	if err != nil {
		return bootctl.Table{}, err
	}
	return b.tableIn(cur)
}

// Store replaces the older copy. Foreign variables are taken over from the
// newer one. It may also be called when there is no valid copy: foreign
// variables are lost then.
func (b *Backend) Store(t bootctl.Table) error {
	defer b.lock()()
	cur, err := b.current()
	if err != nil && !errors.Is(err, bootctl.ErrNoTable) {
		return err
	}
	own, err := writeTable(t, cur.env.get(varOrder), b.contract)
	if err != nil {
		return err
	}
	// A copy that cannot be read may hold another table and a newer number.
	if was, err := b.tableIn(cur); err == nil && was == b.Caps().Keep(t) && cur.unread == nil {
		if err := b.confirm(cur); err != nil {
			return err
		}
		return b.expect(t)
	}
	image, err := cur.env.with(own).encode(int(b.copies[0].Size), cur.serial+1)
	if err != nil {
		return err
	}
	if cur.torn {
		if err := b.wipe(b.copies[cur.older]); err != nil {
			return err
		}
	}
	if err := b.replace(b.copies[cur.older], image); err != nil {
		return err
	}
	return b.expect(t)
}

// expect reads both copies once more, as U-Boot will: a device that answered
// wrongly before may have made the wrong copy count.
func (b *Backend) expect(t bootctl.Table) error {
	cur, err := b.current()
	if got, terr := b.tableIn(cur); err == nil && terr == nil && got == b.Caps().Keep(t) {
		return nil
	}
	if err = cmp.Or(err, cur.unread); err == nil || errors.Is(err, bootctl.ErrNoTable) {
		return fmt.Errorf("read back %s: another table counts than the one that was written: the device is failing", b.copies[0])
	}
	return fmt.Errorf("read back: %w", err)
}

// state is what both copies together say.
type state struct {
	env    environment
	serial byte
	image  []byte // the copy that counts; nil when there is none
	older  int    // the copy to overwrite next
	torn   bool   // that one is not valid
	unread error  // why that one could not even be read
}

func (b *Backend) tableIn(s state) (bootctl.Table, error) {
	if s.image == nil {
		return bootctl.Table{}, errNoCopy
	}
	return readTable(s.env, b.contract)
}

var errNoCopy = fmt.Errorf("%w: neither copy of the U-Boot environment has a valid checksum: run `abota provision`", bootctl.ErrNoTable)

// current finds the copy that counts. When none is valid it returns errNoCopy,
// or why they could not be read.
func (b *Backend) current() (state, error) {
	var valid [2]bool
	var found [2]state
	var failed [2]error
	for i, c := range b.copies {
		image, err := b.read(c)
		if err != nil {
			failed[i] = err
			continue
		}
		s := state{image: image, older: 1 - i}
		s.env, s.serial, valid[i] = decode(image)
		found[i] = s
	}
	found[0].torn, found[1].torn = !valid[1], !valid[0]
	found[0].unread, found[1].unread = failed[1], failed[0]
	switch {
	case valid[1] && (!valid[0] || secondIsNewer(found[0].serial, found[1].serial)):
		return found[1], nil
	case valid[0]:
		return found[0], nil
	case failed[0] != nil && failed[1] != nil:
		return state{}, fmt.Errorf("%w; %w", failed[0], failed[1])
	case failed[0] != nil || failed[1] != nil:
		return state{}, cmp.Or(failed[0], failed[1])
	}
	return state{torn: true}, errNoCopy
}

func (b *Backend) read(c Copy) ([]byte, error) {
	m, err := b.open(c, false)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", c, err)
	}
	defer m.Close()
	return readCopy(m, c)
}

// readCopy tries twice, so that an error that passes does not bring the other,
// older copy back.
func readCopy(m medium, c Copy) ([]byte, error) {
	image := make([]byte, c.Size)
	n, err := m.ReadAt(image, c.Offset)
	if n < len(image) {
		n, err = m.ReadAt(image, c.Offset)
	}
	if n < len(image) {
		return nil, fmt.Errorf("read %s: %w", c, err)
	}
	return image, nil
}

// wipe makes sure that nothing is left of the header of a copy that an
// earlier write left torn. Otherwise a cut while the next table is written
// could complete the earlier one: the sectors behind the header are often the
// same.
func (b *Backend) wipe(c Copy) error {
	return b.writing(c, func(m medium) error {
		if _, err := m.WriteAt(make([]byte, sectorSize), c.Offset); err != nil {
			return fmt.Errorf("wipe %s: %w", c, err)
		}
		if err := m.Sync(); err != nil {
			return fmt.Errorf("flush %s: %w", c, err)
		}
		return nil
	})
}

// replace overwrites one copy in place: one write, one flush, one proof.
func (b *Backend) replace(c Copy, image []byte) error {
	return b.writing(c, func(m medium) error {
		if _, err := m.WriteAt(image, c.Offset); err != nil {
			return fmt.Errorf("write %s: %w", c, err)
		}
		return prove(m, c, image)
	})
}

// confirm makes sure that the copy that counts is on the medium, which it need
// not be after a Store that failed. It writes nothing.
func (b *Backend) confirm(cur state) error {
	c := b.copies[1-cur.older]
	return b.writing(c, func(m medium) error { return prove(m, c, cur.image) })
}

func (b *Backend) writing(c Copy, do func(medium) error) error {
	m, err := b.open(c, true)
	if err != nil {
		return fmt.Errorf("open %s for writing: %w", c, err)
	}
	err = do(m)
	if cerr := m.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("close %s: %w", c, cerr)
	}
	return err
}

func prove(m medium, c Copy, image []byte) error {
	if err := m.Sync(); err != nil {
		return fmt.Errorf("flush %s: %w", c, err)
	}
	back, err := readCopy(m, c)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if !bytes.Equal(back, image) {
		return fmt.Errorf("read back %s: the device does not hold what was written: it is failing or write-protected", c)
	}
	return nil
}
