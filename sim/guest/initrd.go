package guest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"abota/sim/parts"
)

// writeInitrd makes the initramfs: BusyBox, the kernel modules, the init script,
// and what opens a verified root, where there is one. The serial console is built
// into the kernels.
func writeInitrd(path string, set parts.Set, verityroot string) error {
	init, err := files.ReadFile("initrd/init")
	if err != nil {
		return err
	}
	programs := map[string][]byte{"init": init}
	if verityroot != "" {
		if programs["bin/verityroot"], err = os.ReadFile(verityroot); err != nil {
			return err
		}
	}
	modules := slices.Concat(set.Board.Modules, set.Board.BoardModules)
	return Tiny(path, set, modules, programs)
}

// Tiny makes an initramfs, a gzipped cpio archive: BusyBox, these
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

// markInitrd makes another initramfs of a version: an archive with its name, of a
// length of its own, and then the common one. The kernel unpacks both.
func markInitrd(path, common, version string) error {
	name := "version-" + version
	sum := fnv.New32a()
	sum.Write([]byte(version))
	const lengths = 1 << 12
	var b bytes.Buffer
	c := &cpio{w: &b}
	c.file(name, 0o644, bytes.Repeat([]byte(version), 1+int(sum.Sum32()%lengths)))
	c.end()
	b.Write(read(common, c))
	if c.err != nil {
		return c.err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
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

// read returns a file's content, and keeps the error in c.
func read(path string, c *cpio) []byte {
	data, err := os.ReadFile(path)
	c.err = errors.Join(c.err, err)
	return data
}

// cpio writes the "newc" format (man 5 cpio; the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst): for each entry
// 6 bytes of magic, 13 fields of 8 hexadecimal digits, the name and its NUL
// padded to 4 bytes, the content padded to 4 bytes. The first error sticks.
type cpio struct {
	w     io.Writer
	inode int
	err   error
}

const (
	modeDir  = 0o040000
	modeFile = 0o100000
)

func (c *cpio) dir(name string) { c.entry(name, modeDir|0o755, nil) }

func (c *cpio) file(name string, perm int, content []byte) {
	c.entry(name, modeFile|perm, content)
}

func (c *cpio) end() { c.entry("TRAILER!!!", 0, nil) }

func (c *cpio) entry(name string, mode int, content []byte) {
	c.inode++
	header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		c.inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0, name)
	c.padded([]byte(header))
	c.padded(content)
}

func (c *cpio) padded(data []byte) {
	for _, part := range [][]byte{data, make([]byte, -len(data)&3)} {
		if c.err == nil {
			_, c.err = c.w.Write(part)
		}
	}
}
