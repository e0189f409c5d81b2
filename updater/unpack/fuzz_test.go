package unpack

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

const corpus = "testdata/fuzz/FuzzZip"

// FuzzZip: whatever ends cleanly reads the same by the central directory, and
// whatever does not ends in one of the two categories.
func FuzzZip(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readAll(bytes.NewReader(data))
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrRefused) {
				t.Fatalf("neither category: %v", err)
			}
			return
		}
		want, err := oracle(data)
		if err != nil {
			t.Fatalf("read %q, archive/zip does not: %v", got, err)
		}
		if !sameFiles(got, want) {
			t.Fatalf("read %q, archive/zip %q", got, want)
		}
	})
}

func TestFuzzCorpusIsNotEmpty(t *testing.T) {
	seeds, err := filepath.Glob(filepath.Join(corpus, "*"))
	if err != nil || len(seeds) == 0 {
		t.Fatalf("no seeds in %s: %v", corpus, err)
	}
	for _, seed := range seeds {
		if info, err := os.Stat(seed); err != nil || info.Size() == 0 {
			t.Errorf("%s: empty, %v", seed, err)
		}
	}
}
