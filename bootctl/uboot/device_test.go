package uboot

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"abota/bootctl"
	"abota/sim/cutdisk"
)

// emptyFile is a file full of zeroes.
func emptyFile(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnusableCopiesAreRefused(t *testing.T) {
	path := emptyFile(t, 0x8000)
	alias := filepath.Join(t.TempDir(), "alias")
	if err := os.Symlink(path, alias); err != nil {
		t.Fatal(err)
	}
	at := func(offset, size int64) Copy { return Copy{path, offset, size} }
	for _, c := range []struct {
		name, want string
		copies     []Copy
	}{
		{"none", "of 0 copies", nil},
		{"three", "of 3 copies", []Copy{at(0, 512), at(512, 512), at(1024, 512)}},
		{"unequal sizes", "same size", []Copy{at(0, 0x1000), at(0x1000, 0x2000)}},
		{"the same place", "overlap", []Copy{at(0, 0x1000), at(0, 0x1000)}},
		{"overlapping", "overlap", []Copy{at(0x1000, 0x2000), at(0, 0x2000)}},
		{"overlapping under two names", "overlap", []Copy{at(0, 0x1000), {alias, 0x800, 0x1000}}},
		{"no size", "size of 0 bytes", []Copy{at(0, 0), at(0x1000, 0)}},
		{"a negative size", "size of -512 bytes", []Copy{at(0, -512), at(0x1000, -512)}},
		{"a size that is no multiple", "size of 1000 bytes", []Copy{at(0, 1000), at(0x1000, 1000)}},
		{"a huge size", "size of 1073741824 bytes", []Copy{at(0, 1<<30), at(1<<30, 1<<30)}},
		{"an odd offset", "offset is not a multiple", []Copy{at(0, 512), at(700, 512)}},
		{"past the end", "do not fit", []Copy{at(0, 0x1000), at(0x7200, 0x1000)}},
		{"far past the end", "do not fit", []Copy{at(0, 0x1000), at(1<<62, 0x1000)}},
		{"before the beginning", "do not fit", []Copy{at(-0x9000, 0x1000), at(0, 0x1000)}},
		{"a device that is no flash", "character device, but not flash", []Copy{{"/dev/null", 0, 512}, at(0, 512)}},
		{"a UBI volume", "is a UBI volume, which is not supported: keep the environment on NOR flash", []Copy{{"/dev/ubi0_0", 0, 512}, {"/dev/ubi0_1", 0, 512}}},
		{"a UBI volume by its name", "is a UBI volume", []Copy{{"/dev/ubi0:env", 0, 512}}},
		{"a UBI volume by that of its flash", "is a UBI volume", []Copy{{"/dev/mtd3:env", 0, 512}}},
		{"a directory", "neither a file nor", []Copy{{filepath.Dir(path), 0, 512}, at(0, 512)}},
	} {
		if _, err := New(c.copies, true); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := New([]Copy{{path + "-missing", 0, 512}, at(0, 512)}, true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	for _, good := range [][]Copy{
		{at(0, 0x4000)},
		{at(0, 0x4000), at(0x4000, 0x4000)},
		{at(0x4000, 0x4000), at(0, 0x4000)},
		{at(-0x8000, 0x4000), at(-0x4000, 0x4000)},
		{at(0, 0x8000), {emptyFile(t, 0x8000), 0, 0x8000}},
	} {
		if _, err := New(good, true); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
}

func TestKeepsTheTableInAFile(t *testing.T) {
	path := emptyFile(t, 3*512+700)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(before[3*512:], "behind the copies")
	if err := os.WriteFile(path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := New([]Copy{{path, 512, 512}, {path, 1024, 512}}, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Load(); !errors.Is(err, bootctl.ErrNoTable) {
		t.Fatalf("load of zeroes: %v", err)
	}
	for generation := range uint32(5) {
		want := sample()
		want.Generation = generation
		if err := b.Store(want); err != nil {
			t.Fatal(err)
		}
		if got, err := b.Load(); err != nil || got != want {
			t.Fatalf("loaded %+v, %v, want %+v", got, err, want)
		}
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != len(before) || !bytes.Equal(after[:512], before[:512]) || !bytes.Equal(after[1536:], before[1536:]) {
		t.Error("bytes outside of the copies changed")
	}
}

func TestAFullEnvironmentIsLeftAlone(t *testing.T) {
	const size = 512
	image := slices.Concat(
		mustEncode(t, environment{"filler=" + strings.Repeat("v", 450)}, size, 1),
		mustEncode(t, nil, size, 0))
	d := cutdisk.Open(image)
	err := onDisk(d, size, true).Store(sample())
	if err == nil || !strings.Contains(err.Error(), "is full") || !strings.Contains(err.Error(), "fw_setenv") {
		t.Errorf("store in a full environment: %v", err)
	}
	if d.Count(cutdisk.Write) != 0 {
		t.Error("a full environment was written to")
	}
}

func TestACopyThatCannotBeReadCountsAsDamaged(t *testing.T) {
	const size = 512
	d := cutdisk.New(2 * size)
	b := onDisk(d, size, true)
	first, second := sample(), sample()
	second.Generation++
	for _, table := range []bootctl.Table{first, second} {
		if err := b.Store(table); err != nil {
			t.Fatal(err)
		}
	}
	for n, want := range map[int]bootctl.Table{1: second, 2: first} { // the first store went to the first copy
		d := cutdisk.Open(d.Image())
		d.Fail(cutdisk.Fault{Op: cutdisk.Read, N: n, Lasting: true, Place: true, Err: syscall.EIO})
		if got, err := onDisk(d, size, true).Load(); err != nil || got != want {
			t.Errorf("read %d fails: loaded %+v, %v, want %+v", n, got, err, want)
		}
	}
}

func TestAReadErrorThatPassesBringsNoOlderCopyBack(t *testing.T) {
	const size = 512
	d := cutdisk.New(2 * size)
	b := onDisk(d, size, true)
	first, second := sample(), sample()
	second.Generation++
	if err := errors.Join(b.Store(first), b.Store(second)); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		d := cutdisk.Open(d.Image())
		d.Fail(cutdisk.Fault{Op: cutdisk.Read, N: n + 1, Err: syscall.EIO})
		if got, err := onDisk(d, size, true).Load(); err != nil || got != second {
			t.Errorf("read %d fails once: loaded %+v, %v, want %+v", n+1, got, err, second)
		}
	}
}

func TestFwEnvConfigs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fw_env.config")
	for _, c := range []struct {
		text, want string
		copies     []Copy
	}{
		{"/dev/a 0x10 4000\n/dev/b -0x2000 0x4000 0x1000 4", "", []Copy{{"/dev/a", 16, 0x4000}, {"/dev/b", -0x2000, 0x4000}}},
		{"# one\n\n  /dev/a 16 0X200  \n", "", []Copy{{"/dev/a", 16, 512}}},
		{"", "names no device", nil},
		{"#\n/dev/a 0\n", "line 2: cannot use \"/dev/a 0\"", nil},
		{"/dev/a zero 0x4000", "offset \"zero\"", nil},
		{"/dev/a 0 4k", "size \"4k\"", nil},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := FromFwEnvConfig(path)
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
		if c.want == "" && (err != nil || !slices.Equal(got, c.copies)) {
			t.Errorf("%q: %+v, %v, want %+v", c.text, got, err, c.copies)
		}
	}
	if _, err := FromFwEnvConfig(path + "-missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestFlashIsKnownByWhatItIsAndByItsName(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "mtd3"), filepath.Join(dir, "env")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink("/dev/null", link)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		link: true, "/dev/null": true, file: false, dir: false,
		"/nowhere/mtd3": true, "/nowhere/ubi0_1": true, "ubi0:env": true, "/dev/mtd7:env": true, "/nowhere/mtdblock3": false, "/nowhere/sda1": false, "PARTLABEL=env": false,
	} {
		if got := OnFlash(path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}
