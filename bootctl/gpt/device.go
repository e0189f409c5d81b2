package gpt

import (
	"fmt"
	"io"
	"os"

	"abota/bootctl/inplace"

	"golang.org/x/sys/unix"
)

// New is the backend on this disk: a whole block device, or a disk image in a
// file. slots name the partitions whose entries hold the boot bits of A and B,
// as PARTLABEL=… or PARTUUID=….
func New(disk string, slots [2]string) (*Backend, error) {
	for _, name := range slots {
		if err := checkName(name); err != nil {
			return nil, err
		}
	}
	geo, err := measure(disk)
	if err != nil {
		return nil, err
	}
	return &Backend{
		disk: disk, geo: geo, slots: slots,
		open: func(write bool) (medium, error) {
			f, err := inplace.Open(disk, write)
			if err != nil {
				return nil, err
			}
			return f, nil
		},
	}, nil
}

// minSectors is a header and an entry, twice, and the protective MBR.
const minSectors = 6

// measure finds out how large a disk and its sectors are.
func measure(disk string) (geo Geometry, err error) {
	f, err := os.OpenFile(disk, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return geo, fmt.Errorf("open GPT disk: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return geo, fmt.Errorf("inspect GPT disk: %w", err)
	}
	device := fi.Mode()&os.ModeDevice != 0 && fi.Mode()&os.ModeCharDevice == 0
	if !device && !fi.Mode().IsRegular() {
		return geo, fmt.Errorf("cannot use %s because it is neither a block device nor a disk image: name the whole disk", disk)
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return geo, fmt.Errorf("measure %s: %w", disk, err)
	}
	if device {
		geo.Sector, err = unix.IoctlGetInt(int(f.Fd()), unix.BLKSSZGET)
	} else {
		geo.Sector, err = sectorOf(f, end)
	}
	if err != nil {
		return geo, fmt.Errorf("cannot find out the sector size of %s: %w", disk, err)
	}
	if geo.Sector != 512 && geo.Sector != 4096 {
		return geo, fmt.Errorf("cannot use %s because its sectors have %d bytes: 512 and 4096 are supported", disk, geo.Sector)
	}
	geo.Sectors = uint64(end) / uint64(geo.Sector)
	if geo.Sectors < minSectors {
		return geo, fmt.Errorf("cannot use %s because it has room for %d sectors only, which is no disk: name the whole disk", disk, geo.Sectors)
	}
	return geo, nil
}

// sectorOf tells the sector size of a disk image from where its headers are.
// One without any is taken for the usual size.
func sectorOf(r io.ReaderAt, end int64) (int, error) {
	var found []int
	for _, size := range []int{512, 4096} {
		n := uint64(end) / uint64(size)
		for _, lba := range []uint64{1, n - 1} {
			sector := make([]byte, size)
			if n < minSectors {
				continue
			}
			if _, err := r.ReadAt(sector, int64(lba)*int64(size)); err != nil {
				return 0, err
			}
			if _, err := parseHeader(sector, lba); err == nil && (len(found) == 0 || found[len(found)-1] != size) {
				found = append(found, size)
			}
		}
	}
	switch len(found) {
	case 0:
		return 512, nil
	case 1:
		return found[0], nil
	}
	return 0, fmt.Errorf("it holds partition tables for sectors of %d and of %d bytes: erase the old one", found[0], found[1])
}
