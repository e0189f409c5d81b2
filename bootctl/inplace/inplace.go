// Package inplace opens what a bootloader reads so that it can be overwritten
// where it lies: a whole disk, a partition, or a preallocated file.
//
// # Guarantee
//
// Nothing is created, truncated, made longer or renamed. ReadAt returns what
// the medium holds, not what a cache remembers: it reads directly, or, where
// the file system cannot, after the cache was told to forget the range. What
// WriteAt wrote is durable once Sync returned nil.
//
// # Not guaranteed
//
// Where direct reads are not possible (tmpfs, some FAT drivers), pages that
// are in use by somebody else stay in the cache.
package inplace

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// blockSize is what direct reads are aligned to, in bytes.
const blockSize = 4096

// File is an opened file or device.
type File struct {
	*os.File
	direct *os.File // reads past the page cache; nil where that is not possible
}

// Open opens what exists at this path.
func Open(path string, write bool) (*File, error) {
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR
	}
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, Explained(err)
	}
	// Without it reads fall back to dropping the cache, so its error says
	// nothing.
	direct, _ := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECT, 0)
	return &File{f, direct}, nil
}

// Explained adds to the error of an open what to do about a lack of rights.
func Explained(err error) error {
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS) {
		return fmt.Errorf("%w: run as root, on a device or file system that is not write-protected (`mount -o remount,rw DIR`)", err)
	}
	return err
}

// ReadAt reads past the page cache.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if f.direct != nil {
		skip := int(off % blockSize)
		b := aligned((skip + len(p) + blockSize - 1) / blockSize * blockSize)
		n, err := f.direct.ReadAt(b, off-int64(skip))
		switch {
		case n >= skip+len(p):
			return copy(p, b[skip:]), nil
		case !errors.Is(err, unix.EINVAL):
			return copy(p, b[min(skip, n):n]), err
		}
	}
	if err := unix.Fadvise(int(f.Fd()), off, int64(len(p)), unix.FADV_DONTNEED); err != nil {
		return 0, fmt.Errorf("drop cached pages: %w", err)
	}
	return f.File.ReadAt(p, off)
}

// Sync flushes the data. The size does not change, and the time of a change is
// not worth a write to a FAT directory that a loader depends on.
func (f *File) Sync() error { return unix.Fdatasync(int(f.Fd())) }

// Same reports whether two opened paths are one file or one device.
func Same(a, b os.FileInfo) bool {
	sa, oka := a.Sys().(*syscall.Stat_t)
	sb, okb := b.Sys().(*syscall.Stat_t)
	if oka && okb && a.Mode()&os.ModeDevice != 0 && b.Mode()&os.ModeDevice != 0 {
		return sa.Rdev == sb.Rdev
	}
	return os.SameFile(a, b)
}

// Close releases both descriptors.
func (f *File) Close() error {
	if f.direct != nil {
		f.direct.Close()
	}
	return f.File.Close()
}

// aligned returns a buffer that direct reads accept.
func aligned(n int) []byte {
	b := make([]byte, n+blockSize)
	skip := blockSize - int(uintptr(unsafe.Pointer(&b[0]))%blockSize)
	return b[skip : skip+n : skip+n]
}
