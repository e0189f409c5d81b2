package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"abota/sim/parts"
)

// Ext4 makes an ext4 image of size bytes at path with the content of the
// folder dir, everything owned by root. It has no journal: a slot is mounted
// read-only, and an image without one is smaller. options are more of mke2fs's.
func Ext4(ctx context.Context, path, dir, label string, size int64, options ...string) error {
	return ext4(ctx, path, label, size, append([]string{"-O", "^has_journal", "-d", dir}, options...)...)
}

// Ext4Journaled makes the same with a journal, for data that is written on the
// board and must survive power cuts.
func Ext4Journaled(ctx context.Context, path, dir, label string, size int64) error {
	return ext4(ctx, path, label, size, "-d", dir)
}

func ext4(ctx context.Context, path, label string, size int64, args ...string) error {
	if err := fresh(path, size); err != nil {
		return err
	}
	mke2fs, err := parts.Tool("mke2fs")
	if err != nil {
		return err
	}
	argv, err := asRoot(ctx, mke2fs)
	if err != nil {
		return err
	}
	argv = append(argv, "-q", "-F", "-t", "ext4", "-m", "0", "-L", label)
	argv = append(append(argv, args...), path)
	return run(ctx, argv[0], argv[1:]...)
}

// asRoot returns how to start a command so that it sees the caller's own files
// as root's. mke2fs copies owners as it sees them.
func asRoot(ctx context.Context, command string) ([]string, error) {
	if os.Geteuid() == 0 {
		return []string{command}, nil
	}
	for _, wrap := range [][]string{{"unshare", "-r"}, {"fakeroot"}} {
		if exec.CommandContext(ctx, wrap[0], append(wrap[1:], "true")...).Run() == nil {
			return append(wrap, command), nil
		}
	}
	return nil, errors.New("cannot make files that belong to root because neither `unshare -r` nor fakeroot works here: run `sudo apt-get install -y fakeroot`")
}

// fat32 is the least size of a FAT32, which UEFI wants on a disk.
const fat32 = 40 * mib

// FAT makes a FAT image of size bytes at path with the content of the folder
// dir.
func FAT(ctx context.Context, path, dir, label string, size int64) error {
	if err := fresh(path, size); err != nil {
		return err
	}
	args := []string{"-n", label, path}
	if size >= fat32 {
		args = append([]string{"-F", "32"}, args...)
	}
	if err := run(ctx, "mkfs.vfat", args...); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("fill a FAT: %w", err)
	}
	for _, e := range entries {
		if err := run(ctx, "mcopy", "-s", "-i", path, filepath.Join(dir, e.Name()), "::/"); err != nil {
			return err
		}
	}
	return nil
}

// fresh makes a file of that size that is all zeros.
func fresh(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("make an image: %w", err)
	}
	err = f.Truncate(size)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("make an image: %w", err)
	}
	return nil
}

func run(ctx context.Context, name string, args ...string) error {
	_, err := output(ctx, name, args...)
	return err
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	path, err := parts.Tool(name)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("`%s %s`: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}
