package loaderscript

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"abota/sim/parts"
)

// Tool runs one of the host's commands.
func Tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := parts.Tool(name)
	if err != nil {
		t.Fatalf("%v: run `make deps`", err)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Read is a file's content.
func Read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Write makes a file, and its folders.
func Write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Scratch is a folder whose path QEMU takes without quoting, whatever the
// test's name: a comma in it would end the option.
func Scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "loaderscript")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
