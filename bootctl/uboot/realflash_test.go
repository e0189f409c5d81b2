package uboot

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"abota/bootctl"
)

// realFlash is NOR flash of a real kernel that the tests below may overwrite. It
// is empty on machines without: then they are skipped. ABOTA_TEST_NAND names raw
// NAND flash beside it, and ABOTA_TEST_UBI a UBI volume.
var realFlash = os.Getenv("ABOTA_TEST_MTD")

// chip is that flash, opened and erased.
type chip struct {
	*testing.T
	f     *os.File
	block int64
}

func openChip(t *testing.T) *chip {
	t.Helper()
	if realFlash == "" {
		t.Skip("ABOTA_TEST_MTD names no flash that may be overwritten")
	}
	f, err := os.OpenFile(realFlash, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	facts, err := flashOf(f)
	if err != nil {
		t.Fatal(err)
	}
	c := &chip{t, f, facts.eraseBlock}
	c.request(unix.MEMUNLOCK, 0, c.size())
	c.request(unix.MEMERASE, 0, 16*c.block)
	t.Logf("%s: erase blocks of %#x bytes, %+v", realFlash, c.block, facts)
	return c
}

func (c *chip) size() int64 {
	end, err := c.f.Seek(0, 2)
	if err != nil {
		c.Fatal(err)
	}
	return end
}

// request is an ioctl on a part of the flash. Flash without locks is none the
// worse.
func (c *chip) request(what uintptr, at, size int64) {
	c.Helper()
	part := unix.EraseInfo{Start: uint32(at), Length: uint32(size)}
	if err := ioctl(c.f, what, unsafe.Pointer(&part)); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		c.Fatalf("request %#x at %#x: %v", what, at, err)
	}
}

func (c *chip) locked(at int64) bool {
	part := unix.EraseInfo{Start: uint32(at), Length: uint32(c.block)}
	is, err := ioctlResult(c.f, unix.MEMISLOCKED, unsafe.Pointer(&part))
	return err == nil && is == 1
}

func (c *chip) read(at, size int64) []byte {
	c.Helper()
	b := make([]byte, size)
	if _, err := c.f.ReadAt(b, at); err != nil {
		c.Fatal(err)
	}
	return b
}

// pair are two copies of two erase blocks each, side by side.
func (c *chip) pair() []Copy {
	return []Copy{{realFlash, 0, 2 * c.block}, {realFlash, 2 * c.block, 2 * c.block}}
}

func (c *chip) flags() [2]byte {
	return [2]byte{c.read(0, 5)[4], c.read(2*c.block, 5)[4]}
}

func (c *chip) backend(copies []Copy) *Backend {
	c.Helper()
	b, err := New(copies, true)
	if err != nil {
		c.Fatal(err)
	}
	return b
}

func (c *chip) store(b *Backend, t bootctl.Table) {
	c.Helper()
	if err := b.Store(t); err != nil {
		c.Fatal(err)
	}
	if got, err := b.Load(); err != nil || got != t {
		c.Fatalf("loaded %+v, %v, want %+v", got, err, t)
	}
}

func TestOnRealFlash(t *testing.T) {
	c := openChip(t)
	b := c.backend(c.pair())
	if _, err := b.Load(); !errors.Is(err, bootctl.ErrNoTable) {
		t.Fatalf("load of erased flash: %v", err)
	}
	table := sample()
	for i, want := range [][2]byte{{1, 0xff}, {0, 1}, {1, 0}, {0, 1}} {
		table.Generation = uint32(i)
		c.store(b, table)
		if got := c.flags(); got != want {
			t.Errorf("store %d: flags %v, want %v", i, got, want)
		}
	}
	// The older copy, erased but not written yet, is a lost one.
	c.request(unix.MEMERASE, 0, 2*c.block)
	if got, err := b.Load(); err != nil || got != table {
		t.Errorf("with one copy erased: loaded %+v, %v", got, err)
	}
	// So is one of which only the beginning was written.
	image := mustEncode(t, environment{"BOOT_ORDER=A"}, int(2*c.block), 1)
	if _, err := c.f.WriteAt(image[:c.block/2], 0); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Load(); err != nil || got != table {
		t.Errorf("with one copy torn: loaded %+v, %v", got, err)
	}
	table.Generation = 77
	c.store(b, table)
	if got, want := c.flags(), [2]byte{1, 0}; got != want {
		t.Errorf("after the torn one: flags %v, want %v", got, want)
	}
	seen := Inspect(c.pair())
	for _, f := range seen.Copies {
		if !f.Valid || !f.Flash || f.Medium != "NOR flash" || f.Err != nil || f.Writable != nil {
			t.Errorf("inspected %+v", f)
		}
	}
}

