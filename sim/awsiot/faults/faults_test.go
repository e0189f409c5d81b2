package faults

import (
	"errors"
	"os"
	"testing"

	"abota/sim/store"
)

// testWorld has small images.
func testWorld(t *testing.T) *world {
	t.Helper()
	if err := namespaces(t.Context()); err != nil && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "abota-faults-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w, err := newWorld(t.Context(), dir, 512<<10)
	if errors.Is(err, store.ErrNoBinary) && os.Getenv("CI") == "" {
		t.Skipf("needs a real MinIO: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// TestFaults plays the quick rows.
func TestFaults(t *testing.T) {
	w := testWorld(t)
	head(t.Output(), w)
	for i, r := range rows() {
		if !r.quick {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			o, err := w.play(t.Context(), r, i)
			if err != nil {
				t.Fatal(err)
			}
			line(t.Output(), o)
		})
	}
}
