package disk

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// espDisk is a disk with an ESP that holds what is in files.
func espDisk(t *testing.T, files map[string]string) Image {
	t.Helper()
	ctx := tools(t)
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	for name, content := range files {
		path := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d := Image{Path: filepath.Join(dir, "disk.img"), Layout: UEFI(48 * mib)}
	image := filepath.Join(dir, "esp.fat")
	if err := FAT(ctx, image, tree, "BOOT", 48*mib); err != nil {
		t.Fatal(err)
	}
	if err := d.Create(ctx, map[string]string{Boot: image}); err != nil {
		t.Fatal(err)
	}
	return d
}

// fatFile is a file's content on the ESP.
func fatFile(t *testing.T, d Image, name string) ([]byte, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := run(t.Context(), "mcopy", "-i", d.Path+"@@1M", "::"+name, path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

func TestFoldersComeOntoTheESPAsTheyAre(t *testing.T) {
	files := map[string]string{"EFI/BOOT/BOOTX64.EFI": "loader", "abota/0/env": strings.Repeat("#", 1024), "empty": ""}
	d := espDisk(t, files)
	for name, want := range files {
		if got, err := fatFile(t, d, "/"+name); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v, want %q", name, got, err, want)
		}
	}
	table, err := output(t.Context(), "sgdisk", "--print", d.Path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(table, Env) || !strings.Contains(table, Root("B")) {
		t.Errorf("a disk for UEFI has\n%s", table)
	}
	if out, err := output(t.Context(), "sgdisk", "--verify", d.Path); err != nil || !strings.Contains(out, "No problems found") {
		t.Errorf("sgdisk --verify: %v\n%s", err, out)
	}
}

func TestFilesOfAnESPAreLostAndScrambled(t *testing.T) {
	d := espDisk(t, map[string]string{"abota/a/vmlinuz": "kernel", "abota/b/vmlinuz": "kernel", "abota/0/env": strings.Repeat("#", 1024)})
	if err := d.EraseFATFile(t.Context(), Boot, "/abota/a/vmlinuz"); err != nil {
		t.Fatal(err)
	}
	if _, err := fatFile(t, d, "/abota/a/vmlinuz"); err == nil {
		t.Error("an erased file is still there")
	}
	if err := d.EraseFATFile(t.Context(), Boot, "/abota/a/vmlinuz"); err == nil {
		t.Error("a file that is not there was erased")
	}
	if err := d.ScrambleFATFile(t.Context(), Boot, "/abota/0/env"); err != nil {
		t.Fatal(err)
	}
	noise, err := fatFile(t, d, "/abota/0/env")
	if err != nil || len(noise) != 1024 || bytes.Contains(noise, []byte("####")) {
		t.Errorf("a scrambled file holds %q, %v", noise, err)
	}
	if kept, err := fatFile(t, d, "/abota/b/vmlinuz"); err != nil || string(kept) != "kernel" {
		t.Errorf("another file holds %q, %v", kept, err)
	}
	if err := d.ScrambleFATFile(t.Context(), Boot, "/none"); err == nil {
		t.Error("a file that is not there was scrambled")
	}
}