func TestLockedRealFlashIsUnlockedForAStore(t *testing.T) {
	c := openChip(t)
	b := c.backend(c.pair())
	c.store(b, sample())
	c.request(unix.MEMLOCK, 0, c.size())
	t.Cleanup(func() { c.request(unix.MEMUNLOCK, 0, c.size()) })
	if !c.locked(0) {
		t.Skip("this flash has no locks")
	}
	table := sample()
	for i := range uint32(3) {
		table.Generation = 90 + i
		c.store(b, table)
	}
	for _, at := range []int64{0, 2 * c.block, c.size() - c.block} {
		if !c.locked(at) {
			t.Errorf("after the stores what lies at %#x is not locked", at)
		}
	}
}

// TestRealFlashAndTheTools: fw_setenv and this package write in turn.
func TestRealFlashAndTheTools(t *testing.T) {
	c := openChip(t)
	if _, err := exec.LookPath("fw_setenv"); err != nil {
		t.Skip("fw_setenv is not installed")
	}
	config := filepath.Join(t.TempDir(), "fw_env.config")
	for _, copies := range [][]Copy{c.pair(), c.pair()[:1]} {
		c.request(unix.MEMERASE, 0, 16*c.block)
		var text string
		for _, at := range copies {
			text += fmt.Sprintf("%s %#x %#x %#x %d\n", at.Path, at.Offset, at.Size, c.block, at.Size/c.block)
		}
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		k := &tools{t: t, config: config}
		b := c.backend(copies)
		table := sample()
		for i := range 6 {
			table.Generation = uint32(0x20 + i)
			c.store(b, table)
			if got := k.printed(); got["BOOT_GENERATION"] != hex(table.Generation) || got["BOOT_ORDER"] != "B A" {
				t.Errorf("%d copies: fw_printenv shows %q", len(copies), got)
			}
			k.run("", "fw_setenv", "-c", config, "BOOT_GENERATION", hex(uint32(0x30+i)))
			table.Generation = uint32(0x30 + i)
			k.expectTable(b, table)
			if flags := c.flags(); len(copies) == 2 && flags[0]+flags[1] != 1 {
				t.Errorf("fw_setenv left the flags %v", flags)
			}
		}
		if got := k.printed(); got["BOOT_A_FAILED"] != "0123456789abcdef" {
			t.Errorf("%d copies: fw_printenv shows %q", len(copies), got)
		}
	}
}

func TestWhatRealFlashDoesNotTake(t *testing.T) {
	c := openChip(t)
	blockDevice := strings.Replace(realFlash, "/dev/mtd", "/dev/mtdblock", 1)
	for _, row := range []struct {
		name, want string
		copies     []Copy
	}{
		{"two in one block", "no erase block begins there", []Copy{{realFlash, 0, 512}, {realFlash, 512, 512}}},
		{"the same block", "overlap", []Copy{{realFlash, 0, 512}, {realFlash, 0, 512}}},
		{"past the end", "do not fit", []Copy{{realFlash, c.size(), c.block}}},
		{"one on flash", "one is on flash and the other is not", []Copy{{realFlash, 0, 512}, {emptyFile(t, 512), 0, 512}}},
		{"a block device", "is flash seen as a block device", []Copy{{blockDevice, 0, 512}}},
		{"raw NAND", "is raw NAND flash", []Copy{{os.Getenv("ABOTA_TEST_NAND"), 0, 512}}},
		{"UBI", "UBI volume", []Copy{{os.Getenv("ABOTA_TEST_UBI"), 0, 512}}},
	} {
		if row.copies[0].Path == "" {
			t.Logf("%s: not there", row.name)
			continue
		}
		if _, err := New(row.copies, true); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.name, err, row.want)
		} else {
			t.Logf("%s: %v", row.name, err)
		}
	}
	// What lies behind a copy in its erase block is not erased.
	b := c.backend([]Copy{{realFlash, 0, 512}, {realFlash, c.block, 512}})
	c.store(b, sample())
	if _, err := c.f.WriteAt([]byte("serial number 7"), c.block+512); err != nil {
		t.Fatal(err)
	}
	next := sample()
	next.Generation++
	if err := b.Store(next); err == nil || !strings.Contains(err.Error(), "holds something else behind") {
		t.Errorf("a neighbour in the erase block: %v", err)
	}
	if got := c.read(c.block+512, 15); !bytes.Equal(got, []byte("serial number 7")) {
		t.Errorf("the neighbour is %q", got)
	}
}
