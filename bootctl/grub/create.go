package grub

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Create makes the file of a block that holds nothing, and its folder, where
// there is none, makes one whole that was cut short, and reports whether it did.
// It is for provisioning, and for a file that was lost while others are there:
// until its file system was unmounted or frozen once, GRUB need not find it.
func Create(p Place) (made bool, err error) {
	if _, err := Check(p); !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	dir := filepath.Dir(p.Path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, fmt.Errorf("create %s: %w", p, err)
	}
	f, err := os.OpenFile(p.Path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return false, fmt.Errorf("create %s: %w", p, err)
	}
	image := begun(f)
	if image == nil {
		err = os.ErrExist // since it was checked
	} else {
		_, err = f.WriteAt(image, 0)
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return false, fmt.Errorf("create %s: %w", p, err)
	}
	return true, nil
}

// begun is the block that a shorter file is the beginning of: a power cut while
// it was made, or a check of its file system, left that. It goes on as GRUB reads
// it now. What is neither empty nor begins as a block is somebody else's: nil.
func begun(f io.ReaderAt) []byte {
	was := make([]byte, blockSize)
	n, err := f.ReadAt(was, 0)
	if !errors.Is(err, io.EOF) {
		return nil
	}
	image := emptyCounts()
	if len(bytes.Trim(was, "\x00")) > 0 {
		copy(image, was[:n])
	}
	if !bytes.HasPrefix(image, []byte(signature)) {
		return nil
	}
	return image
}
