package tree

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// CheckPlace refuses a path that cannot be a directory slot: its parent must
// exist, and where something is there it must be a plain folder, on which
// nothing is mounted.
func CheckPlace(path string) error {
	parent, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("%w: the folder that is to hold %s: %w: create it first", ErrPlace, path, err)
	}
	fi, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", ErrPlace, err)
	case fi.Mode().Type() == fs.ModeSymlink:
		return fmt.Errorf("%w: %s is a symbolic link: name the folder itself", ErrPlace, path)
	case !fi.IsDir():
		return fmt.Errorf("%w: %s is no folder: remove it, or name another", ErrPlace, path)
	}
	point, err := mountBelow(filepath.Join(parent, filepath.Base(path)))
	switch {
	case err != nil:
		return fmt.Errorf("%w: cannot tell whether anything is mounted in %s: %w", ErrPlace, path, err)
	case point != "":
		return fmt.Errorf("%w: %s is a mount point, so %s cannot be replaced: name a folder inside the mount", ErrPlace, point, path)
	}
	return nil
}

// unescape undoes how mountinfo writes blanks (proc_pid_mountinfo(5)).
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// mountBelow finds a mount at or below a folder.
func mountBelow(path string) (string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 {
			continue
		}
		if point := unescape.Replace(fields[4]); point == path || strings.HasPrefix(point, path+"/") {
			return point, nil
		}
	}
	return "", lines.Err()
}

// The part of a file system that is left free, so that what is started from
// the new tree finds room: 1/64, but no more than 16 MiB.
const (
	reserveShare = 64
	reserveMost  = 16 << 20
)

func reserve(total int64) int64 { return min(total/reserveShare, reserveMost) }

// free is how many bytes may be written.
func (t *Target) free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(t.path), &st); err != nil {
		return 0, fmt.Errorf("measure the space for %s: %w", t.path, err)
	}
	block := int64(st.Bsize)
	return max(0, int64(st.Bavail)*block-reserve(int64(st.Blocks)*block)), nil
}

// usage is about how many bytes removing a tree sets free.
func usage(parent *os.Root, name string) (n int64) {
	_ = fs.WalkDir(parent.FS(), name, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // less is known, less is counted
		}
		if fi, err := d.Info(); err == nil && fi.Mode().IsRegular() {
			n += blocks(fi.Size())
		}
		return nil
	})
	return n
}

// blockSize is what space is counted in.
const blockSize = 4096

func blocks(size int64) int64 { return (size + blockSize - 1) / blockSize * blockSize }
