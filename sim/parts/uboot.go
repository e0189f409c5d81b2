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
// one that is built. It is kept in the cache folder.
func UBoot(ctx context.Context, arch Arch, cache string, log io.Writer) (string, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	if arch.Build != nil {
		return builtUBoot(ctx, arch, cache, log)
	}
	return quickUBoot(arch, cache)
}

// ubootPath is where the cache keeps a board's U-Boot.
func ubootPath(arch Arch, cache string) string {
	return filepath.Join(cache, "u-boot-"+arch.Debian+".bin")
}

// quickUBoot keeps a copy of the host's U-Boot that boots at once.
func quickUBoot(arch Arch, cache string) (string, error) {
	stock, err := os.ReadFile(arch.UBoot)
	if err != nil {
		return "", fmt.Errorf("read U-Boot: %w", err)
	}
	if n := bytes.Count(stock, stockDelay); n != 1 {
		return "", fmt.Errorf("cannot remove the boot delay of %s because it holds %q %d times, not once: is it Debian's?", arch.UBoot, stockDelay, n)
	}
	path := ubootPath(arch, cache)
	quick := bytes.Replace(stock, stockDelay, noDelay, 1)
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, quick) {
		return path, nil
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, quick, 0o644); err != nil {
		return "", fmt.Errorf("keep the quick U-Boot: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return "", fmt.Errorf("keep the quick U-Boot: %w", err)
	}
	return path, nil
}
