package uboot

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"abota/bootctl/inplace"
)

// Copy says where one copy of the environment lies.
type Copy struct {
	// Path of a file, a partition, a whole device, or NOR flash (/dev/mtd0).
	Path string
	// Offset in bytes, a multiple of 512. A negative one counts from the end.
	Offset int64
	// Size in bytes, a multiple of 512, of the whole copy with its header:
	// U-Boot's CONFIG_ENV_SIZE.
	Size int64
}

// String is how errors name a copy.
func (c Copy) String() string {
	return fmt.Sprintf("U-Boot environment %s at 0x%x", c.Path, c.Offset)
}

const (
	sectorSize = 512
	// maxSize is far beyond any real environment, and small enough to read
	// at every boot.
	maxSize = 1 << 20
	// lockPath is the file that fw_setenv locks while it reads and writes.
	lockPath = "/var/lock/fw_printenv.lock"
)

// New is the backend for these two copies, or for a single one, which must
// exist. contract says that the product's own boot script runs
// (abota.contract=1 on the kernel command line); without it the environment is
// RAUC's.
func New(copies []Copy, contract bool) (*Backend, error) {
	if len(copies) != 1 && len(copies) != 2 {
		return nil, fmt.Errorf("cannot use a U-Boot environment of %d copies because U-Boot knows two (CONFIG_SYS_REDUNDAND_ENVIRONMENT) or a single one", len(copies))
	}
	first, last := copies[0], copies[len(copies)-1]
	if first.Size != last.Size {
		return nil, fmt.Errorf("cannot use U-Boot environment copies of %d and %d bytes because both must have the same size", first.Size, last.Size)
	}
	b := &Backend{contract: contract, open: openDevice, lock: func() func() { return inplace.Hold(lockPath) }}
	var on []place
	for _, c := range copies {
		p, err := resolve(c)
		if err != nil {
			return nil, err
		}
		b.copies, on, b.flash = append(b.copies, p.Copy), append(on, p), p.eraseBlock > 0
		b.media = append(b.media, fmt.Sprintf("%s %s at %#x", mediumName(p), p.Path, p.Offset))
	}
	if len(copies) == 2 {
		if err := apart(on[0], on[1]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// apart refuses two copies that are written or erased together, or that U-Boot
// cannot keep as a pair.
func apart(a, b place) error {
	distance := max(a.Offset-b.Offset, b.Offset-a.Offset)
	switch {
	case (a.eraseBlock > 0) != (b.eraseBlock > 0):
		return fmt.Errorf("cannot use the copies %s and %s because one is on flash and the other is not, and U-Boot marks the newer one differently there", a.Copy, b.Copy)
	case inplace.Same(a.info, b.info) && distance < a.span():
		return fmt.Errorf("cannot use the copies %s and %s because they overlap", a.Copy, b.Copy)
	case a.eraseBlock > 0 && !a.clearsBits:
		return fmt.Errorf("cannot use the copies %s and %s because that flash cannot clear single bits, by which U-Boot marks the older one: keep the environment on another medium", a.Copy, b.Copy)
	}
	return nil
}

// Warning is what is to be said of the environment whenever it is used; usually
// nothing.
func (b *Backend) Warning() string {
	if !b.single() {
		return ""
	}
	return fmt.Sprintf("%s is a single copy: a power cut while it is written loses the boot table and all variables: build U-Boot with CONFIG_SYS_REDUNDAND_ENVIRONMENT and configure two", b.copies[0])
}

// Storage is where the environment is kept, in words.
func (b *Backend) Storage() string {
	at := strings.Join(b.media, ", ")
	if b.single() {
		return "a single copy: " + at
	}
	return "two copies: " + at
}

// place is where one copy lies, as it was found.
type place struct {
	Copy
	info os.FileInfo
	flashFacts
}

// span is how many bytes are written or erased together with the copy.
func (p place) span() int64 {
	if p.eraseBlock == 0 {
		return p.Size
	}
	return wholeBlocks(p.Size, p.eraseBlock)
}

// resolve checks one copy against what is there and makes a negative offset
// positive.
func resolve(c Copy) (place, error) {
	p := place{Copy: c}
	if name := filepath.Base(c.Path); ubiVolume.MatchString(name) {
		return p, fmt.Errorf("cannot use %s because it is a UBI volume, which is not supported: %s", c, elsewhereInstead)
	}
	f, err := os.OpenFile(c.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return p, fmt.Errorf("open U-Boot environment: %w", err)
	}
	defer f.Close()
	if p.info, err = f.Stat(); err != nil {
		return p, fmt.Errorf("inspect U-Boot environment: %w", err)
	}
	if c.Size < sectorSize || c.Size > maxSize || c.Size%sectorSize != 0 {
		return p, fmt.Errorf("cannot use %s because its size of %d bytes is not a multiple of %d up to %d: use U-Boot's CONFIG_ENV_SIZE", c, c.Size, sectorSize, maxSize)
	}
	if p.flashFacts, err = suits(f, p.info); err != nil {
		return p, fmt.Errorf("cannot use %s because %w", c, err)
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return p, fmt.Errorf("measure %s: %w", c.Path, err)
	}
	if p.Offset < 0 {
		p.Offset += end
	}
	switch {
	case p.Offset < 0 || p.Offset > end-p.span():
		return p, fmt.Errorf("cannot use %s because %d bytes there do not fit: %s has %d bytes", c, p.span(), c.Path, end)
	case p.Offset%sectorSize != 0:
		return p, fmt.Errorf("cannot use %s because its offset is not a multiple of %d", c, sectorSize)
	case p.eraseBlock > 0 && p.Offset%p.eraseBlock != 0:
		return p, fmt.Errorf("cannot use %s because no erase block begins there (they have %#x bytes), so that what lies before it would be erased too: give each copy erase blocks of its own", c, p.eraseBlock)
	}
	return p, nil
}

// suits says why an environment cannot be kept on what was opened, and what
// there is to know of flash.
func suits(f *os.File, info os.FileInfo) (flashFacts, error) {
	switch mode := info.Mode(); {
	case mode&os.ModeCharDevice != 0:
		return flashOf(f)
	case mode&os.ModeDevice != 0:
		if st, ok := info.Sys().(*syscall.Stat_t); ok && unix.Major(uint64(st.Rdev)) == mtdBlockMajor {
			return flashFacts{}, errors.New("it is flash seen as a block device, which erases whole blocks behind whoever writes a sector: name its character device, /dev/mtd and the number")
		}
	case mode.IsRegular():
		if name, err := inplace.Moves(f); err != nil || name != "" {
			return flashFacts{}, cmp.Or(err, fmt.Errorf("%s writes changed content elsewhere, and U-Boot would go on reading what was there before: keep it on FAT or ext4", name))
		}
	default:
		return flashFacts{}, errors.New("it is neither a file nor a device")
	}
	return flashFacts{}, nil
}

// device is a medium of the real world, but for flash.
type device struct {
	*inplace.File
	lock func() error // makes it read-only again
}

func openDevice(c Copy, write bool) (medium, error) {
	if info, err := os.Stat(c.Path); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		return openFlash(c, write)
	}
	if !write {
		return inplace.Open(c.Path, false)
	}
	lock, err := unlock(c.Path, sysBlock)
	if err != nil {
		return nil, err
	}
	f, err := inplace.Open(c.Path, true)
	if err != nil {
		return nil, errors.Join(err, lock())
	}
	return &device{f, lock}, nil
}

// Close releases it, and locks what was unlocked for it. That the lock could not
// be restored is no failure of what was stored.
func (d *device) Close() error {
	err := d.File.Close()
	_ = d.lock()
	return err
}
