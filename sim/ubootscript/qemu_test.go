package ubootscript

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"abota/sim/parts"
)

// board is what differs between the processors that are tested.
type board struct {
	arch   string // Debian's name of it
	qemu   []string
	uboot  string // a package's U-Boot, empty when it is built
	kernel string // the name that the script looks for
	disk   string // QEMU's name of a virtio disk
	code   []uint32
	header func([]byte)
}

var arm64 = board{
	arch:   "arm64",
	qemu:   []string{"qemu-system-aarch64", "-accel", "tcg", "-machine", "virt", "-cpu", "cortex-a57"},
	uboot:  "/usr/lib/u-boot/qemu_arm64/u-boot.bin",
	kernel: "Image",
	disk:   "virtio-blk-device",
	code:   arm64Code,
	header: imageHeader,
}

var arm32 = board{
	arch:   "armhf",
	qemu:   []string{"qemu-system-arm", "-accel", "tcg", "-machine", "virt", "-cpu", "cortex-a15"},
	uboot:  "/usr/lib/u-boot/qemu_arm/u-boot.bin",
	kernel: "zImage",
	disk:   "virtio-blk-device",
	code:   armCode,
	header: zImageHeader,
}

var amd64 = board{
	arch:   "amd64",
	qemu:   parts.AMD64().QEMU,
	kernel: "bzImage",
	disk:   "virtio-blk-pci",
}

// boots counts the boots that reached a verdict, for the last line of the run.
var boots atomic.Int64

func TestMain(m *testing.M) {
	code := m.Run()
	fmt.Printf("ubootscript: %d boots of a real U-Boot\n", boots.Load())
	os.Exit(code)
}

// need skips where the board cannot be emulated, and under -short.
func (b board) need(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped under -short: boots U-Boot in QEMU")
	}
	if _, err := exec.LookPath(b.qemu[0]); err != nil {
		t.Skipf("skipped: no %s: run `make deps`", b.qemu[0])
	}
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
	write(t, path, bytes.Replace(image, []byte("bootdelay=2\x00"), []byte("bootdelay=0\x00"), 1))
	return path
}

// builtFirmware is what the simulator builds and keeps in its cache.
func (b board) builtFirmware(t *testing.T) string {
	t.Helper()
	arch, err := parts.FindArch(b.arch)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := parts.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	path, err := parts.UBoot(t.Context(), arch, cache, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// outcome is what one boot showed.
type outcome struct {
	console string
	started string // the payload that ran, empty when none did
	cmdline string // the kernel command line that it found
	reset   bool
}

var (
	guestLine = regexp.MustCompile(`(?m)^guest (.*)$`)
	argsLine  = regexp.MustCompile(`(?m)^guest .*\n(console=.*)$`)
)

// patience is far above what a boot takes (half a second), for busy machines.
const patience = 2 * time.Minute

// boot powers the board on and waits until it is off or resets.
func (b board) boot(t *testing.T, firmware string, drive ...string) outcome {
	t.Helper()
	args := append([]string{}, b.qemu[1:]...)
	args = append(args, "-m", "256", "-nographic", "-nic", "none", "-no-reboot", "-bios", firmware)
	args = append(args, drive...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.qemu[0], args...)
	out, err := cmd.CombinedOutput()
	console := strings.ReplaceAll(string(out), "\r", "")
	if err != nil {
		t.Fatalf("%s\nended with %v:\n%s", cmd, err, console)
	}
	boots.Add(1)
	o := outcome{console: console, reset: strings.Contains(console, "\nresetting ...")}
	if m := guestLine.FindStringSubmatch(console); m != nil {
		o.started = m[1]
	}
	if m := argsLine.FindStringSubmatch(console); m != nil {
		o.cmdline = m[1]
	}
	if o.reset == (o.started != "") {
		t.Fatalf("%s\nneither started one slot nor reset:\n%s", cmd, console)
	}
	return o
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
