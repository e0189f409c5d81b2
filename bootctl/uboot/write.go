package uboot

import (
	"bytes"
	"fmt"
)

// What U-Boot writes into the fifth byte of a copy on flash, where a number
// cannot be counted up without erasing. Of two copies the greater one counts
// there too, so that it makes no difference to who reads.
const (
	obsoleteFlag = 0
	activeFlag   = 1
)

// eraser is a medium whose bits can be cleared one by one, but set only by
// erasing a whole block of them.
type eraser interface {
	// Erase sets all bits of the blocks that a copy has to itself.
	Erase(offset, size int64) error
}

// write makes this the environment that counts. There is one moment at which it
// does: when the older copy is whole, or, on flash, where the older one may be
// the second of two that are both active, when the first is marked obsolete.
func (b *Backend) write(cur state, env environment) error {
	image, err := b.encode(env, cur.serial)
	if err != nil {
		return err
	}
	c := b.copies[cur.older]
	if cur.torn && !b.flash && !b.single() {
		if err := b.wipe(c); err != nil {
			return err
		}
	}
	var former []byte
	if b.single() && !b.flash {
		former = cur.image
	}
	if err := b.replace(c, image, former); err != nil {
		return err
	}
	if b.flash && !b.single() && cur.image != nil && cur.serial != obsoleteFlag {
		return b.retire(b.copies[cur.at], cur.image)
	}
	return nil
}

func (b *Backend) encode(env environment, former byte) ([]byte, error) {
	size := int(b.copies[0].Size)
	switch {
	case b.single():
		return env.behind(singleHeader, size)
	case b.flash:
		return env.encode(size, activeFlag)
	}
	return env.encode(size, former+1)
}

// wipe makes sure that nothing is left of the header of a copy that an
// earlier write left torn. Otherwise a cut while the next table is written
// could complete the earlier one: the sectors behind the header are often the
// same. Flash needs it not, since it is erased from the header on.
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

// replace overwrites one copy in place: one write, one flush, one proof. Of a
// copy that was the same before but for some sectors only those are written.
func (b *Backend) replace(c Copy, image, former []byte) error {
	return b.writing(c, func(m medium) error {
		if flash, ok := m.(eraser); ok {
			if err := flash.Erase(c.Offset, c.Size); err != nil {
				return fmt.Errorf("erase %s: %w", c, err)
			}
		}
		from, to := changed(former, image)
		if _, err := m.WriteAt(image[from:to], c.Offset+int64(from)); err != nil {
			return fmt.Errorf("write %s: %w", c, err)
		}
		return prove(m, c, image)
	})
}

// changed is from where to where, in whole sectors, two images differ.
func changed(former, image []byte) (from, to int) {
	if len(former) != len(image) {
		return 0, len(image)
	}
	differ := func(at int) bool { return !bytes.Equal(former[at:at+sectorSize], image[at:at+sectorSize]) }
	for to = len(image); to > 0 && !differ(to-sectorSize); {
		to -= sectorSize
	}
	for from < to && !differ(from) {
		from += sectorSize
	}
	return from, to
}

// retire marks a copy on flash as obsolete, in place and without erasing.
func (b *Backend) retire(c Copy, image []byte) error {
	return b.writing(c, func(m medium) error {
		marked := bytes.Clone(image)
		marked[4] = obsoleteFlag
		if _, err := m.WriteAt(marked[4:5], c.Offset+4); err != nil {
			return fmt.Errorf("mark %s obsolete: %w", c, err)
		}
		return prove(m, c, marked)
	})
}

// confirm makes sure that the copy that counts is on the medium, which it need
// not be after a Store that failed. It writes nothing.
func (b *Backend) confirm(cur state) error {
	c := b.copies[cur.at]
	return b.writing(c, func(m medium) error { return prove(m, c, cur.image) })
}

func (b *Backend) writing(c Copy, do func(medium) error) (err error) {
	m, err := b.open(c, true)
	if err != nil {
		return fmt.Errorf("open %s for writing: %w", c, err)
	}
	// Whatever happens, what was unlocked for it is locked again.
	defer func() {
		if cerr := m.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("close %s: %w", c, cerr)
		}
	}()
	return do(m)
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
