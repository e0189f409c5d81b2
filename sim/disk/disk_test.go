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
	if err := parts.EnsureHost(ctx, parts.ARM64(), t.Output()); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// slotDisk is a disk with a file system that holds /boot/Image in slot A.
func slotDisk(t *testing.T, ctx context.Context) string {
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
	path := filepath.Join(dir, "disk.img")
	if err := Create(ctx, path, map[string]string{Root("A"): image}); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDiskHasTheLayoutAndTheImages(t *testing.T) {
	ctx := tools(t)
	path := slotDisk(t, ctx)
	table, err := output(ctx, "sgdisk", "--print", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range Partitions() {
		if !strings.Contains(table, p.Name+"\n") {
			t.Errorf("no partition %s in:\n%s", p.Name, table)
		}
	}
	if check, err := output(ctx, "sgdisk", "--verify", path); err != nil || !strings.Contains(check, "No problems found") {
		t.Errorf("sgdisk --verify: %v\n%s", err, check)
	}
	boot, err := output(ctx, "sgdisk", "--attributes=1:show", path)
	if err != nil || !strings.Contains(boot, "legacy BIOS bootable") {
		t.Errorf("the boot partition's attributes: %v %q", err, boot)
	}
	a, err := partition(Root("A"))
	if err != nil {
		t.Fatal(err)
	}
	file := fmt.Sprintf("%s?offset=%d", path, a.Offset)
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
	path := slotDisk(t, ctx)
	if err := EraseFile(ctx, path, Root("A"), "/boot/Image"); err != nil {
		t.Fatal(err)
	}
	if err := EraseFile(ctx, path, Root("A"), "/boot/Image"); err == nil {
		t.Error("a file that is not there was erased")
	}
}

func TestImageLargerThanItsPartitionIsRefused(t *testing.T) {
	ctx := tools(t)
	path := slotDisk(t, ctx)
	before := digest(t, path)
	image := filepath.Join(t.TempDir(), "large")
	if err := fresh(image, SlotSize+1); err != nil {
		t.Fatal(err)
	}
	if err := Put(path, Root("B"), image); err == nil || !strings.Contains(err.Error(), "cannot fill partition root-b") {
		t.Errorf("got %v, want a refusal", err)
	}
	if !bytes.Equal(before, digest(t, path)) {
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
func putEnv(t *testing.T, path string, which int, serial byte) {
	t.Helper()
	raw := make([]byte, EnvCopySize)
	raw[4] = serial
	copy(raw[5:], "BOOT_ORDER=A\x00\x00")
	binary.LittleEndian.PutUint32(raw, crc32.ChecksumIEEE(raw[5:]))
	p, err := partition(Env)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
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
		path := filepath.Join(t.TempDir(), "disk")
		for i, serial := range row.serials {
			putEnv(t, path, i, serial)
		}
		got, err := NewerEnv(path)
		if err != nil || got != row.want {
			t.Errorf("serials %v: copy %d, %v, want copy %d", row.serials, got, err, row.want)
		}
	}
}

func TestScrambledEnvironmentCopyIsNotValid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	putEnv(t, path, 0, 1)
	putEnv(t, path, 1, 2)
	if err := ScrambleEnv(path, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := NewerEnv(path); err == nil || !strings.Contains(err.Error(), "copy 1 is not valid") {
		t.Errorf("got %v, want that copy 1 is not valid", err)
	}
}
