package sdboot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// folder is where the entries are, on a FAT file system.
type folder interface {
	list() ([]string, error)
	read(name string) ([]byte, error)
	// create makes a file that is not there. A power cut may leave it with any
	// content that its clusters had before.
	create(name string, data []byte) error
	// overwrite replaces one sector in place: all of it or nothing.
	overwrite(name string, data []byte) error
	remove(name string) error
}

// mounted is a folder of a mounted file system.
type mounted struct{ dir string }

func (m mounted) list() ([]string, error) {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// read takes what the medium holds, not what the page cache remembers.
func (m mounted) read(name string) ([]byte, error) {
	f, err := os.Open(filepath.Join(m.dir, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return nil, fmt.Errorf("drop cached pages: %w", err)
	}
	return io.ReadAll(io.LimitReader(f, maxRead))
}

// maxRead is more than any entry of ours has: a longer file is none of them.
const maxRead = 16 * Size

func (m mounted) create(name string, data []byte) error {
	return m.write(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, data)
}

func (m mounted) overwrite(name string, data []byte) error {
	return m.write(name, os.O_WRONLY, data)
}

func (m mounted) write(name string, flag int, data []byte) error {
	f, err := os.OpenFile(filepath.Join(m.dir, name), flag, 0o644)
	if err != nil {
		return explain(err)
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = m.sync()
	}
	return explain(err)
}

func (m mounted) remove(name string) error {
	err := os.Remove(filepath.Join(m.dir, name))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = m.sync()
	}
	return explain(err)
}

// sync flushes the whole file system: FAT keeps a file's name, its chain of
// clusters and its content in different places.
func (m mounted) sync() error {
	d, err := os.Open(m.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("flush the file system of %s: %w", m.dir, err)
	}
	return nil
}

func explain(err error) error {
	switch {
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%w: mount the boot partition read-write; where it became read-only by itself, check it with fsck.vfat", err)
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("%w: make room on the boot partition", err)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: run as root", err)
	}
	return err
}
