package slot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// Digest reads the first size bytes of a slot past the page cache, or all of
// it when size is negative. The slot may be mounted. A slot that is shorter
// than size is io.ErrUnexpectedEOF.
func Digest(ctx context.Context, path string, size int64) (Proof, error) {
	p, err := digest(ctx, path, size)
	if err != nil {
		return Proof{}, fmt.Errorf("digest slot %s: %w", path, err)
	}
	return p, nil
}

func digest(ctx context.Context, path string, size int64) (Proof, error) {
	f, err := os.Open(path)
	if err != nil {
		return Proof{}, err
	}
	defer f.Close()
	whole, err := f.Seek(0, io.SeekEnd)
	switch {
	case err != nil:
		return Proof{}, err
	case size < 0:
		size = whole
	case size > whole:
		return Proof{}, fmt.Errorf("it has %d bytes, not %d: %w", whole, size, io.ErrUnexpectedEOF)
	}
	d, err := openDisk(f, os.O_RDONLY)
	if err != nil {
		return Proof{}, err
	}
	defer d.Close()
	return hashAll(ctx, d, size)
}

// hashAll hashes one chunk while the next is read.
func hashAll(ctx context.Context, r io.ReaderAt, size int64) (Proof, error) {
	free, full, failed := make(chan []byte, 2), make(chan []byte), make(chan error, 1)
	free <- aligned(regionSize)
	free <- aligned(regionSize)
	go func() {
		defer close(full)
		failed <- readAll(ctx, r, size, free, full)
	}()
	h := sha256.New()
	for data := range full {
		h.Write(data)
		free <- data[:cap(data)]
	}
	if err := <-failed; err != nil {
		return Proof{}, err
	}
	return Proof{SHA256: hex.EncodeToString(h.Sum(nil)), Size: size}, nil
}

func readAll(ctx context.Context, r io.ReaderAt, size int64, free <-chan []byte, full chan<- []byte) error {
	for off := int64(0); off < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		buf := <-free
		want := int(min(size-off, regionSize))
		n, err := r.ReadAt(buf[:roundUp(want)], off)
		if n < want {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("read at offset %d: %w", off+int64(n), err)
		}
		full <- buf[:want]
		off += int64(want)
	}
	return nil
}
