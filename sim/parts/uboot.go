package parts

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Debian's U-Boot waits two seconds for a key at every boot. The delay is a
// string of its built-in environment, and a string of the same length in its
// place changes nothing else.
var (
	stockDelay = []byte("bootdelay=2\x00")
	noDelay    = []byte("bootdelay=0\x00")
)

// UBoot returns a U-Boot that does not wait for a key: a copy of the host's, or
// one that is built. The cache folder's is used when there is one.
func UBoot(ctx context.Context, arch Arch, cache string, log io.Writer) (string, error) {
	path := filepath.Join(cache, "u-boot-"+arch.Debian+".bin")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	tmp, err := os.MkdirTemp(cache, ".u-boot-")
	if err != nil {
		return "", fmt.Errorf("make a folder for U-Boot: %w", err)
	}
	defer os.RemoveAll(tmp)
	made := filepath.Join(tmp, "u-boot")
	if arch.Build != nil {
		made, err = builtUBoot(ctx, arch, tmp, log)
	} else {
		err = quickUBoot(ctx, arch, made, log)
	}
	if err != nil {
		return "", err
	}
	if err := os.Rename(made, path); err != nil {
		return "", fmt.Errorf("keep U-Boot: %w", err)
	}
	return path, nil
}

// quickUBoot makes a copy of the host's U-Boot that boots at once.
func quickUBoot(ctx context.Context, arch Arch, path string, log io.Writer) error {
	if err := ensure(ctx, []need{{arch.UBoot, "u-boot-qemu"}}, log); err != nil {
		return err
	}
	stock, err := os.ReadFile(arch.UBoot)
	if err != nil {
		return fmt.Errorf("read U-Boot: %w", err)
	}
	if n := bytes.Count(stock, stockDelay); n != 1 {
		return fmt.Errorf("cannot remove the boot delay of %s because it holds %q %d times, not once: is it Debian's?", arch.UBoot, stockDelay, n)
	}
	if err := os.WriteFile(path, bytes.Replace(stock, stockDelay, noDelay, 1), 0o644); err != nil {
		return fmt.Errorf("keep the quick U-Boot: %w", err)
	}
	return nil
}
