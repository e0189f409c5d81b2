package guest

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"abota/sim/parts"
)

// Tiny makes an initramfs at path that is a whole user space: BusyBox, these
// kernel modules and what they need in /lib/modules, their names in the order in
// which they load in /lib/modules/order, and executable files by their paths
// without the first slash, "init" among them.
func Tiny(at string, set parts.Set, modules []string, files map[string][]byte) error {
	order, err := loadOrder(set.Modules, modules)
	if err != nil {
		return err
	}
	f, err := os.Create(at)
	if err != nil {
		return fmt.Errorf("make an initramfs: %w", err)
	}
	zip, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(zip)
	err = fillTiny(buffered, set, order, files)
	if err = errors.Join(err, buffered.Flush(), zip.Close(), f.Close()); err != nil {
		return fmt.Errorf("make an initramfs: %w", err)
	}
	return nil
}

func fillTiny(w io.Writer, set parts.Set, modules []string, files map[string][]byte) error {
	c := &cpio{w: w}
	for _, dir := range []string{"bin", "dev", "proc", "sys", "mnt", "lib", "lib/modules"} {
		c.dir(dir)
	}
	c.file("bin/busybox", 0o755, read(set.BusyBox, c))
	var order strings.Builder
	for _, module := range modules {
		fmt.Fprintln(&order, filepath.Base(module))
		c.file("lib/modules/"+filepath.Base(module), 0o644, read(module, c))
	}
	c.file("lib/modules/order", 0o644, []byte(order.String()))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		c.file(path.Clean(name), 0o755, files[name])
	}
	c.end()
	return c.err
}
