// Package slot decides which device is written, holds it exclusively while it
// is written, and proves what was written.
//
// # Guarantee
//
// A [Target] is never the other slot and never in use: neither it nor a device
// that shares its storage through partitions, dm, loop or md is mounted, swap
// or behind "/". Device numbers and inodes decide, never names or file-system
// UUIDs. Block devices are held with O_EXCL and files with flock, and the
// checks are repeated once the target is held. A refusal writes nothing.
//
// A [Proof] says that these bytes were flushed without an error and read back
// past the page cache, and that what came back is what was written, byte for
// byte.
//
// A slot may be a [Group] of parts. None of them shares storage with another,
// with a part of the booted slot, or with anything in use. A part that is written
// in place is a file that keeps its size, its place and its name: it has no
// second name, no holes, lies on a file system that does not move what changes,
// and on none of the slots; after its last write it holds the image and zeroes
// to its end, all of which was read back.
//
// # Not guaranteed
//
// What a boot loader makes of the zeroes behind an image in a file. A kernel for
// EFI, a cpio archive, also a compressed one, and a device tree say by themselves
// where they end. The signature of a PE image covers all of the file by its
// specification (Authenticode), so one for Secure Boot has to be padded to the
// file's size before it is signed; that was not tried here.
//
// That both slots' boot entries start their own parts: whoever knows the entries
// looks at that.
//
// A drive may answer the reading back from its own cache; the flush at the end
// is its promise, which cannot be checked. Where the file system knows no
// O_DIRECT (tmpfs), pages are dropped with fadvise before they are read,
// which the kernel may ignore. Two dm or md devices on the same lower device
// are taken for neighbours, as logical volumes are; mappings that really
// overlap are not found.
package slot

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Errors that a caller tells apart with errors.Is.
var (
	// ErrInUse: something mounts, swaps on or holds the device.
	ErrInUse = errors.New("slot is in use")
	// ErrSameDevice: the configuration names the same storage twice.
	ErrSameDevice = errors.New("both slots are on the same storage")
	// ErrFull: the image is larger than the slot.
	ErrFull = errors.New("image is larger than the slot")
	// ErrPlace: a file that is to be written in place is not there, or cannot be.
	ErrPlace = errors.New("part cannot be overwritten in place")
	// ErrReadback: the medium does not hold what was written to it.
	ErrReadback = errors.New("slot does not hold what was written")
)

// Host is where the kernel shows its state. The zero value is this machine;
// tests point it at folders.
type Host struct {
	Proc, Sys, Dev string
	// Through, optional, stands between the writer and the medium of the
	// target at this path, which was checked and is held: a test's failing
	// disk.
	Through func(path string, m Medium) Medium
	// InPlace says why a file cannot be overwritten where it lies, or nil. No
	// file is, without it.
	InPlace func(path string) error
}

func (h Host) proc(name string) string { return filepath.Join(or(h.Proc, "/proc"), name) }
func (h Host) sys(name string) string  { return filepath.Join(or(h.Sys, "/sys"), name) }
func (h Host) dev(name string) string  { return filepath.Join(or(h.Dev, "/dev"), name) }

func or(path, standard string) string {
	if path == "" {
		return standard
	}
	return path
}

// device is what sysfs tells of one block device. Sizes are in bytes.
type device struct {
	name   string // node below /dev
	number uint64
	dir    string // in sysfs
	size   int64

	disk   uint64 // the disk that a partition is on, or 0
	index  int    // the partition's number on it
	start  int64  // where on it
	label  string // PARTNAME, as far as the kernel tells
	uuid   string // PARTUUID, as far as the kernel tells
	slaves []uint64

	backing []storage // of a loop device: the one thing that it shows, under the names that it has
	offset  int64     // of the loop in it
}

// devices reads all block devices, in the order of their names.
func (h Host) devices() ([]*device, error) {
	dirs, err := os.ReadDir(h.sys("class/block"))
	if err != nil {
		return nil, fmt.Errorf("list block devices: %w", err)
	}
	var all []*device
	for _, entry := range dirs {
		d, err := h.device(h.sys("class/block/" + entry.Name()))
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV): // unplugged meanwhile
		case err != nil:
			return nil, fmt.Errorf("read block device %s: %w", entry.Name(), err)
		default:
			all = append(all, d)
		}
	}
	return all, nil
}

func (h Host) device(dir string) (*device, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	event, err := readEvent(dir)
	if err != nil {
		return nil, err
	}
	d := &device{dir: dir, name: event["DEVNAME"], label: event["PARTNAME"], uuid: event["PARTUUID"]}
	if d.number, err = number(event["MAJOR"] + ":" + event["MINOR"]); err != nil {
		return nil, err
	}
	d.size = 512 * readInt(dir, "size")
	if d.index = int(readInt(dir, "partition")); d.index > 0 {
		d.start = 512 * readInt(dir, "start")
		if d.disk, err = readNumber(filepath.Dir(dir)); err != nil {
			return nil, err
		}
	}
	if d.slaves, err = slaves(dir); err != nil {
		return nil, err
	}
	h.readLoop(d)
	return d, nil
}

// readEvent reads the KEY=value lines of a device.
func readEvent(dir string) (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "uevent"))
	if err != nil {
		return nil, err
	}
	event := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "=")
		event[key] = value
	}
	return event, nil
}

func slaves(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "slaves"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []uint64
	for _, entry := range entries {
		n, err := readNumber(filepath.Join(dir, "slaves", entry.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, err
}

// readLoop finds what a loop device shows. The kernel knows the inode; the
// path in sysfs may lead elsewhere by now, so it only counts besides.
func (h Host) readLoop(d *device) {
	path := strings.TrimSuffix(readText(d.dir, "loop/backing_file"), " (deleted)")
	if path == "" {
		return
	}
	d.offset = readInt(d.dir, "loop/offset")
	if s, err := identify(path); err == nil {
		d.backing = append(d.backing, s)
	}
	f, err := os.OpenFile(h.dev(d.name), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	info, err := unix.IoctlLoopGetStatus64(int(f.Fd()))
	switch {
	case err != nil:
	case info.Rdevice != 0:
		d.backing = append(d.backing, storage{dev: info.Rdevice})
	default:
		d.backing = append(d.backing, storage{dev: info.Device, ino: info.Inode})
	}
}

func readText(dir, name string) string {
	text, _ := os.ReadFile(filepath.Join(dir, name))
	return strings.TrimSuffix(string(text), "\n")
}

// readInt is 0 for an attribute that the device does not have.
func readInt(dir, name string) int64 {
	n, _ := strconv.ParseInt(readText(dir, name), 10, 64)
	return n
}

func readNumber(dir string) (uint64, error) {
	text, err := os.ReadFile(filepath.Join(dir, "dev"))
	if err != nil {
		return 0, err
	}
	return number(strings.TrimSpace(string(text)))
}

// number parses "major:minor".
func number(text string) (uint64, error) {
	major, minor, _ := strings.Cut(text, ":")
	a, err1 := strconv.ParseUint(major, 10, 32)
	b, err2 := strconv.ParseUint(minor, 10, 32)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("%q is not a device number", text)
	}
	return unix.Mkdev(uint32(a), uint32(b)), nil
}
