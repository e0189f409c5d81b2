package grub

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"abota/bootctl/inplace"
)

// Place says where one block lies.
type Place struct {
	// Path of a file, or of a partition that GRUB reads as a block list.
	Path string
	// Offset in bytes, a multiple of 512. Zero in a file of its own.
	Offset int64
}

// String is how errors name a place.
func (p Place) String() string {
	if p.Offset == 0 {
		return fmt.Sprintf("GRUB environment block %s", p.Path)
	}
	return fmt.Sprintf("GRUB environment block %s at 0x%x", p.Path, p.Offset)
}

// New is the backend for these three blocks: two for the table and one that
// GRUB counts in. A file that is missing or was cut short holds nothing more than
// GRUB finds in it, and is not made: see [Create].
func New(blocks [2]Place, counts Place) (*Backend, error) {
	all := []Place{blocks[0], blocks[1], counts}
	var on []os.FileInfo
	for _, p := range all {
		fi, err := Check(p)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		on = append(on, fi)
	}
	for i, p := range all {
		for j := range i {
			if on[i] == nil || on[j] == nil {
				continue
			}
			if distance := p.Offset - all[j].Offset; inplace.Same(on[i], on[j]) && max(distance, -distance) < blockSize {
				return nil, fmt.Errorf("cannot use %s because it overlaps with %s: give each of the three blocks a file of its own", p, all[j])
			}
		}
	}
	return &Backend{blocks, counts, openDevice}, nil
}

// Check says why one place cannot hold a block. The error wraps os.ErrNotExist
// where there is no file, or only the beginning of one.
func Check(p Place) (os.FileInfo, error) {
	f, err := os.OpenFile(p.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("open GRUB environment block: %w: `abota provision` makes it, where grub.cfg has the same path; look that its file system is mounted", err)
	}
	if err != nil {
		return nil, fmt.Errorf("open GRUB environment block: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("inspect GRUB environment block: %w", err)
	}
	end, err := f.Seek(0, io.SeekEnd)
	regular := fi.Mode().IsRegular()
	switch {
	case !regular && (fi.Mode()&os.ModeDevice == 0 || fi.Mode()&os.ModeCharDevice != 0):
		return nil, fmt.Errorf("cannot use %s because it is neither a file nor a block device", p)
	case err != nil:
		return nil, fmt.Errorf("measure %s: %w", p, err)
	case p.Offset < 0 || p.Offset%sectorSize != 0:
		return nil, fmt.Errorf("cannot use %s because its offset is not a multiple of %d", p, sectorSize)
	case regular && p.Offset == 0 && end < blockSize && begun(f) != nil:
		return fi, fmt.Errorf("cannot use %s because it has %d bytes instead of %d, as if the %w: `abota boot` makes those of abota's grub.cfg whole, `grub-editenv FILE create` others", p, end, blockSize, os.ErrNotExist)
	case regular && p.Offset == 0 && end != blockSize:
		return nil, fmt.Errorf("cannot use %s because it has %d bytes instead of %d: make it anew with `grub-editenv FILE create`", p, end, blockSize)
	case p.Offset > end-blockSize:
		return nil, fmt.Errorf("cannot use %s because %d bytes there do not fit: %s has %d bytes", p, blockSize, p.Path, end)
	case !regular:
		return fi, nil
	}
	name, err := inplace.Moves(f)
	if err != nil {
		return nil, err
	}
	if name != "" {
		return nil, fmt.Errorf("cannot use %s because %s writes changed data elsewhere, and GRUB would go on reading what was there before: keep it on FAT or ext4", p, name)
	}
	return fi, nil
}

// openDevice does not write to a file that would get longer by it: until its file
// system was unmounted or frozen, GRUB would find the shorter one.
func openDevice(p Place, write bool) (medium, error) {
	f, err := inplace.Open(p.Path, write)
	if err != nil {
		return nil, err
	}
	if end, err := f.Seek(0, io.SeekEnd); write && (err != nil || end < p.Offset+blockSize) {
		f.Close()
		return nil, fmt.Errorf("it has less than %d bytes, as if the %w", blockSize, os.ErrNotExist)
	}
	return f, nil
}
