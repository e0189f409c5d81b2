package unpack

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

func TestUnixMode(t *testing.T) {
	for _, row := range []struct {
		host byte
		bits uint32
		want fs.FileMode
	}{
		{hostUnix, 0o100755, 0o755},
		{hostUnix, 0o600, 0o600},
		{hostUnix, 0, 0},
		{hostUnix, 0o100000, 0o400},
		{hostUnix, 0o040700, fs.ModeDir | 0o700},
		{hostMacOS, 0o120777, fs.ModeSymlink | 0o777},
		{hostUnix, 0o104755, fs.ModeSetuid | 0o755},
		{hostUnix, 0o102755, fs.ModeSetgid | 0o755},
		{hostUnix, 0o041777, fs.ModeDir | fs.ModeSticky | 0o777},
		{hostUnix, 0o010644, fs.ModeNamedPipe | 0o644},
		{hostUnix, 0o140644, fs.ModeSocket | 0o644},
		{hostUnix, 0o060644, fs.ModeDevice | 0o644},
		{hostUnix, 0o020644, fs.ModeDevice | fs.ModeCharDevice | 0o644},
		{hostUnix, 0o160644, fs.ModeIrregular | 0o644},
		{0, 0o100755, 0},  // FAT: Python on Windows leaves something there
		{10, 0o120777, 0}, // NTFS
	} {
		if got := unixMode(row.host, row.bits<<16|0x21); got != row.want {
			t.Errorf("host %d, %o: got %v, want %v", row.host, row.bits, got, row.want)
		}
	}
}

// What Info-ZIP and Python say of real files.
func TestEntriesKnowTheirModesAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]fs.FileMode{"app": 0o755, "data": 0o640} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("app", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	want := []fs.FileMode{0o755, 0o640, fs.ModeSymlink | 0o777}
	for tool, args := range map[string][]string{
		"zip": {"-q", "-y", "out.zip", "app", "data", "link"},
		"python3": {"-c", `
import os, stat, zipfile
with zipfile.ZipFile("out.zip", "w", zipfile.ZIP_DEFLATED) as z:
    z.write("app"), z.write("data")
    i = zipfile.ZipInfo("link")
    i.external_attr = os.lstat("link").st_mode << 16
    z.writestr(i, os.readlink("link"))`},
	} {
		t.Run(tool, func(t *testing.T) {
			if _, err := exec.LookPath(tool); err != nil {
				t.Skip(err)
			}
			cmd := exec.Command(tool, args...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			path := filepath.Join(dir, "out.zip")
			defer os.Remove(path)
			archive, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := modes(t, archive); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func modes(t *testing.T, archive []byte) (all []fs.FileMode) {
	t.Helper()
	z := NewZip(bytes.NewReader(archive))
	for {
		_, err := z.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for range z.Entries() {
			t.Fatal("there are entries before the archive was proven")
		}
	}
	for e := range z.Entries() {
		all = append(all, e.Mode)
	}
	return all
}
