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
	return holding(t, string(make([]byte, size)))
}

func holding(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnusablePlacesAreRefused(t *testing.T) {
	a, b, c := file(t, blockSize), file(t, blockSize), file(t, blockSize)
	large, short := file(t, 4*blockSize), file(t, 0)
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
		{"short, and somebody else's", "has 6 bytes instead of 1024", [3]Place{at(a, 0), at(b, 0), at(holding(t, "a text"), 0)}},
		{"a short one twice", "overlaps", [3]Place{at(short, 0), at(b, 0), at(short, 0)}},
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

// A power cut while a file was made, or a check of its file system, leaves the
// beginning of it. That is no reason to give up the others, and what GRUB still
// finds in it goes on to count: 512 bytes are a whole table.
func TestFilesThatWereCutShort(t *testing.T) {
	older := sample()
	older.Generation--
	for name, size := range map[string]int64{"empty": 0, "in the first line": 10, "in the table": 200, "behind the table": sectorSize, "by a byte": blockSize - 1} {
		for cut, want := range []bootctl.Table{older, sample(), sample()} {
			places := [3]Place{}
			for i := range places {
				places[i].Path = filepath.Join(t.TempDir(), "env")
				if _, err := Create(places[i]); err != nil {
					t.Fatal(err)
				}
			}
			backend, err := New([2]Place{places[1], places[0]}, places[2])
			if err != nil {
				t.Fatal(err)
			}
			for _, table := range []bootctl.Table{older, sample()} {
				if err := backend.Store(table); err != nil {
					t.Fatal(err)
				}
			}
			if size >= sectorSize {
				want = sample() // at the first of them, which holds the newer one
			}
			if err := os.Truncate(places[cut].Path, size); err != nil {
				t.Fatal(err)
			}
			backend, err = New([2]Place{places[1], places[0]}, places[2])
			if err != nil {
				t.Errorf("%s, %d: %v", name, cut, err)
				continue
			}
			if got, err := backend.Load(); err != nil || got != want {
				t.Errorf("%s, %d: loaded %+v, %v", name, cut, got, err)
			}
			next := want
			next.Generation += 2
			err = backend.Store(next)
			fi, serr := os.Stat(places[cut].Path)
			if serr != nil || fi.Size() != size || err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s, %d: stored into it: %v, %v", name, cut, err, serr)
			}
			if made, err := Create(places[cut]); err != nil || !made {
				t.Errorf("%s, %d: create: %v, %v", name, cut, made, err)
			}
			if image, err := os.ReadFile(places[cut].Path); err != nil || len(image) != blockSize || !bytes.HasPrefix(image, []byte(signature)) {
				t.Errorf("%s, %d: made %q, %v", name, cut, image, err)
			}
			if err := backend.Store(next); err != nil {
				t.Errorf("%s, %d: store: %v", name, cut, err)
			}
			if got, err := backend.Load(); err != nil || got != next {
				t.Errorf("%s, %d: loaded %+v, %v", name, cut, got, err)
			}
		}
	}
}

func TestCreateKeepsWhatIsNotItsOwn(t *testing.T) {
	path := holding(t, "a text")
	if made, err := Create(Place{Path: path}); err == nil || made || !strings.Contains(err.Error(), "6 bytes") {
		t.Errorf("%v, %v", made, err)
	}
	if text, err := os.ReadFile(path); string(text) != "a text" {
		t.Errorf("left %q, %v", text, err)
	}
}
