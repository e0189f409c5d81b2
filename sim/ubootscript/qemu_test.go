package ubootscript

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"abota/sim/loaderscript"
	"abota/sim/parts"
)

// board is what differs between the processors that are tested.
type board struct {
	loaderscript.Machine
	arch  string // Debian's name of it
	uboot string // a package's U-Boot, empty when it is built
}

const resets = "\nresetting ..."

var arm64 = board{
	Machine: loaderscript.Machine{
		QEMU:   []string{"qemu-system-aarch64", "-accel", "tcg", "-machine", "virt", "-cpu", "cortex-a57"},
		Kernel: "Image", Disk: "virtio-blk-device", Payload: loaderscript.ARM64, Resets: resets,
	},
	arch:  "arm64",
	uboot: "/usr/lib/u-boot/qemu_arm64/u-boot.bin",
}

var arm32 = board{
	Machine: loaderscript.Machine{
		QEMU:   []string{"qemu-system-arm", "-accel", "tcg", "-machine", "virt", "-cpu", "cortex-a15"},
		Kernel: "zImage", Disk: "virtio-blk-device", Payload: loaderscript.ARM32, Resets: resets,
	},
	arch:  "armhf",
	uboot: "/usr/lib/u-boot/qemu_arm/u-boot.bin",
}

var amd64 = board{
	Machine: loaderscript.Machine{
		QEMU:   parts.AMD64().QEMU,
		Kernel: "bzImage", Disk: "virtio-blk-pci", Payload: loaderscript.PC, Resets: resets,
	},
	arch: "amd64",
}

func TestMain(m *testing.M) {
	code := m.Run()
	fmt.Printf("ubootscript: %d boots of a real U-Boot\n", loaderscript.Boots.Load())
	os.Exit(code)
}

// need skips where the board cannot be emulated, and under -short.
func (b board) need(t *testing.T) {
	t.Helper()
	b.Need(t)
	if b.uboot == "" {
		return
	}
	if _, err := os.Stat(b.uboot); err != nil {
		t.Skipf("skipped: no %s: run `make deps`", b.uboot)
	}
}

// firmware is U-Boot without its delay of two seconds, a string of its
// built-in environment. Where Debian's cannot run the script, the simulator's
// own stands in for it.
func (b board) firmware(t *testing.T, dir string) string {
	t.Helper()
	if b.uboot == "" {
		return b.builtFirmware(t)
	}
	image, err := os.ReadFile(b.uboot)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(image, []byte("bootdelay=2\x00")) != 1 {
		t.Fatalf("%s does not hold bootdelay=2 once: is it Debian's?", b.uboot)
	}
	path := filepath.Join(dir, "u-boot.bin")
	loaderscript.Write(t, path, bytes.Replace(image, []byte("bootdelay=2\x00"), []byte("bootdelay=0\x00"), 1))
	return path
}

// builtFirmware is what the simulator builds and keeps in its cache.
func (b board) builtFirmware(t *testing.T) string {
	t.Helper()
	kind, err := parts.FindBoard(b.arch)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := parts.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	path, err := parts.UBoot(t.Context(), kind.Arch, cache, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	return path
}
