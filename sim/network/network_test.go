package network

import (
	"errors"
	"os"
	"testing"
)

// TestEveryFaultEndsAsItMust plays the quick rows with a small release.
func TestEveryFaultEndsAsItMust(t *testing.T) {
	dir, err := os.MkdirTemp("", "abota-network-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w, err := newWorld(t.Context(), dir, 4<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	})
	head(t.Output(), w)
	for i, r := range rows() {
		t.Run(r.name, func(t *testing.T) {
			if r.slow {
				t.Skip("slow: `make network` plays it")
			}
			o, err := w.play(t.Context(), r, i)
			if errors.Is(err, errMissing) && os.Getenv("CI") == "" {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			line(t.Output(), o)
		})
	}
}
