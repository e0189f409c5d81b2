package disk

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"abota/sim/parts"
)

// tools makes sure that the host has what images are built with.
func tools(t *testing.T) context.Context {
	t.Helper()
	ctx := context.Background()
	if err := parts.EnsureHost(ctx, parts.DefaultBoard(), t.Output()); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// slotDisk is a disk with a file system that holds /boot/Image in slot A.
func slotDisk(t *testing.T, ctx context.Context) Image {
	t.Helper()
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	if err := os.MkdirAll(filepath.Join(tree, "boot"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, "boot", "Image"), []byte("kernel"), 0o640); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(dir, "a.ext4")
	if err := Ext4(ctx, image, tree, "root", 8<<20); err != nil {
		t.Fatal(err)
	}
	d := Image{Path: filepath.Join(dir, "disk.img"), Layout: UBoot()}
	if err := d.Create(ctx, map[string]string{Root("A"): image}); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDiskHasTheLayoutAndTheImages(t *testing.T) {
	ctx := tools(t)
	d := slotDisk(t, ctx)
	table, err := output(ctx, "sgdisk", "--print", d.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Layout {
		if !strings.Contains(table, p.Name+"\n") {
			t.Errorf("no partition %s in:\n%s", p.Name, table)
		}
	}
	if check, err := output(ctx, "sgdisk", "--verify", d.Path); err != nil || !strings.Contains(check, "No problems found") {
		t.Errorf("sgdisk --verify: %v\n%s", err, check)
	}
	boot, err := output(ctx, "sgdisk", "--attributes=1:show", d.Path)
	if err != nil || !strings.Contains(boot, "legacy BIOS bootable") {
		t.Errorf("the boot partition's attributes: %v %q", err, boot)
	}
	a, err := d.Find(Root("A"))
	if err != nil {
		t.Fatal(err)
	}
	file := fmt.Sprintf("%s?offset=%d", d.Path, a.Offset)
	stat, err := debugfs(ctx, file, "stat /boot/Image")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(stat, "User:     0   Group:     0") || !strings.Contains(stat, "Mode:  0640") {
		t.Errorf("the file in the slot is not root's or lost its mode:\n%s", stat)
	}
}

func TestErasedFileIsGoneAndCannotBeErasedAgain(t *testing.T) {
	ctx := tools(t)
	d := slotDisk(t, ctx)
	if err := d.EraseFile(ctx, Root("A"), "/boot/Image"); err != nil {
		t.Fatal(err)
	}
	if err := d.EraseFile(ctx, Root("A"), "/boot/Image"); err == nil {
		t.Error("a file that is not there was erased")
	}
}

// DamageFile hits the file whatever the block size is, and nothing but one bit.
func TestDamagedFileDiffersInOneBit(t *testing.T) {
	ctx := tools(t)
	for _, size := range []string{"1024", "4096"} {
		dir := t.TempDir()
		content := bytes.Repeat([]byte("content "), 1000)
		if err := os.WriteFile(filepath.Join(dir, "file"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		d := Image{Path: filepath.Join(t.TempDir(), "image")}
		if err := Ext4(ctx, d.Path, dir, "x", 8<<20, "-b", size); err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(d.Path)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.DamageFile(ctx, "", "/file"); err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(d.Path)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(before, content[:1024])
		if at < 0 || after[at] != before[at]^1 {
			t.Errorf("blocks of %s: the file begins with % x", size, after[at:at+8])
		}
		if after[at] = before[at]; !bytes.Equal(after, before) {
			t.Errorf("blocks of %s: more than one bit differs", size)
		}
		if err := d.DamageFile(ctx, "", "/none"); err == nil {
			t.Error("a file that is not there was damaged")
		}
	}
}

func TestImageLargerThanItsPartitionIsRefused(t *testing.T) {
	ctx := tools(t)
	d := slotDisk(t, ctx)
	before := digest(t, d.Path)
	image := filepath.Join(t.TempDir(), "large")
	if err := fresh(image, SlotSize+1); err != nil {
		t.Fatal(err)
	}
	if err := d.Put(Root("B"), image); err == nil || !strings.Contains(err.Error(), "cannot fill partition root-b") {
		t.Errorf("got %v, want a refusal", err)
	}
	if !bytes.Equal(before, digest(t, d.Path)) {
		t.Error("the disk was changed")
	}
}

func digest(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, f); err != nil {
		t.Fatal(err)
	}
	return sum.Sum(nil)
}

// putEnv writes a valid environment copy with this serial number.
func putEnv(t *testing.T, d Image, which int, serial byte) {
	t.Helper()
	raw := make([]byte, EnvCopySize)
	raw[4] = serial
	copy(raw[5:], "BOOT_ORDER=A\x00\x00")
	binary.LittleEndian.PutUint32(raw, crc32.ChecksumIEEE(raw[5:]))
	p, err := d.Find(Env)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(d.Path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(raw, p.Offset+int64(which)*EnvCopyOffset); err != nil {
		t.Fatal(err)
	}
}

func TestNewerEnvironmentCopyIsTheOneAheadModulo256(t *testing.T) {
	for _, row := range []struct {
		serials [2]byte
		want    int
	}{
		{[2]byte{1, 2}, 1},
		{[2]byte{2, 1}, 0},
		{[2]byte{255, 0}, 1},
		{[2]byte{0, 255}, 0},
		{[2]byte{7, 7}, 0},
	} {
		d := Image{Path: filepath.Join(t.TempDir(), "disk"), Layout: UBoot()}
		for i, serial := range row.serials {
			putEnv(t, d, i, serial)
		}
		got, err := d.NewerEnv()
		if err != nil || got != row.want {
			t.Errorf("serials %v: copy %d, %v, want copy %d", row.serials, got, err, row.want)
		}
	}
}

func TestScrambledEnvironmentCopyIsNotValid(t *testing.T) {
	d := Image{Path: filepath.Join(t.TempDir(), "disk"), Layout: UBoot()}
	putEnv(t, d, 0, 1)
	putEnv(t, d, 1, 2)
	if err := d.ScrambleEnv(1); err != nil {
		t.Fatal(err)
	}
	if _, err := d.NewerEnv(); err == nil || !strings.Contains(err.Error(), "copy 1 is not valid") {
		t.Errorf("got %v, want that copy 1 is not valid", err)
	}
}
