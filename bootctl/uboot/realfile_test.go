package uboot

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"abota/bootctl"
)

// mounted is a file system in a file, of a size in MiB, where this machine can
// mount one: its folder, and what holds it.
func mounted(t *testing.T, kind string, size int64) (folder, holder string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may mount")
	}
	dir := t.TempDir()
	folder, holder = filepath.Join(dir, "mnt"), filepath.Join(dir, kind)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(holder, make([]byte, size<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"mkfs." + kind, holder}, {"mount", "-t", kind, "-o", "loop", holder, folder}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%q: %v: %s", command, err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", folder).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return folder, holder
}

// TestAFileIsOverwrittenWhereItLies: what a Store wrote is on the medium at the
// place where the file was before, while the file system is still mounted, so that
// a loader finds it that replays no journal.
func TestAFileIsOverwrittenWhereItLies(t *testing.T) {
	for _, kind := range []string{"ext4", "vfat"} {
		t.Run(kind, func(t *testing.T) {
			folder, holder := mounted(t, kind, 16)
			files := [2]string{filepath.Join(folder, "uboot.env"), filepath.Join(folder, "uboot-redund.env")}
			const size = 0x4000
			var at [2]int
			for i, path := range files {
				mark := bytes.Repeat([]byte{0x5a, byte(i)}, size/2)
				fill(t, path, mark)
				if at[i] = bytes.Index(raw(t, holder), mark); at[i] < 0 {
					t.Fatalf("%s is not found on %s in one piece", path, holder)
				}
			}
			inPlace(t, files[:], size, holder, at[:])
			inPlace(t, files[:1], size, holder, at[:1])
		})
	}
}

// inPlace stores tables in files and looks for them at their places on the raw
// medium.
func inPlace(t *testing.T, files []string, size int64, holder string, at []int) {
	t.Helper()
	var copies []Copy
	for _, path := range files {
		copies = append(copies, Copy{Path: path, Size: size})
		fill(t, path, bytes.Repeat([]byte{0x5a}, int(size)))
	}
	b, err := New(copies, true)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint32(4) {
		table := sample()
		table.Generation = i
		if err := b.Store(table); err != nil {
			t.Fatal(err)
		}
		image := raw(t, holder)
		counts := bootctl.ErrNoTable
		for k := range copies {
			header := headerSize
			if len(copies) == 1 {
				header = singleHeader
			}
			content := image[at[k] : at[k]+int(size)]
			if env := parseEnvironment(content[header:]); holds(content, header) && env.get(varGeneration) == hex(i) {
				counts = nil
			}
		}
		if counts != nil {
			t.Errorf("%d copies, store %d: not where the files were on %s", len(copies), i, holder)
		}
	}
}

// fill writes a file from its beginning on, where it lies.
func fill(t *testing.T, path string, content []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync()); err != nil {
		t.Fatal(err)
	}
}

func raw(t *testing.T, holder string) []byte {
	t.Helper()
	b, err := os.ReadFile(holder)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
