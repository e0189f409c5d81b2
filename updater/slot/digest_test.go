package slot

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestDigestOfAnySize(t *testing.T) {
	content := noise(2*regionSize + 5001)
	for name, dir := range folders(t) {
		path := filepath.Join(dir, "slot")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{-1, 0, 1, 4096, regionSize, regionSize + 1, len(content) - 1, len(content)} {
			want := content
			if size >= 0 {
				want = content[:size]
			}
			got, err := Digest(t.Context(), path, int64(size))
			if err != nil || got != (Proof{sum(want), int64(len(want))}) {
				t.Errorf("%s: Digest of %d bytes = %v, %v", name, size, got, err)
			}
		}
		got, err := Digest(t.Context(), path, int64(len(content)+1))
		if got != (Proof{}) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: Digest of more than there is = %v, %v", name, got, err)
		}
	}
}

func TestDigestStops(t *testing.T) {
	path := filepath.Join(t.TempDir(), "slot")
	if _, err := Digest(t.Context(), path, -1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Digest of a missing slot = %v", err)
	}
	if err := os.WriteFile(path, noise(10*regionSize), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := Digest(ctx, path, -1); got != (Proof{}) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled Digest = %v, %v", got, err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	reads := 0
	_, err := hashAll(ctx, readerAt(func(p []byte, _ int64) (int, error) {
		if reads++; reads == 3 {
			cancel()
		}
		return len(p), nil
	}), 100*regionSize)
	if !errors.Is(err, context.Canceled) || reads > 4 {
		t.Errorf("cancelled after 3 reads: %v after %d", err, reads)
	}
}

type readerAt func([]byte, int64) (int, error)

func (r readerAt) ReadAt(p []byte, off int64) (int, error) { return r(p, off) }
