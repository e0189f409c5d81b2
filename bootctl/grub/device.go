package grub

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
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

// directSize is what direct reads are aligned to.
const directSize = 4096

// New is the backend for these three blocks, which must exist: two for the table
// and one that GRUB counts in.
func New(blocks [2]Place, counts Place) (*Backend, error) {
	all := []Place{blocks[0], blocks[1], counts}
	var on []os.FileInfo
	for _, p := range all {
		fi, err := inspect(p)
		if err != nil {
			return nil, err
		}
		on = append(on, fi)
	}
	for i, p := range all {
		for j := range i {
			if distance := p.Offset - all[j].Offset; sameStorage(on[i], on[j]) && max(distance, -distance) < blockSize {
				return nil, fmt.Errorf("cannot use %s because it overlaps with %s: give each of the three blocks a file of its own", p, all[j])
			}
		}
	}
	return &Backend{blocks, counts, openDevice}, nil
}

// inspect checks one place against what is there.
func inspect(p Place) (os.FileInfo, error) {
	f, err := os.OpenFile(p.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("open GRUB environment block: %w: make it with `grub-editenv FILE create` when the image is built, and set the paths in grub.cfg to it", err)
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
	case regular && p.Offset == 0 && end != blockSize:
		return nil, fmt.Errorf("cannot use %s because it has %d bytes instead of %d: make it with `grub-editenv FILE create`", p, end, blockSize)
	case p.Offset > end-blockSize:
		return nil, fmt.Errorf("cannot use %s because %d bytes there do not fit: %s has %d bytes", p, blockSize, p.Path, end)
	case !regular:
		return fi, nil
	}
	var on unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &on); err != nil {
		return nil, fmt.Errorf("inspect the file system of %s: %w", p, err)
	}
	if name, moves := movesData[uint32(on.Type)]; moves {
		return nil, fmt.Errorf("cannot use %s because %s writes changed data elsewhere, and GRUB would go on reading what was there before: keep it on FAT or ext4", p, name)
	}
	return fi, nil
}

// movesData are file systems on which writing in place is not what it seems, by
// the number that statfs(2) gives them.
var movesData = map[uint32]string{
	unix.BTRFS_SUPER_MAGIC: "btrfs",
	unix.F2FS_SUPER_MAGIC:  "f2fs",
	0x2fc12fc1:             "zfs",
	0xca451a4e:             "bcachefs",
	0x24051905:             "ubifs",
	unix.NILFS_SUPER_MAGIC: "nilfs2",
	0x72b6:                 "jffs2",
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
	direct *os.File // reads past the page cache; nil where that is not possible
}

func openDevice(p Place, write bool) (medium, error) {
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR
	}
	f, err := os.OpenFile(p.Path, flag, 0)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS) {
		return nil, fmt.Errorf("%w: run as root, with the file system mounted for writing (`mount -o remount,rw DIR`)", err)
	}
	if err != nil {
		return nil, err
	}
	// Without it reads fall back to dropping the cache, so its error says
	// nothing.
	direct, _ := os.OpenFile(p.Path, os.O_RDONLY|unix.O_DIRECT, 0)
	return &device{f, direct}, nil
}

// Sync flushes the data. The file's size does not change, and the time of the
// change is not worth a write to a FAT directory that all loaders depend on.
func (d *device) Sync() error { return unix.Fdatasync(int(d.Fd())) }

// ReadAt reads past the page cache: directly, or else after the cache was told
// to forget the range.
func (d *device) ReadAt(p []byte, off int64) (int, error) {
	if d.direct != nil {
		skip := int(off % directSize)
		b := aligned((skip + len(p) + directSize - 1) / directSize * directSize)
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

// Close releases both descriptors.
func (d *device) Close() error {
	if d.direct != nil {
		d.direct.Close()
	}
	return d.File.Close()
}

// aligned returns a buffer that direct reads accept.
func aligned(n int) []byte {
	b := make([]byte, n+directSize)
	skip := directSize - int(uintptr(unsafe.Pointer(&b[0]))%directSize)
	return b[skip : skip+n : skip+n]
}
