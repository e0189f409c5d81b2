package grub

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"abota/bootctl"
)

// file is one with this many bytes.
func file(t *testing.T, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnusablePlacesAreRefused(t *testing.T) {
	a, b, c := file(t, blockSize), file(t, blockSize), file(t, blockSize)
	large := file(t, 4*blockSize)
	alias := filepath.Join(t.TempDir(), "alias")
	if err := os.Symlink(a, alias); err != nil {
		t.Fatal(err)
	}
	at := func(path string, offset int64) Place { return Place{path, offset} }
	for _, row := range []struct {
		name, want string
		places     [3]Place
	}{
		{"the same block twice", "overlaps", [3]Place{at(a, 0), at(a, 0), at(c, 0)}},
		{"the same block under two names", "overlaps", [3]Place{at(a, 0), at(b, 0), at(alias, 0)}},
		{"overlapping", "overlaps", [3]Place{at(large, 1024), at(large, 1536), at(c, 0)}},
		{"empty", "has 0 bytes instead of 1024", [3]Place{at(a, 0), at(file(t, 0), 0), at(c, 0)}},
		{"short", "has 1023 bytes instead of 1024", [3]Place{at(a, 0), at(b, 0), at(file(t, 1023), 0)}},
		{"long", "has 2048 bytes instead of 1024", [3]Place{at(file(t, 2048), 0), at(b, 0), at(c, 0)}},
		{"an odd offset", "not a multiple of 512", [3]Place{at(large, 700), at(b, 0), at(c, 0)}},
		{"before the beginning", "not a multiple", [3]Place{at(large, -512), at(b, 0), at(c, 0)}},
		{"past the end", "do not fit", [3]Place{at(large, 3584), at(b, 0), at(c, 0)}},
		{"a directory", "neither a file nor", [3]Place{at(filepath.Dir(a), 0), at(b, 0), at(c, 0)}},
		{"a character device", "neither a file nor", [3]Place{at("/dev/null", 0), at(b, 0), at(c, 0)}},
		{"on a file system that makes files up", "/proc/version", [3]Place{at("/proc/version", 0), at(b, 0), at(c, 0)}},
	} {
		_, err := New([2]Place{row.places[0], row.places[1]}, row.places[2])
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.name, err, row.want)
		}
	}
	for _, good := range [][3]Place{
		{at(a, 0), at(b, 0), at(c, 0)},
		{at(large, 512), at(large, 1536), at(large, 2560)},
	} {
		if _, err := New([2]Place{good[0], good[1]}, good[2]); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
}

// A file that is lost holds nothing, and is made anew by Create alone.
func TestMissingFilesAreMadeByCreate(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) Place { return Place{Path: filepath.Join(dir, name, "env")} }
	places := []Place{at("0"), at("1"), at("count")}
	backend, err := New([2]Place{places[0], places[1]}, places[2])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backend.Load(); !errors.Is(err, bootctl.ErrNoTable) {
		t.Errorf("load of no file at all: %v", err)
	}
	if err := backend.Store(sample()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("store without a file: %v", err)
	}
	for _, p := range places {
		if made, err := Create(p); err != nil || !made {
			t.Fatalf("create: %v, %v", made, err)
		}
	}
	if err := backend.Store(sample()); err != nil {
		t.Fatal(err)
	}
	for i, p := range places {
		before, err := os.ReadFile(p.Path)
		if err != nil {
			t.Fatal(err)
		}
		if made, err := Create(p); err != nil || made {
			t.Errorf("create over a file: %v, %v", made, err)
		}
		if after, err := os.ReadFile(p.Path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("create changed %s: %v", p, err)
		}
		// Any one of them may be lost without the table being lost.
		if err := os.Remove(p.Path); err != nil {
			t.Fatal(err)
		}
		if _, err := Create(p); err != nil {
			t.Fatal(err)
		}
		if got, err := backend.Load(); i == 2 && (err != nil || got != sample()) {
			t.Errorf("without counts: %+v, %v", got, err)
		}
		if err := backend.Store(sample()); err != nil {
			t.Errorf("store after %s was lost: %v", p, err)
		}
	}
	if _, err := Create(Place{Path: filepath.Join(dir, "0", "env", "below")}); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("below a file: %v", err)
	}
}

func TestKeepsTheTableInFiles(t *testing.T) {
	a, b, c := file(t, blockSize), file(t, blockSize), file(t, blockSize)
	backend, err := New([2]Place{{Path: a}, {Path: b}}, Place{Path: c})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backend.Load(); !errors.Is(err, bootctl.ErrNoTable) {
		t.Fatalf("load of zeroes: %v", err)
	}
	for generation := range uint32(5) {
		want := sample()
		want.Generation = generation
		if err := backend.Store(want); err != nil {
			t.Fatal(err)
		}
		if got, err := backend.Load(); err != nil || got != want {
			t.Fatalf("loaded %+v, %v, want %+v", got, err, want)
		}
	}
	for _, path := range []string{a, b, c} {
		if fi, err := os.Stat(path); err != nil || fi.Size() != blockSize {
			t.Errorf("%s: %v, %v", path, fi, err)
		}
	}
	// Without the file that GRUB counts in nothing is lost but the counts.
	if err := os.Remove(c); err != nil {
		t.Fatal(err)
	}
	if _, err := backend.Load(); err != nil {
		t.Errorf("without the third file: %v", err)
	}
	if err := backend.Store(sample()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a trial was stored without the third file: %v", err)
	}
	back := sample().WithOrder(bootctl.A)
	if err := backend.Store(back); err != nil {
		t.Errorf("a way back without the third file: %v", err)
	}
}
