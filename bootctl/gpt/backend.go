package gpt

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"abota/bootctl"
)

// caps is what the attribute bits hold.
var caps = bootctl.Caps{Tries: true, ConfirmedUncounted: true, Good: true}

// Medium is the whole disk. ReadAt reads what it holds, not what a cache
// remembers. WriteAt is durable once Sync returned nil.
type Medium interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// Geometry is the size of a disk.
type Geometry struct {
	// Sector is the size of a logical sector in bytes: 512 or 4096.
	Sector int
	// Sectors is how many there are.
	Sectors uint64
}

// Backend keeps the table in the GPT of one disk. It holds nothing open
// between calls. It is not safe for concurrent use.
type Backend struct {
	disk  string
	geo   Geometry
	slots [2]string
	open  func(write bool) (medium, error)
}

type medium interface {
	Medium
	io.Closer
}

// On is the backend on any medium of this size. slots name the partitions
// whose entries hold the boot bits, as PARTLABEL=… or PARTUUID=….
func On(m Medium, geo Geometry, slots [2]string) *Backend {
	return &Backend{
		disk: "disk", geo: geo, slots: slots,
		open: func(bool) (medium, error) { return lent{m}, nil },
	}
}

// lent is a medium that is somebody else's to close.
type lent struct{ Medium }

func (lent) Close() error { return nil }

// Caps says that the bits hold an order, tries of a trial, and good.
func (b *Backend) Caps() bootctl.Caps { return caps }

// Load reads the table from the copy that counts, as loaders do. A copy that
// cannot be read counts as damaged while the other one is valid.
func (b *Backend) Load() (t bootctl.Table, err error) {
	m, err := b.open(false)
	if err != nil {
		return t, fmt.Errorf("open %s: %w", b.disk, err)
	}
	defer m.Close()
	return b.load(m)
}

func (b *Backend) load(m medium) (bootctl.Table, error) {
	s, err := b.read(m)
	if err != nil {
		return bootctl.Table{}, err
	}
	return s.current().table(b.slots)
}

// Faults are copies of the partition table that are not valid, and what keeps
// them from being written.
func (b *Backend) Faults() (all []string) {
	m, err := b.open(false)
	if err != nil {
		return nil // the table says that
	}
	defer m.Close()
	s, err := b.read(m)
	if err != nil {
		return nil
	}
	if err := s.explain(); err != nil {
		all = append(all, err.Error())
	}
	for i, name := range []string{primary: "primary", backup: "backup"} {
		if c := &s.copies[i]; !c.valid() {
			all = append(all, fmt.Sprintf("the %s partition table of %s is damaged (%v): the next change of the boot table makes it whole", name, b.disk, c.why()))
		}
	}
	return all
}

// Store brings both copies to this table, see the package's documentation for
// the order.
func (b *Backend) Store(t bootctl.Table) error {
	m, err := b.open(true)
	if err != nil {
		return fmt.Errorf("open %s for writing: %w", b.disk, err)
	}
	err = b.store(m, t)
	if cerr := m.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("close %s: %w", b.disk, cerr)
	}
	return err
}

func (b *Backend) store(m medium, t bootctl.Table) error {
	// A Store that failed may have left in a cache what the next one would
	// rely on.
	if err := m.Sync(); err != nil {
		return fmt.Errorf("flush %s: %w", b.disk, err)
	}
	s, err := b.read(m)
	if err != nil {
		return err
	}
	if err := s.explain(); err != nil {
		return err
	}
	now := s.current().array
	next, err := s.current().with(t, b.slots)
	if err != nil {
		return err
	}
	if s.counts == backup {
		if err := b.repair(m, s, now); err != nil {
			return err
		}
	}
	for _, i := range []int{backup, primary} {
		if err := b.write(m, s, i, next); err != nil {
			return err
		}
	}
	return b.expect(m, t)
}

// repair makes a primary whole that is not valid, with what the backup says.
// Its header goes first: sectors that a cut left torn are written anew with
// what they held before, and the old header may fit to the older ones of them.
func (b *Backend) repair(m medium, s *state, now []byte) error {
	c := &s.copies[primary]
	want, err := s.rendered(primary, now)
	if err != nil {
		return err
	}
	if c.headerErr == nil {
		c.sector = make([]byte, b.geo.Sector)
		if _, err := m.WriteAt(c.sector, int64(want.lba)*int64(b.geo.Sector)); err != nil {
			return fmt.Errorf("wipe primary GPT of %s: %w", b.disk, err)
		}
		if err := m.Sync(); err != nil {
			return fmt.Errorf("flush primary GPT of %s: %w", b.disk, err)
		}
	}
	return b.write(m, s, primary, now)
}

