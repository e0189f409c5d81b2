package gpt

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"

	"abota/bootctl"
)

// The two copies, in the order in which readers prefer them.
const (
	primary = iota
	backup
)

var copyNames = [2]string{"primary", "backup"}

// tableCopy is one copy of the partition table as it was read.
type tableCopy struct {
	lba    uint64 // where its header is
	sector []byte // what is there; nil when that could not be read
	header header // valid when headerErr is nil
	array  []byte // whole sectors; nil when unknown

	headerErr, arrayErr error // in which way it is damaged
	unread              error // why it could not be read
}

func (c *tableCopy) valid() bool { return c.headerErr == nil && c.arrayErr == nil && c.unread == nil }

// decode takes the header apart.
func (c *tableCopy) decode(sector []byte) {
	c.sector = sector
	c.header, c.headerErr = parseHeader(sector, c.lba)
}

// proveArray compares the array with the header.
func (c *tableCopy) proveArray() {
	if crc32.ChecksumIEEE(c.array[:c.header.arrayBytes()]) != c.header.arrayCRC {
		c.arrayErr = errors.New("its entries have a wrong checksum")
	}
}

func (c *tableCopy) why() error {
	for _, err := range []error{c.unread, c.headerErr, c.arrayErr} {
		if err != nil {
			return err
		}
	}
	return nil
}

// state is both copies, and which one counts.
type state struct {
	copies  [2]tableCopy
	counts  int
	sectors uint64 // of the whole disk
}

func (s *state) current() *tableCopy { return &s.copies[s.counts] }

// choose finds the copy that counts: a valid primary, else a valid backup.
func (s *state) choose() error {
	p, b := &s.copies[primary], &s.copies[backup]
	switch {
	case p.valid():
		s.counts = primary
		return nil
	case b.valid():
		s.counts = backup
		return nil
	case p.unread != nil || b.unread != nil:
		return errors.Join(p.unread, b.unread)
	}
	return fmt.Errorf("%w: neither copy of the GPT is valid (primary: %w; backup: %w): restore it with `sgdisk`, then run `abota provision`", bootctl.ErrNoTable, p.why(), b.why())
}

// explain refuses what this package does not understand well enough to write
// to it.
func (s *state) explain() error {
	p, b := &s.copies[primary], &s.copies[backup]
	if err := s.current().header.place(s.sectors); err != nil {
		return fmt.Errorf("cannot write the GPT because %w", err)
	}
	if p.sector != nil && string(p.sector[:8]) == ignored {
		return errors.New("cannot write the GPT because its primary is marked " + ignored + ": such disks are not supported")
	}
	if p.headerErr == nil && b.headerErr == nil && p.unread == nil && b.unread == nil {
		if err := s.agree(); err != nil {
			return fmt.Errorf("cannot write the GPT because its copies disagree: %w: make them one with `sgdisk`", err)
		}
	}
	return nil
}

// agree compares two copies whose headers are valid. The boot bits may differ,
// which is what an interrupted Store or loader leaves behind.
func (s *state) agree() error {
	p, b := &s.copies[primary], &s.copies[backup]
	if err := sameDisk(p.header, b.header); err != nil {
		return err
	}
	for _, c := range []*tableCopy{p, b} {
		if err := c.header.place(s.sectors); err != nil {
			return err
		}
	}
	if !p.valid() || !b.valid() {
		return nil
	}
	size := int(p.header.entrySize)
	for i := range int(p.header.count) {
		if !bytes.Equal(withoutBootBits(p.array[i*size:][:size]), withoutBootBits(b.array[i*size:][:size])) {
			return fmt.Errorf("entry %d differs in more than its boot attributes", i+1)
		}
	}
	return nil
}

func withoutBootBits(e entry) []byte {
	e = bytes.Clone(e)
	e.setAttributes(e.attributes() &^ bootBits)
	return e
}

// image is what a copy ought to be: its array and its header's sector, and
// where each belongs.
type image struct {
	array, sector []byte
	at, lba       uint64
}

// rendered is copy i with these entries. A header that is damaged is made anew
// from the other one.
func (s *state) rendered(i int, array []byte) (image, error) {
	c := &s.copies[i]
	h, at, from := c.header, c.header.at, c
	if c.headerErr != nil || c.unread != nil {
		from = s.current()
		h = from.header
		var err error
		if at, err = s.rebuiltAt(i); err != nil {
			return image{}, err
		}
	}
	full := make([]byte, int(h.sectors())*len(h.raw))
	if c.array != nil && from == c {
		copy(full, c.array) // what lies behind the last entry is not ours
	}
	copy(full, array[:h.arrayBytes()])
	other := s.sectors - 1
	if i == backup {
		other = 1
	}
	return image{array: full, sector: h.sealed(c.lba, other, at, full), at: at, lba: c.lba}, nil
}

// rebuiltAt is where the array of a copy belongs whose header is lost. The
// primary's may have been moved to make room for a loader, so it is only put
// where no room for one is.
func (s *state) rebuiltAt(i int) (uint64, error) {
	h := s.current().header
	if i == backup {
		if at := s.sectors - 1 - h.sectors(); at > h.lastUsable {
			return at, nil
		}
		return 0, fmt.Errorf("cannot rebuild the backup GPT because the usable sectors reach up to %d: make room with `sgdisk`", h.lastUsable)
	}
	if h.firstUsable == 2+h.sectors() {
		return 2, nil
	}
	return 0, fmt.Errorf("cannot rebuild the primary GPT because its header is lost and its entries may have been anywhere before sector %d: repair it with `sgdisk`", h.firstUsable)
}
