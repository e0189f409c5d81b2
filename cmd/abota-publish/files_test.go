package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"abota/cmd/internal/cli"
)

// TestWhatIsNoFileIsNeverReplaced wants every verb that writes one file to
// leave pipes, folders and devices alone, also behind a link.
func TestWhatIsNoFileIsNeverReplaced(t *testing.T) {
	t.Chdir(t.TempDir())
	var out bytes.Buffer
	if err := os.WriteFile("image", noise(1000), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, prepare := range [][]string{{"keygen"}, {"encrypt", "image", "-o", "token"}} {
		if code := run(t.Context(), prepare, nil, &out, &out); code != cli.ExitDone {
			t.Fatalf("%q: %s", prepare, out.String())
		}
	}
	for path, create := range map[string]func(string) error{
		"pipe":   func(path string) error { return unix.Mkfifo(path, 0o644) },
		"folder": func(path string) error { return os.Mkdir(path, 0o755) },
		"link":   func(path string) error { return os.Symlink("pipe", path) },
		// A node of its own: the system's must not be in a failing test's reach.
		"device": func(path string) error {
			return unix.Mknod(path, unix.S_IFCHR|0o644, int(unix.Mkdev(1, 3)))
		},
	} {
		if err := create(path); errors.Is(err, unix.EPERM) {
			t.Logf("without a %s, which takes root: %v", path, err)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for path, kind := range map[string]string{"pipe": "pipe", "folder": "folder", "device": "device", "link": "pipe"} {
		if _, err := os.Lstat(path); path == "device" && errors.Is(err, os.ErrNotExist) {
			continue
		}
		before, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"keygen", "--force"},
			{"encrypt", "image"},
			{"encrypt", "image", "--force"},
			{"decrypt", "token", "--force"},
			{"checksum", "token"},
		} {
			out.Reset()
			code := run(t.Context(), append(args, "-o", path), nil, &out, &out)
			want := "cannot write " + path + " because it is a " + kind + ": name a file"
			if code != cli.ExitUsage || !strings.Contains(out.String(), want) {
				t.Errorf("%q -o %s: exit code %d, %s", args, path, code, out.String())
			}
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s was replaced (%v)", path, err)
		}
	}
	if left, err := filepath.Glob(".*"); err != nil || len(left) > 0 {
		t.Errorf("%q are left behind (%v)", left, err)
	}
}

// TestOutputThatIsLostIsAFailure prints to a disk that is full.
func TestOutputThatIsLostIsAFailure(t *testing.T) {
	t.Chdir(t.TempDir())
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("no /dev/full here: %v", err)
	}
	defer full.Close()
	for _, args := range [][]string{{"keygen"}, {"keygen", "--force", "--json"}} {
		var stderr bytes.Buffer
		code := run(t.Context(), args, nil, full, &stderr)
		if code != cli.ExitFailed || !strings.HasPrefix(stderr.String(), "abota-publish keygen: cannot print the result: ") {
			t.Errorf("%q: exit code %d, %s", args, code, stderr.String())
		}
	}
}
