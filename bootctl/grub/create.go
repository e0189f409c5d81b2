package grub

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Create makes the file of a block that holds nothing, and its folder, where
// there is none, and reports whether it did. It is for provisioning, and for a
// file that was lost while others are there: until its file system was unmounted
// or frozen once, GRUB need not find it.
func Create(p Place) (made bool, err error) {
	if _, err := Check(p); !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	dir := filepath.Dir(p.Path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, fmt.Errorf("create %s: %w", p, err)
	}
	f, err := os.OpenFile(p.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return false, fmt.Errorf("create %s: %w", p, err)
	}
	_, err = f.Write(emptyCounts())
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		// Half a block would be refused from now on.
		os.Remove(p.Path)
		return false, fmt.Errorf("create %s: %w", p, err)
	}
	return true, nil
}
