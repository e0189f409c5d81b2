package slot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// blockSize is what direct reads and writes are aligned to: offset, length and
// memory. No common medium asks for more.
const blockSize = 4096

// disk writes and reads a slot past the page cache.
type disk struct {
	file *os.File // through the page cache, for what is not whole blocks
	// direct has O_DIRECT; nil where the file system cannot.
	direct *os.File
}

// openDisk opens the storage behind f once more, for direct access with this
// flag. Closing the disk leaves f open.
func openDisk(f *os.File, flag int) (*disk, error) {
	direct, err := os.OpenFile(f.Name(), flag|unix.O_DIRECT, 0)
	if errors.Is(err, unix.EINVAL) {
		return &disk{file: f}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open slot: %w", err)
	}
	d := &disk{file: f, direct: direct}
	fi, err := f.Stat()
	if err == nil {
		var s storage
		if s, err = identifyInfo(f.Name(), fi); err == nil {
			err = sameStorage(direct, s)
		}
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	if _, err := d.readDirect(aligned(blockSize), 0); errors.Is(err, unix.EINVAL) {
		d.Close()
		return &disk{file: f}, nil
	}
	return d, nil
}

// WriteAt writes whole blocks directly, and the rest through the page cache,
// which keeps what else is in the last block. The buffer must be aligned.
func (d *disk) WriteAt(p []byte, off int64) (int, error) {
	if d.direct == nil {
		return d.file.WriteAt(p, off)
	}
	whole := len(p) / blockSize * blockSize
	n, err := d.direct.WriteAt(p[:whole], off)
	if err != nil || whole == len(p) {
		return n, err
	}
	rest, err := d.file.WriteAt(p[whole:], off+int64(whole))
	return n + rest, err
}

// ReadAt reads what the medium holds. Buffer, length and offset must be
// aligned; at the end of the storage it reads what there is and returns
// io.EOF.
func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	if d.direct != nil {
		return d.readDirect(p, off)
	}
	fd := int(d.file.Fd())
	err := unix.SyncFileRange(fd, off, int64(len(p)), unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
	if err != nil {
		return 0, fmt.Errorf("write out: %w", err)
	}
	if err := unix.Fadvise(fd, off, int64(len(p)), unix.FADV_DONTNEED); err != nil {
		return 0, fmt.Errorf("drop cached pages: %w", err)
	}
	return d.file.ReadAt(p, off)
}

// readDirect stops at a read that ends within a block, because only the end of
// the storage does that, and going on from there is not aligned.
func (d *disk) readDirect(p []byte, off int64) (done int, err error) {
	for done < len(p) {
		n, err := unix.Pread(int(d.direct.Fd()), p[done:], off+int64(done))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return done, err
		}
		done += n
		if n == 0 || n%blockSize != 0 {
			break
		}
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

// Sync makes durable what was written.
func (d *disk) Sync() error { return d.file.Sync() }

// Close lets go of what openDisk opened.
func (d *disk) Close() error {
	if d.direct == nil {
		return nil
	}
	return d.direct.Close()
}

// aligned returns a buffer that direct access accepts.
func aligned(n int) []byte {
	b := make([]byte, n+blockSize)
	skip := blockSize - int(uintptr(unsafe.Pointer(&b[0]))%blockSize)
	return b[skip : skip+n : skip+n]
}

func roundUp(n int) int { return (n + blockSize - 1) / blockSize * blockSize }