// expect reads both copies once more, as a loader will.
func (b *Backend) expect(m medium, t bootctl.Table) error {
	got, err := b.load(m)
	switch {
	case err == nil && got == caps.Keep(t):
		return nil
	case err == nil || errors.Is(err, bootctl.ErrNoTable):
		return fmt.Errorf("read back GPT of %s: another table counts than the one that was written: the device is failing", b.disk)
	}
	return fmt.Errorf("read back: %w", err)
}

// read reads both copies and finds the one that counts.
func (b *Backend) read(m medium) (*state, error) {
	s := &state{sectors: b.geo.Sectors}
	for i, lba := range [2]uint64{1, b.geo.Sectors - 1} {
		c := &s.copies[i]
		c.lba = lba
		if err := b.readCopy(m, c); err != nil {
			c.unread = fmt.Errorf("read %s GPT of %s: %w", copyNames[i], b.disk, err)
		}
	}
	return s, s.choose()
}

func (b *Backend) readCopy(m medium, c *tableCopy) error {
	sector := make([]byte, b.geo.Sector)
	if err := b.readAt(m, sector, c.lba); err != nil {
		return err
	}
	if c.decode(sector); c.headerErr != nil {
		return nil
	}
	if c.header.at > b.geo.Sectors || c.header.sectors() > b.geo.Sectors-c.header.at {
		c.headerErr = fmt.Errorf("its entries in sector %d lie beyond the end", c.header.at)
		return nil
	}
	c.array = make([]byte, int(c.header.sectors())*b.geo.Sector)
	if err := b.readAt(m, c.array, c.header.at); err != nil {
		return err
	}
	c.proveArray()
	return nil
}

// readAt tries twice, so that an error that passes does not bring the other
// copy back.
func (b *Backend) readAt(m medium, p []byte, lba uint64) (err error) {
	for range 2 {
		var n int
		if n, err = m.ReadAt(p, int64(lba)*int64(b.geo.Sector)); n == len(p) {
			return nil
		}
	}
	return err
}

// write brings one copy to these entries, durably and read back, or writes
// nothing when it holds them already.
func (b *Backend) write(m medium, s *state, i int, array []byte) error {
	c := &s.copies[i]
	want, err := s.rendered(i, array)
	if err != nil {
		return err
	}
	fail := func(did string, err error) error {
		return fmt.Errorf("%s %s GPT of %s: %w", did, copyNames[i], b.disk, err)
	}
	known := c.header.at == want.at && c.headerErr == nil && c.unread == nil
	had := c.array
	if !known {
		had = nil
	}
	if bytes.Equal(had, want.array) && bytes.Equal(c.sector, want.sector) {
		return nil
	}
	if err := b.writeChanged(m, want.array, had, want.at); err != nil {
		return fail("write", err)
	}
	if err := b.writeChanged(m, want.sector, c.sector, want.lba); err != nil {
		return fail("write", err)
	}
	if err := m.Sync(); err != nil {
		return fail("flush", err)
	}
	again := tableCopy{lba: c.lba}
	if err := b.readCopy(m, &again); err != nil {
		return fail("read back", err)
	}
	if !bytes.Equal(again.array, want.array) || !bytes.Equal(again.sector, want.sector) {
		return fail("read back", errors.New("the device does not hold what was written: it is failing or write-protected"))
	}
	*c = again
	return nil
}

// writeChanged writes the sectors that differ from what is there; all of them
// when that is not known.
func (b *Backend) writeChanged(m medium, want, had []byte, lba uint64) error {
	for from := 0; from < len(want); from += b.geo.Sector {
		part := want[from:][:b.geo.Sector]
		if had != nil && bytes.Equal(had[from:][:b.geo.Sector], part) {
			continue
		}
		if _, err := m.WriteAt(part, int64(lba)*int64(b.geo.Sector)+int64(from)); err != nil {
			return err
		}
	}
	return nil
}
