package inplace

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhereAFileStays(t *testing.T) {
	for _, c := range []struct {
		name         string
		fileSystem   uint32
		size, blocks int64
		want         string
	}{
		{"ext4", unix.EXT4_SUPER_MAGIC, 0x8000, 64, ""},
		{"FAT, a whole cluster", unix.MSDOS_SUPER_MAGIC, 500, 8, ""},
		{"empty", unix.EXT4_SUPER_MAGIC, 0, 0, ""},
		{"sparse", unix.EXT4_SUPER_MAGIC, 0x8000, 63, "holes"},
		{"never written", unix.EXT4_SUPER_MAGIC, 0x8000, 0, "holes"},
		{"btrfs", unix.BTRFS_SUPER_MAGIC, 0x8000, 64, "btrfs writes changed content elsewhere"},
		{"f2fs", unix.F2FS_SUPER_MAGIC, 0x8000, 64, "f2fs writes"},
		{"ubifs", 0x24051905, 0x8000, 64, "ubifs writes"},
		{"overlay", unix.OVERLAYFS_SUPER_MAGIC, 0x8000, 64, "no loader reads overlay"},
	} {
		err := stays(c.fileSystem, c.size, c.blocks)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestWhatIsNoFileDoesNotStay(t *testing.T) {
	if err := Check(t.TempDir()); err == nil || !strings.Contains(err.Error(), "neither a file nor a block device") {
		t.Errorf("folder: %v", err)
	}
	if err := Check(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}
