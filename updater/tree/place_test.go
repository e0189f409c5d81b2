package tree

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPlacesThatAreNoSlots(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(dir, "real"), 0o755))
	must(os.Symlink("real", filepath.Join(dir, "link")))
	must(os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
	for path, says := range map[string]string{
		"link":         "symbolic link",
		"file":         "no folder",
		"missing/slot": "create it first",
	} {
		if err := CheckPlace(filepath.Join(dir, path)); !errors.Is(err, ErrPlace) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", path, err)
		}
	}
	for _, path := range []string{"real", "new"} {
		if err := CheckPlace(filepath.Join(dir, path)); err != nil {
			t.Errorf("%s: got %v", path, err)
		}
	}
	for _, mounted := range []string{"/proc", "/"} {
		if err := CheckPlace(mounted); !errors.Is(err, ErrPlace) || !strings.Contains(err.Error(), "mount point") {
			t.Errorf("%s: got %v", mounted, err)
		}
	}
}

func TestMountInsideASlot(t *testing.T) {
	dir := t.TempDir()
	inner := filepath.Join(dir, "b c", "inner")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", inner, "tmpfs", 0, ""); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	defer unix.Unmount(inner, 0)
	if err := CheckPlace(filepath.Dir(inner)); !errors.Is(err, ErrPlace) || !strings.Contains(err.Error(), inner) {
		t.Errorf("got %v", err)
	}
}

// A file system without room and without inodes says so in one line, and what
// was unpacked is gone.
func TestFullFileSystem(t *testing.T) {
	for name, row := range map[string]struct {
		options string
		items   []item
		says    string
	}{
		"space":  {"size=1m", []item{{"a", strings.Repeat("x", 900<<10), 0o644}, {"b", strings.Repeat("x", 200<<10), 0o644}}, "has room for"},
		"inodes": {"size=1m,nr_inodes=4", []item{{"a", "x", 0o644}, {"b", "x", 0o644}, {"c", "x", 0o644}}, "no space is left"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := unix.Mount("none", dir, "tmpfs", 0, row.options); err != nil {
				t.Skipf("cannot mount: %v", err)
			}
			defer unix.Unmount(dir, 0)
			slot := filepath.Join(dir, "b")
			if _, err := fill(slot, payloadOf(row.items...), Options{}); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v", err)
			}
			if left := listing(t, dir); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			// The old tree makes room for the new one.
			for range 2 {
				if _, err := fill(slot, payloadOf(item{"a", strings.Repeat("x", 700<<10), 0o644}), Options{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestReserveIsSmall(t *testing.T) {
	if got := reserve(64 << 20); got != 1<<20 {
		t.Errorf("of 64 MiB: %d", got)
	}
	if got := reserve(1 << 40); got != reserveMost {
		t.Errorf("of 1 TiB: %d", got)
	}
}
