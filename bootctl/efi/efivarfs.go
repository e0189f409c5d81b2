package efi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Mount is where Linux shows the variables.
const Mount = "/sys/firmware/efi/efivars"

// The vendors of the variables.
const (
	vendorGlobal = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
	vendorAbota  = "045ef5aa-cb5b-4884-aafb-00fc5f1b8e56"
)

// attributes of every variable here: kept without power, readable while the
// firmware boots and while the system runs.
const attributes = 0x1 | 0x2 | 0x4

// variables is what the firmware keeps, by the name that efivarfs shows:
// "BootOrder-8be4…". Reading one that is not there wraps fs.ErrNotExist. After
// a power cut a write or a removal happened or did not.
type variables interface {
	read(name string) (attributes uint32, data []byte, err error)
	write(name string, attributes uint32, data []byte) error
	remove(name string) error
	list() ([]string, error)
}

// efivarfs is the kernel's file system of variables.
type efivarfs struct{ dir string }

// immutable is FS_IMMUTABLE_FL of linux/fs.h.
const immutable = 0x10

// attributesSize is the word in front of each variable's data.
const attributesSize = 4

func (e efivarfs) read(name string) (uint32, []byte, error) {
	b, err := os.ReadFile(filepath.Join(e.dir, name))
	switch {
	case err != nil:
		return 0, nil, err
	case len(b) == 0: // made by an open whose write failed: the firmware has none
		return 0, nil, fmt.Errorf("%s is empty: %w", name, fs.ErrNotExist)
	case len(b) < attributesSize:
		return 0, nil, fmt.Errorf("%s has only %d bytes", name, len(b))
	}
	return binary.LittleEndian.Uint32(b), b[attributesSize:], nil
}

// write hands attributes and data to the firmware in one call, as efivarfs
// demands: it makes one SetVariable of each write.
func (e efivarfs) write(name string, attributes uint32, data []byte) error {
	path := filepath.Join(e.dir, name)
	restore, err := mutable(path)
	if err != nil {
		return err
	}
	defer restore()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return explain(err)
	}
	b := append(binary.LittleEndian.AppendUint32(nil, attributes), data...)
	n, err := unix.Write(int(f.Fd()), b)
	if err == nil && n != len(b) {
		err = fmt.Errorf("only %d of %d bytes were taken", n, len(b))
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return explain(err)
}

func (e efivarfs) remove(name string) error {
	path := filepath.Join(e.dir, name)
	if _, err := mutable(path); err != nil {
		return err
	}
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return explain(err)
}

func (e efivarfs) list() ([]string, error) {
	entries, err := os.ReadDir(e.dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, nil
}

// mutable clears the flag by which Linux keeps variables safe from `rm -rf`,
// and returns what sets it again. A variable that is not there has none, and
// neither has one on another file system.
func mutable(path string) (restore func(), err error) {
	nothing := func() {}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nothing, nil
	}
	if err != nil {
		return nothing, explain(err)
	}
	defer f.Close()
	flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil || flags&immutable == 0 {
		return nothing, nil
	}
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags&^immutable); err != nil {
		return nothing, explain(fmt.Errorf("clear the immutable flag of %s: %w", path, err))
	}
	return func() { protect(path, flags) }, nil
}

// protect is a courtesy: without the flag all works, only less safely.
func protect(path string, flags int) {
	if f, err := os.Open(path); err == nil {
		defer f.Close()
		_ = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags)
	}
}

// explain adds what to do to what the firmware or Linux refused.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("%w: the firmware has no room for it: remove boot entries nobody needs with efibootmgr, and what crashes left in /sys/fs/pstore", err)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%w: the variables are mounted read-only: mount -o remount,rw %s", err, Mount)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: run as root, on firmware that lets its variables be written", err)
	}
	return err
}

// global is the full name of one of the specification's variables.
func global(name string) string { return name + "-" + vendorGlobal }

// ofBoot is the number in the name of a Boot#### variable.
func ofBoot(name string) (number uint16, ok bool) {
	digits, ok := strings.CutSuffix(name, "-"+vendorGlobal)
	digits, boot := strings.CutPrefix(digits, "Boot")
	if !ok || !boot || len(digits) != 4 || strings.Trim(digits, "0123456789ABCDEF") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 16)
	return uint16(n), err == nil
}

func bootName(number uint16) string { return fmt.Sprintf("Boot%04X", number) }
