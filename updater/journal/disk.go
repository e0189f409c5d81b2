package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Open opens the journal at path for Load and Save, with records of size
// bytes (a multiple of 4096). It creates and preallocates the file when it is
// missing, readable by its owner only, and completes one that is too short.
func Open(path string, size int) (*File, error) {
	if err := checkSize(size); err != nil {
		return nil, err
	}
	d, err := openDisk(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if err := d.complete(size); err != nil {
		d.Close()
		return nil, fmt.Errorf("preallocate journal %s: %w", path, err)
	}
	return &File{medium: d, close: d.Close, name: "journal " + path, size: size}, nil
}

// OpenReadOnly opens the journal at path for Load alone. It creates and writes
// nothing, so it also works on a read-only file system. A missing file is
// ErrLost.
func OpenReadOnly(path string) (*File, error) {
	d, err := openDisk(path, os.O_RDONLY)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open journal: %w: %w", ErrLost, err)
	case err != nil:
		return nil, fmt.Errorf("open journal: %w", err)
	}
	f := &File{medium: d, close: d.Close, name: "journal " + path, size: blockSize}
	f.broken = fmt.Errorf("cannot save %s because it was opened read-only", f.name)
	return f, nil
}

// disk is a journal in a file.
type disk struct {
	*os.File
	// direct reads past the page cache; nil where the file system cannot
	// (tmpfs).
	direct *os.File
}

func openDisk(path string, flag int) (*disk, error) {
	// O_NONBLOCK keeps a FIFO that lies there from blocking us for ever.
	f, err := os.OpenFile(path, flag|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	if err := checkRegular(f); err != nil {
		f.Close()
		return nil, err
	}
	// Without O_DIRECT there is still DONTNEED, so its error says nothing.
	direct, _ := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECT, 0)
	return &disk{File: f, direct: direct}, nil
}

func checkRegular(f *os.File) error {
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		return fmt.Errorf("cannot use %s because it is not a regular file: remove it", f.Name())
	}
	return err
}

// ReadAt reads from the medium, not from the page cache: directly, or else
// after the cache was told to forget the file.
func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	if d.direct != nil {
		b := aligned(roundUp(len(p)))
		n, err := d.direct.ReadAt(b, off)
		switch {
		case n >= len(p):
			return copy(p, b), nil
		case err == nil || errors.Is(err, io.EOF):
			return copy(p, b[:n]), io.EOF
		case !errors.Is(err, unix.EINVAL):
			return copy(p, b[:n]), err
		}
	}
	if err := unix.Fadvise(int(d.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return 0, fmt.Errorf("drop cached pages: %w", err)
	}
	return d.File.ReadAt(p, off)
}

// Close releases both descriptors.
func (d *disk) Close() error {
	if d.direct != nil {
		d.direct.Close()
	}
	return d.File.Close()
}

// complete makes sure that both copies have blocks of their own. The name is
// made durable first and the second copy last, so a file of full length is
// known to be complete, unless a tool copied it and left the zeroes out, as
// mke2fs -d does.
func (d *disk) complete(size int) error {
	fi, err := d.Stat()
	if err != nil {
		return err
	}
	short := fi.Size() < distance+int64(size)
	if short {
		if err := syncDir(filepath.Dir(d.Name())); err != nil {
			return err
		}
	}
	for i := range 2 {
		if !short && !d.hole(offset(i), size) {
			continue
		}
		if err := d.rewrite(offset(i), size); err != nil {
			return err
		}
	}
	return nil
}

// hole reports whether some of these bytes have no block. Where the file
// system does not tell, there are none.
func (d *disk) hole(off int64, size int) bool {
	at, err := unix.Seek(int(d.Fd()), off, unix.SEEK_HOLE)
	return err == nil && at < off+int64(size)
}

// rewrite writes what is there, and zeroes where nothing is: the content stays
// and the blocks are real.
func (d *disk) rewrite(off int64, size int) error {
	b := make([]byte, size)
	if _, err := d.ReadAt(b, off); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if _, err := d.WriteAt(b, off); err != nil {
		return err
	}
	return d.Sync()
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// aligned returns a buffer that direct reads accept.
func aligned(n int) []byte {
	b := make([]byte, n+blockSize)
	skip := blockSize - int(uintptr(unsafe.Pointer(&b[0]))%blockSize)
	return b[skip : skip+n : skip+n]
}
