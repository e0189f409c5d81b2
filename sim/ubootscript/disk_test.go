package ubootscript

import (
	"bytes"
	"path/filepath"
	"testing"

	"abota/sim/disk"
	"abota/sim/loaderscript"
)

// The disk: boot, environment, slot A, slot B.
const (
	mib      = 1 << 20
	envAt    = 2 * mib
	envSize  = 0x4000
	copyGap  = 0x400000
	slotAt   = 8 * mib
	slotSize = loaderscript.SlotSize
	diskSize = slotAt + 2*slotSize + mib
	sector   = loaderscript.Sector
)

// copyAt is where a copy of the environment begins on the disk.
func copyAt(i int) int { return envAt + i*copyGap }

// workshop makes disks. Everything in it is shared by all tests of a board
// and made once.
type workshop struct {
	board    board
	dir      string
	firmware string
	empty    []byte // the disk with the script and without environment and slots
	slots    loaderscript.Slots
}

func newWorkshop(t *testing.T, b board, script string) *workshop {
	t.Helper()
	b.need(t)
	w := &workshop{board: b, dir: loaderscript.Scratch(t), slots: loaderscript.Slots{Machine: b.Machine}}
	w.firmware = b.firmware(t, w.dir)
	folder := filepath.Join(w.dir, "boot")
	image := filepath.Join(folder, "boot.scr")
	loaderscript.Write(t, image, nil)
	loaderscript.Tool(t, "mkimage", "-A", "arm", "-T", "script", "-C", "none", "-n", "abota", "-d", script, image)
	boot := filepath.Join(w.dir, "boot.fat")
	if err := disk.FAT(t.Context(), boot, folder, "BOOT", mib); err != nil {
		t.Fatal(err)
	}
	w.empty = partitioned(t, filepath.Join(w.dir, "empty.img"), "uboot-env", envSize+copyGap)
	copy(w.empty[mib:], loaderscript.Read(t, boot))
	return w
}

// partitioned is an empty disk with a partition table.
func partitioned(t *testing.T, path, envLabel string, envLength int) []byte {
	t.Helper()
	return loaderscript.Partitioned(t, path, diskSize,
		loaderscript.Partition{Name: "boot", At: mib, Size: mib, Options: []string{"--attributes=N:set:2"}},
		loaderscript.Partition{Name: envLabel, At: envAt, Size: envLength},
		loaderscript.Partition{Name: "root-a", At: slotAt, Size: slotSize},
		loaderscript.Partition{Name: "root-b", At: slotAt + slotSize, Size: slotSize})
}

// boot powers the board on with this disk.
func (w *workshop) boot(t *testing.T, drive ...string) loaderscript.Outcome {
	t.Helper()
	return w.board.Boot(t, append([]string{"-bios", w.firmware}, drive...)...)
}

// disk is a disk with these two slots and copies of the environment, nil for
// none.
func (w *workshop) disk(t *testing.T, a, b loaderscript.Files, copies [2][]byte) []byte {
	t.Helper()
	image := bytes.Clone(w.empty)
	for i, content := range []loaderscript.Files{a, b} {
		copy(image[slotAt+i*slotSize:], w.slots.Image(t, content))
	}
	for i, c := range copies {
		copy(image[copyAt(i):], c)
	}
	return image
}
