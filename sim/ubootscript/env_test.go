package ubootscript

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strings"
	"testing"

	"abota/sim/loaderscript"
)

// envCopy is one copy of the environment as mkenvimage makes it, with this
// serial. vars is a line for each variable.
func envCopy(t *testing.T, serial byte, vars ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	text, image := filepath.Join(dir, "env.txt"), filepath.Join(dir, "env.bin")
	loaderscript.Write(t, text, []byte(strings.Join(vars, "\n")+"\n"))
	loaderscript.Tool(t, "mkenvimage", "-r", "-s", fmt.Sprint(envSize), "-o", image, text)
	data := loaderscript.Read(t, image)
	data[4] = serial // not under the checksum
	return data
}

// damaged is a copy with one flipped bit in its data.
func damaged(c []byte) []byte {
	c = bytes.Clone(c)
	c[40] ^= 1
	return c
}

// edited is what the script may make of a copy: the next serial, these pairs
// of old and new text of the same length, and the checksum.
func edited(t *testing.T, c []byte, pairs ...string) []byte {
	t.Helper()
	c = bytes.Clone(c)
	c[4]++
	for i := 0; i < len(pairs); i += 2 {
		was, is := pairs[i], pairs[i+1]
		at := bytes.LastIndex(c, []byte("\x00"+was+"\x00"))
		if at < 0 && bytes.HasPrefix(c[5:], []byte(was+"\x00")) {
			at = 4
		}
		if at < 0 || len(was) != len(is) {
			t.Fatalf("the test's own change %q to %q does not fit the environment", was, is)
		}
		copy(c[at+1:], is)
	}
	binary.LittleEndian.PutUint32(c, crc32.ChecksumIEEE(c[5:]))
	return c
}

// fwConfig is the configuration of fw_printenv and fw_setenv for a disk.
func fwConfig(t *testing.T, disk string) string {
	t.Helper()
	config := filepath.Join(t.TempDir(), "fw_env.config")
	loaderscript.Write(t, config, fmt.Appendf(nil, "%s %#x %#x\n%s %#x %#x\n", disk, copyAt(0), envSize, disk, copyAt(1), envSize))
	return config
}

// fwPrint is what fw_printenv reads of a disk.
func fwPrint(t *testing.T, disk string) map[string]string {
	t.Helper()
	vars := map[string]string{}
	for line := range strings.Lines(loaderscript.Tool(t, "fw_printenv", "-c", fwConfig(t, disk))) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		vars[name] = value
	}
	return vars
}
