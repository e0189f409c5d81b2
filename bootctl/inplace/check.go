package inplace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// moving are the file systems that write changed content to a new place, by
// the numbers of statfs(2): what a loader then reads is decided by metadata that
// it may not replay, so that overwriting a file is no single commit point.
var moving = map[uint32]string{
	unix.BTRFS_SUPER_MAGIC: "btrfs",
	unix.F2FS_SUPER_MAGIC:  "f2fs",
	unix.NILFS_SUPER_MAGIC: "nilfs2",
	0x24051905:             "ubifs",
	0x000072b6:             "jffs2",
	0x2fc12fc1:             "zfs",
	0xca451a4e:             "bcachefs",
}

// unread are the file systems that no loader reads at all.
var unread = map[uint32]string{
	unix.OVERLAYFS_SUPER_MAGIC: "overlay",
	unix.TMPFS_MAGIC:           "tmpfs",
	unix.RAMFS_MAGIC:           "ramfs",
}

// Moves names the file system of an opened file if it is one that writes changed
// content to a new place; otherwise it is empty.
func Moves(f *os.File) (fileSystem string, err error) {
	var on unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &on); err != nil {
		return "", fmt.Errorf("inspect the file system of %s: %w", f.Name(), err)
	}
	return moving[uint32(on.Type)], nil
}

// Hole reports whether a part of an opened file, in bytes, has no blocks of its
// own yet, so that a first write to it is not in place. Where the file system
// does not tell, there is none.
func Hole(f *os.File, offset, size int64) bool {
	at, err := unix.Seek(int(f.Fd()), offset, unix.SEEK_HOLE)
	return err == nil && at < offset+size
}

// Check says why what lies at this path cannot be overwritten in place so that
// a loader reads it: nil for a block device and for a preallocated file on a
// file system that keeps it where it is. It is for doctor and for provisioning.
func Check(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return fmt.Errorf("inspect: %w", &fs.PathError{Op: "stat", Path: path, Err: err})
	}
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFBLK:
		return nil
	case syscall.S_IFREG:
	default:
		return fmt.Errorf("cannot overwrite %s in place because it is neither a file nor a block device", path)
	}
	var on unix.Statfs_t
	if err := unix.Statfs(path, &on); err != nil {
		return fmt.Errorf("inspect: %w", &fs.PathError{Op: "statfs", Path: path, Err: err})
	}
	if err := stays(uint32(on.Type), st.Size, st.Blocks); err != nil {
		return fmt.Errorf("cannot overwrite %s in place because %w", path, err)
	}
	return nil
}

// stays decides for a file of size bytes that takes this many blocks of 512.
func stays(fileSystem uint32, size, blocks int64) error {
	const instead = "use a partition of its own, or a file on FAT or ext4"
	if name := moving[fileSystem]; name != "" {
		return fmt.Errorf("%s writes changed content elsewhere: %s", name, instead)
	}
	if name := unread[fileSystem]; name != "" {
		return fmt.Errorf("no loader reads %s: %s", name, instead)
	}
	if blocks*512 < size {
		return errors.New("it has holes: write it in full where it is provisioned (dd, not truncate)")
	}
	return nil
}
