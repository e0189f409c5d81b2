package inplace

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestReadsAndWritesAtAnyPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	want := bytes.Repeat([]byte("0123456789abcdef"), 700) // not a multiple of a block
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path, true)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, at := range []struct{ off, n int }{{0, 512}, {512, 512}, {4000, 200}, {len(want) - 512, 512}, {0, len(want)}} {
		got := make([]byte, at.n)
		if _, err := f.ReadAt(got, int64(at.off)); err != nil || !bytes.Equal(got, want[at.off:][:at.n]) {
			t.Errorf("%d bytes at %d: wrong bytes, or %v", at.n, at.off, err)
		}
	}
	if n, err := f.ReadAt(make([]byte, 512), int64(len(want)-100)); n != 100 || !errors.Is(err, io.EOF) {
		t.Errorf("beyond the end: %d, %v", n, err)
	}
	copy(want[600:], "written")
	if _, err := f.WriteAt([]byte("written"), 600); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("after a write: wrong bytes, or %v", err)
	}
}

func TestReadsTheSameWithAndWithoutDirectReads(t *testing.T) {
	const size = 3*blockSize + 700
	path := filepath.Join(t.TempDir(), "file")
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(i / 7)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	direct, err := Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	if direct.direct == nil {
		t.Logf("no direct reads on the file system of %s", path)
	}
	for name, d := range map[string]*File{"direct": direct, "cached": {File: direct.File}} {
		for _, c := range []struct{ off, n int }{{0, 512}, {512, 512}, {blockSize - 512, 1024}, {2 * blockSize, blockSize}, {size - 700, 700}, {size - 512, 512}} {
			got := make([]byte, c.n)
			if n, err := d.ReadAt(got, int64(c.off)); n != c.n || !bytes.Equal(got, content[c.off:][:c.n]) {
				t.Errorf("%s: %d bytes at %d: read %d, %v, or other bytes", name, c.n, c.off, n, err)
			}
		}
		got := make([]byte, 1024)
		if n, err := d.ReadAt(got, size-700); n != 700 || err != io.EOF || !bytes.Equal(got[:n], content[size-700:]) {
			t.Errorf("%s: over the end: read %d, %v", name, n, err)
		}
	}
}

func TestNothingIsCreated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent")
	if _, err := Open(path, true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening what does not exist: %v", err)
	}
}
