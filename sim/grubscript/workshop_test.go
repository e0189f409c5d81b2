package grubscript

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"abota/sim/disk"
	"abota/sim/loaderscript"
	"abota/sim/parts"
)

const script = "../../bootctl/grub/grub.cfg"

// The disk: boot, slot A, slot B, and a file system of its own for what GRUB reads
// where that is not on the ESP. The places of the slots are the script's gpt2 and
// gpt3.
const (
	mib      = 1 << 20
	bootAt   = mib
	bootSize = 8 * mib
	slotAt   = bootAt + bootSize
	slotSize = loaderscript.SlotSize
	ownAt    = slotAt + 2*slotSize
	ownSize  = 4 * mib
	diskSize = ownAt + ownSize + mib
)

func TestMain(m *testing.M) {
	code := m.Run()
	fmt.Printf("grubscript: %d boots of a real GRUB\n", loaderscript.Boots.Load())
	os.Exit(code)
}

// workshop makes disks. Everything in it is shared by all tests and made once.
type workshop struct {
	loaderscript.Slots
	parts parts.Set
	dir   string
	empty []byte // the disk with its partition table alone
	ext4  bool   // what GRUB reads is on ext4 and not on FAT
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	kind, err := parts.FindBoard("amd64-grub")
	if err != nil {
		t.Fatal(err)
	}
	w := &workshop{dir: loaderscript.Scratch(t)}
	w.Machine = loaderscript.Machine{
		QEMU: kind.QEMU, Disk: "virtio-blk-" + kind.Virtio, Kernel: kind.KernelFile, Payload: loaderscript.PC,
		Resets: "abota: no slot could be started: reset",
	}
	w.Need(t)
	if _, err := exec.LookPath("grub-editenv"); err != nil {
		t.Skip("skipped: no grub-editenv: run `make deps`")
	}
	cache, err := parts.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	if w.parts, err = parts.Fetch(t.Context(), kind, cache, t.Output()); err != nil {
		t.Fatal(err)
	}
	w.empty = loaderscript.Partitioned(t, filepath.Join(w.dir, "empty.img"), diskSize,
		loaderscript.Partition{Name: "boot", At: bootAt, Size: bootSize, Options: []string{"--typecode=N:ef00"}},
		loaderscript.Partition{Name: "root-a", At: slotAt, Size: slotSize},
		loaderscript.Partition{Name: "root-b", At: slotAt + slotSize, Size: slotSize},
		loaderscript.Partition{Name: "own", At: ownAt, Size: ownSize})
	return w
}

// places are where the script has its files: both blocks, and the counts.
var places = [3]string{"abota/0/env", "abota/1/env", "abota/count/env"}

// disk is a disk with these slots and files.
func (w *workshop) disk(t *testing.T, a, b loaderscript.Files, files [3]string) []byte {
	t.Helper()
	image := bytes.Clone(w.empty)
	for i, content := range []loaderscript.Files{a, b} {
		copy(image[slotAt+i*slotSize:], w.Image(t, content))
	}
	esp := loaderscript.Scratch(t)
	loaderscript.Write(t, filepath.Join(esp, "EFI/BOOT", w.parts.Board.Firmware.Removable), loaderscript.Read(t, w.parts.Loader))
	if !w.ext4 {
		w.grubFiles(t, esp, files)
		copy(image[bootAt:], w.fat(t, esp, "BOOT"))
		return image
	}
	own := loaderscript.Scratch(t)
	w.grubFiles(t, own, files)
	path := filepath.Join(loaderscript.Scratch(t), "own.img")
	if err := disk.Ext4Journaled(t.Context(), path, own, "BOOT", ownSize); err != nil {
		t.Fatal(err)
	}
	copy(image[ownAt:], loaderscript.Read(t, path))
	copy(image[bootAt:], w.fat(t, esp, "ESP"))
	return image
}

// grubFiles writes what GRUB reads into a folder.
func (w *workshop) grubFiles(t *testing.T, dir string, files [3]string) {
	t.Helper()
	loaderscript.Write(t, filepath.Join(dir, "grub", "grub.cfg"), loaderscript.Read(t, script))
	for i, content := range files {
		if content != none {
			loaderscript.Write(t, filepath.Join(dir, places[i]), []byte(content))
		}
	}
}

func (w *workshop) fat(t *testing.T, dir, label string) []byte {
	t.Helper()
	path := filepath.Join(loaderscript.Scratch(t), "boot.img")
	if err := disk.FAT(t.Context(), path, dir, label, bootSize); err != nil {
		t.Fatal(err)
	}
	return loaderscript.Read(t, path)
}

// boot powers the board on with the disk at path.
func (w *workshop) boot(t *testing.T, path string, f loaderscript.Fault) loaderscript.Outcome {
	t.Helper()
	vars := filepath.Join(loaderscript.Scratch(t), "vars")
	loaderscript.Write(t, vars, loaderscript.Read(t, w.parts.Vars))
	drive := f.Drive(t, w.Machine, path)
	drive[len(drive)-1] += ",bootindex=0"
	return w.Boot(t, append([]string{
		"-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + w.parts.Code,
		"-drive", "if=pflash,unit=1,format=raw,file=" + vars,
	}, drive...)...)
}

// counts is what GRUB's file on the disk at path holds, nil when it is not there.
func (w *workshop) counts(t *testing.T, path string) []byte {
	t.Helper()
	out := filepath.Join(loaderscript.Scratch(t), "counts")
	if w.ext4 {
		part := filepath.Join(filepath.Dir(out), "own.img")
		loaderscript.Write(t, part, loaderscript.Read(t, path)[ownAt:ownAt+ownSize])
		loaderscript.Tool(t, "debugfs", "-R", "dump /"+places[2]+" "+out, part)
	} else {
		listing := loaderscript.Tool(t, "mdir", "-b", "-i", fmt.Sprintf("%s@@%d", path, bootAt), "-/", "::/")
		if !strings.Contains(listing, places[2]) {
			return nil
		}
		loaderscript.Tool(t, "mcopy", "-n", "-i", fmt.Sprintf("%s@@%d", path, bootAt), "::/"+places[2], out)
	}
	return loaderscript.Read(t, out)
}
