package guest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"abota/sim/parts"
)

// flashInit runs the tests of U-Boot's environment on flash. The first MTD device
// is the board's NOR flash, the second one the kernel's simulator of NAND.
const flashInit = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
while read module; do insmod /lib/modules/$module; done < /lib/modules/order
for second in 1 2 3 4 5 6 7 8 9 10; do [ -e /dev/mtd1 ] && break; sleep 1; done
cat /proc/mtd
cd /tmp
export ABOTA_TEST_MTD=/dev/mtd0 ABOTA_TEST_NAND=/dev/mtd1 ABOTA_TEST_UBI=/dev/ubi0_0
/bin/uboot.test -test.v -test.run RealFlash
echo "guest: done $?"
sleep 1000000
`

// TestEnvironmentOnFlash runs the tests of bootctl/uboot that want real flash in a
// virtual i.MX6 board, whose SPI NOR flash the kernel erases, writes and locks as
// it does any other.
func TestEnvironmentOnFlash(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a virtual board")
	}
	set := sabreLite(t)
	dir, err := os.MkdirTemp("", "flash")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	initrd, flash := filepath.Join(dir, "initrd"), filepath.Join(dir, "flash.img")
	if err := os.WriteFile(initrd, flashInitrd(t, set, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(flash, bytes.Repeat([]byte{0xff}, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	said := runSabreLite(t, set, initrd, flash)
	if !regexp.MustCompile(`(?m)^guest: done 0$`).MatchString(said) {
		t.Fatalf("the guest's tests did not pass:\n%s", said)
	}
	for _, want := range []string{"TestOnRealFlash", "TestLockedRealFlashIsUnlockedForAStore", "TestWhatRealFlashDoesNotTake"} {
		if !strings.Contains(said, "--- PASS: "+want) {
			t.Errorf("%s did not run:\n%s", want, said)
		}
	}
	if !strings.Contains(said, "is raw NAND flash") {
		t.Errorf("nobody refused raw NAND flash:\n%s", said)
	}
}

// sabreLite is the 32-bit kernel with what QEMU's i.MX6 board needs, where both
// are there: a test fetches nothing.
func sabreLite(t *testing.T) parts.Set {
	t.Helper()
	cache, err := parts.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	set := parts.Set{Board: parts.Board{Arch: parts.ARMHF()}}
	for pattern, into := range map[string]*string{"boot/vmlinuz-*": &set.Kernel, "lib/modules/*": &set.Modules, "bin/busybox": &set.BusyBox} {
		found, _ := filepath.Glob(filepath.Join(cache, "armhf", pattern))
		if len(found) != 1 {
			t.Skipf("no %s for armhf in %s: run `abota-sim --board armhf scenario good`", pattern, cache)
		}
		*into = found[0]
	}
	if _, err := exec.LookPath("qemu-system-arm"); err != nil {
		t.Skip("qemu-system-arm is not installed (Debian: qemu-system-arm)")
	}
	return set
}

func flashInitrd(t *testing.T, set parts.Set, dir string) []byte {
	t.Helper()
	program := filepath.Join(dir, "uboot.test")
	build := exec.Command("go", "test", "-c", "-o", program, "abota/bootctl/uboot")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm", "GOARM=7")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the tests: %v: %s", err, out)
	}
	modules, err := loadOrder(set.Modules, []string{"gpio-mxc", "spi-imx", "spi-nor", "mtdblock", "nandsim"})
	if err != nil {
		t.Skipf("this kernel has no such flash: %v", err)
	}
	var out bytes.Buffer
	c := &cpio{w: &out}
	for _, folder := range []string{"bin", "dev", "proc", "sys", "tmp", "lib", "lib/modules", "var", "var/lock"} {
		c.dir(folder)
	}
	var order strings.Builder
	for _, module := range modules {
		fmt.Fprintln(&order, filepath.Base(module))
		c.file("lib/modules/"+filepath.Base(module), 0o644, read(module, c))
	}
	c.file("lib/modules/order", 0o644, []byte(order.String()))
	c.file("bin/busybox", 0o755, read(set.BusyBox, c))
	c.file("bin/uboot.test", 0o755, read(program, c))
	c.file("init", 0o755, []byte(flashInit))
	c.end()
	if c.err != nil {
		t.Fatal(c.err)
	}
	return out.Bytes()
}

// patience is how long the guest may take on a busy machine.
const patience = 5 * time.Minute

func runSabreLite(t *testing.T, set parts.Set, initrd, flash string) string {
	t.Helper()
	version := filepath.Base(set.Modules)
	tree := filepath.Join(set.Modules, "../../../usr/lib/linux-image-"+version, "imx6q-sabrelite.dtb")
	if _, err := os.Stat(tree); err != nil {
		t.Skipf("no device tree of the board: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "qemu-system-arm", "-accel", "tcg", "-machine", "sabrelite", "-smp", "1", "-m", "512",
		"-nographic", "-nic", "none", "-serial", "null", "-serial", "stdio", "-monitor", "none", "-no-reboot",
		"-kernel", set.Kernel, "-dtb", tree, "-initrd", initrd, "-append", "console=ttymxc1,115200 maxcpus=1 panic=1 quiet",
		"-drive", "if=mtd,format=raw,file="+flash)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The board cannot restart, so that QEMU does not end by itself.
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&said, strings.TrimRight(lines.Text(), "\r"))
		if strings.HasPrefix(lines.Text(), "guest: done") {
			break
		}
	}
	cancel()
	_ = cmd.Wait()
	return said.String()
}
