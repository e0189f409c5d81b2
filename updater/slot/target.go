package slot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Target is a part of the slot that is going to be written, held exclusively.
type Target struct {
	path   string
	file   *os.File
	disk   *disk
	size   int64
	writer *Writer
	// inPlace: zeroes follow the image to the file's end.
	inPlace bool
	// through is Host.Through.
	through func(path string, m Medium) Medium
}

// OpenTarget opens a slot that is one device or file for writing and holds it
// exclusively: a block device with O_EXCL, a file with flock. It writes nothing.
// It refuses (ErrInUse, ErrSameDevice) a target that shares storage with
// anything in use, or with the booted slot, which must exist. A file keeps the
// size that it has.
func (h Host) OpenTarget(path, booted string) (*Target, error) {
	open, err := h.OpenGroup(Alone(path), Alone(booted))
	if err != nil {
		return nil, err
	}
	return open[0], nil
}

// hold opens the target, makes sure that it is what was checked, and measures
// it.
func (t *Target) hold(h Host, target volume) (err error) {
	flag := os.O_RDWR
	if target.ino == 0 {
		flag |= os.O_EXCL
	}
	if t.file, err = os.OpenFile(t.path, flag, 0); err != nil {
		return h.refusal(target, err)
	}
	if err := sameStorage(t.file, target.storage); err != nil {
		return err
	}
	if target.ino == 0 {
		err = t.checkWritable()
	} else {
		err = t.lock()
	}
	if err != nil {
		return err
	}
	if t.size, err = t.file.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("measure slot: %w", err)
	}
	if t.size == 0 {
		return fmt.Errorf("cannot write %s because it has no space at all: create it with its full size first (truncate -s SIZE)", t.path)
	}
	t.disk, err = openDisk(t.file, os.O_RDWR)
	return err
}

// refusal explains why the target could not be opened.
func (h Host) refusal(target volume, err error) error {
	switch {
	case errors.Is(err, unix.EBUSY):
		var holders string
		if t, err := h.tree(); err == nil {
			holders = t.holders(target.storage)
		}
		return fmt.Errorf("%w: cannot write %s because the kernel or another process holds it%s: stop what uses it", ErrInUse, target.path, holders)
	case errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0:
		return fmt.Errorf("open slot: %w: run as root", err)
	case errors.Is(err, unix.EROFS), errors.Is(err, fs.ErrPermission):
		return readOnly(target.path)
	}
	return fmt.Errorf("open slot: %w", err)
}

func readOnly(path string) error {
	return fmt.Errorf("cannot write %s because it is read-only: make the device or its file system writable", path)
}

// sameStorage makes sure that a path still led to what was checked.
func sameStorage(f *os.File, want storage) error {
	fi, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open slot: %w", err)
	}
	if got, err := identifyInfo(f.Name(), fi); err != nil || got != want {
		return fmt.Errorf("cannot write %s because it was replaced by something else just now: try again", f.Name())
	}
	return nil
}

// checkWritable asks the kernel, which lets a read-only device be opened for
// writing.
func (t *Target) checkWritable() error {
	ro, err := unix.IoctlGetUint32(int(t.file.Fd()), unix.BLKROGET)
	if err != nil {
		return fmt.Errorf("cannot tell whether %s is read-only: %w", t.path, err)
	}
	if ro != 0 {
		return readOnly(t.path)
	}
	return nil
}

func (t *Target) lock() error {
	err := unix.Flock(int(t.file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%w: cannot write %s because another process has locked it: wait for it", ErrInUse, t.path)
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", t.path, err)
	}
	return nil
}

// Size is the slot's size in bytes.
func (t *Target) Size() int64 { return t.size }

// Writer starts to write at the slot's first byte. A writer that was started
// before is stopped.
func (t *Target) Writer() *Writer {
	if t.writer != nil {
		t.writer.stop()
	}
	m := Medium(t.disk)
	if t.through != nil {
		m = t.through(t.path, m)
	}
	t.writer = newWriter(m, t.path, t.size)
	t.writer.fill = t.inPlace
	return t.writer
}

// Close stops the writer and lets go of the slot.
func (t *Target) Close() error {
	if t.writer != nil {
		t.writer.stop()
	}
	var err error
	if t.disk != nil {
		err = t.disk.Close()
	}
	if t.file != nil {
		err = errors.Join(err, t.file.Close())
	}
	return err
}
