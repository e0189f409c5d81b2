package ubootscript

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"abota/sim/disk"
	"abota/sim/parts"
)

// The disk: boot, environment, slot A, slot B.
const (
	mib      = 1 << 20
	envAt    = 2 * mib
	envSize  = 0x4000
	copyGap  = 0x400000
	slotAt   = 8 * mib
	slotSize = 2 * mib
	diskSize = slotAt + 2*slotSize + mib
	sector   = 512
)

// copyAt is where a copy of the environment begins on the disk.
func copyAt(i int) int { return envAt + i*copyGap }

// workshop makes disks. Everything in it is shared by all tests of a board
// and made once.
type workshop struct {
	board    board
	dir      string
	firmware string
	empty    []byte            // the disk with the script and without environment and slots
	slots    map[string][]byte // file systems, by what is in them
}

func newWorkshop(t *testing.T, b board, script string) *workshop {
	t.Helper()
	b.need(t)
	w := &workshop{board: b, dir: scratch(t), slots: map[string][]byte{}}
	w.firmware = b.firmware(t, w.dir)
	image := filepath.Join(w.dir, "boot.scr")
	tool(t, "mkimage", "-A", "arm", "-T", "script", "-C", "none", "-n", "abota", "-d", script, image)
	boot := filepath.Join(w.dir, "boot.fat")
	if err := disk.FAT(t.Context(), boot, "BOOT", mib, map[string]string{"boot.scr": image}); err != nil {
		t.Fatal(err)
	}
	w.empty = partitioned(t, filepath.Join(w.dir, "empty.img"), "uboot-env", envSize+copyGap)
	copy(w.empty[mib:], read(t, boot))
	return w
}

// partitioned is an empty disk with a partition table.
func partitioned(t *testing.T, path, envLabel string, envLength int) []byte {
	t.Helper()
	write(t, path, make([]byte, diskSize))
	args := []string{"--clear", "--set-alignment=1"}
	for i, p := range []struct {
		name     string
		at, size int
	}{
		{"boot", mib, mib},
		{envLabel, envAt, envLength},
		{"root-a", slotAt, slotSize},
		{"root-b", slotAt + slotSize, slotSize},
	} {
		args = append(args,
			fmt.Sprintf("--new=%d:%d:%d", i+1, p.at/sector, (p.at+p.size)/sector-1),
			fmt.Sprintf("--change-name=%d:%s", i+1, p.name))
	}
	tool(t, "sgdisk", append(args, "--attributes=1:set:2", path)...)
	return read(t, path)
}

// files is what a slot holds, by path. Nil is a slot without a file system.
type files map[string]string

// healthy is a slot that starts and says so.
func (w *workshop) healthy(name string) files {
	return files{"boot/" + w.board.kernel: string(w.board.payload(name))}
}

// slot is the file system with these files.
func (w *workshop) slot(t *testing.T, content files) []byte {
	t.Helper()
	if content == nil {
		return make([]byte, slotSize)
	}
	var key strings.Builder
	for _, name := range slices.Sorted(maps.Keys(content)) {
		fmt.Fprintf(&key, "%q=%q\n", name, content[name])
	}
	if image, ok := w.slots[key.String()]; ok {
		return image
	}
	dir, path := scratch(t), filepath.Join(scratch(t), "slot.img")
	for name, text := range content {
		write(t, filepath.Join(dir, name), []byte(text))
	}
	if err := disk.Ext4(t.Context(), path, dir, "slot", slotSize); err != nil {
		t.Fatal(err)
	}
	w.slots[key.String()] = read(t, path)
	return w.slots[key.String()]
}

// disk is a disk with these two slots and copies of the environment, nil for
// none.
func (w *workshop) disk(t *testing.T, a, b files, copies [2][]byte) []byte {
	t.Helper()
	image := bytes.Clone(w.empty)
	for i, content := range []files{a, b} {
		copy(image[slotAt+i*slotSize:], w.slot(t, content))
	}
	for i, c := range copies {
		copy(image[copyAt(i):], c)
	}
	return image
}

// tool runs one of the host's commands.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := parts.Tool(name)
	if err != nil {
		t.Fatalf("%v: run `sudo apt-get install u-boot-tools libubootenv-tool gdisk mtools dosfstools e2fsprogs`", err)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// scratch is a folder whose path QEMU takes without quoting, whatever the
// test's name: a comma in it would end the option.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ubootscript")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
