package uboot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Copy says where one copy of the environment lies.
type Copy struct {
	// Path of a file, a partition or a whole device.
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
	// blockSize is what direct reads are aligned to.
	blockSize = 4096
	// lockPath is the file that fw_setenv locks while it reads and writes.
	lockPath = "/var/lock/fw_printenv.lock"
)

// New is the backend for these two copies, which must exist. contract says
// that the product's own boot script runs (abota.contract=1 on the kernel
// command line); without it the environment is RAUC's.
func New(copies []Copy, contract bool) (*Backend, error) {
	if len(copies) != 2 {
		return nil, fmt.Errorf("cannot use a U-Boot environment of %d copies because a power cut while one is written must leave another: configure two (CONFIG_SYS_REDUNDAND_ENVIRONMENT)", len(copies))
	}
	if copies[0].Size != copies[1].Size {
		return nil, fmt.Errorf("cannot use U-Boot environment copies of %d and %d bytes because both must have the same size", copies[0].Size, copies[1].Size)
	}
	b := &Backend{contract: contract, open: openDevice, lock: func() func() { return lockTools(lockPath) }}
	var on [2]os.FileInfo
	for i, c := range copies {
		var err error
		if b.copies[i], on[i], err = resolve(c); err != nil {
			return nil, err
		}
	}
	if distance := b.copies[0].Offset - b.copies[1].Offset; sameStorage(on[0], on[1]) && max(distance, -distance) < copies[0].Size {
		return nil, fmt.Errorf("cannot use the copies %s and %s because they overlap", b.copies[0], b.copies[1])
	}
	return b, nil
}

// resolve checks one copy against what is there and makes a negative offset
// positive.
func resolve(c Copy) (Copy, os.FileInfo, error) {
	f, err := os.OpenFile(c.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return c, nil, fmt.Errorf("open U-Boot environment: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return c, nil, fmt.Errorf("inspect U-Boot environment: %w", err)
	}
	switch mode := fi.Mode(); {
	case mode&os.ModeCharDevice != 0:
		return c, nil, fmt.Errorf("cannot use %s because it is a character device: raw flash must be erased first, which is not supported: keep the environment on a block device", c)
	case !mode.IsRegular() && mode&os.ModeDevice == 0:
		return c, nil, fmt.Errorf("cannot use %s because it is neither a file nor a block device", c)
	case c.Size < sectorSize || c.Size > maxSize || c.Size%sectorSize != 0:
		return c, nil, fmt.Errorf("cannot use %s because its size of %d bytes is not a multiple of %d up to %d: use U-Boot's CONFIG_ENV_SIZE", c, c.Size, sectorSize, maxSize)
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return c, nil, fmt.Errorf("measure %s: %w", c.Path, err)
	}
	at := c
	if at.Offset < 0 {
		at.Offset += end
	}
	switch {
	case at.Offset < 0 || at.Offset > end-c.Size:
		return c, nil, fmt.Errorf("cannot use %s because %d bytes there do not fit: %s has %d bytes", c, c.Size, c.Path, end)
	case at.Offset%sectorSize != 0:
		return c, nil, fmt.Errorf("cannot use %s because its offset is not a multiple of %d", c, sectorSize)
	}
	return at, fi, nil
}

// sameStorage reports whether two opened paths are one file or one device.
func sameStorage(a, b os.FileInfo) bool {
	sa, oka := a.Sys().(*syscall.Stat_t)
	sb, okb := b.Sys().(*syscall.Stat_t)
	if oka && okb && a.Mode()&os.ModeDevice != 0 && b.Mode()&os.ModeDevice != 0 {
		return sa.Rdev == sb.Rdev
	}
	return os.SameFile(a, b)
}

// device is a medium of the real world.
type device struct {
	*os.File
	direct *os.File     // reads past the page cache; nil where that is not possible
	lock   func() error // makes it read-only again; may be nil
}

func openDevice(c Copy, write bool) (medium, error) {
	flag, lock := os.O_RDONLY, func() error { return nil }
	if write {
		flag = os.O_RDWR
		var err error
		if lock, err = unlock(c.Path, sysBlock); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(c.Path, flag, 0)
	if err != nil {
		err = errors.Join(err, lock())
	}
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS) {
		return nil, fmt.Errorf("%w: run as root, on a device that is not write-protected", err)
	}
	if err != nil {
		return nil, err
	}
	// Without it reads fall back to dropping the cache, so its error says
	// nothing.
	direct, _ := os.OpenFile(c.Path, os.O_RDONLY|unix.O_DIRECT, 0)
	return &device{f, direct, lock}, nil
}

// ReadAt reads past the page cache: directly, or else after the cache was told
// to forget the range.
func (d *device) ReadAt(p []byte, off int64) (int, error) {
	if d.direct != nil {
		skip := int(off % blockSize)
		b := aligned((skip + len(p) + blockSize - 1) / blockSize * blockSize)
		n, err := d.direct.ReadAt(b, off-int64(skip))
		switch {
		case n >= skip+len(p):
			return copy(p, b[skip:]), nil
		case !errors.Is(err, unix.EINVAL):
			return copy(p, b[min(skip, n):n]), err
		}
	}
	if err := unix.Fadvise(int(d.Fd()), off, int64(len(p)), unix.FADV_DONTNEED); err != nil {
		return 0, fmt.Errorf("drop cached pages: %w", err)
	}
	return d.File.ReadAt(p, off)
}

// Close releases both descriptors, and locks what was unlocked for them. That
// the lock could not be restored is no failure of what was stored.
func (d *device) Close() error {
	if d.direct != nil {
		d.direct.Close()
	}
	err := d.File.Close()
	if d.lock != nil {
		_ = d.lock()
	}
	return err
}

// aligned returns a buffer that direct reads accept.
func aligned(n int) []byte {
	b := make([]byte, n+blockSize)
	skip := blockSize - int(uintptr(unsafe.Pointer(&b[0]))%blockSize)
	return b[skip : skip+n : skip+n]
}

// lockTools keeps fw_setenv out while the environment is read and written,
// for as long as it is reasonable to wait: a rollback must not hang on a tool
// that hangs, and where there is no lock directory there are no such tools.
func lockTools(path string) (unlock func()) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return func() {}
	}
	for range 50 {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return func() { f.Close() }
}
