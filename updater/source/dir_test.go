package source

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func newTestDir(t *testing.T, files map[string]string) (*Dir, string) {
	t.Helper()
	path := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(path, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := NewDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return d, path
}

func TestDirReadsItsFiles(t *testing.T) {
	d, path := newTestDir(t, map[string]string{"firmware.zip": "hello", "empty": ""})
	for name, want := range map[string]string{"firmware.zip": "hello", "empty": ""} {
		o, err := d.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(o)
		if err != nil || string(got) != want || o.Info().Size != int64(len(want)) || o.Info().ETag == "" || o.Info().Modified.IsZero() {
			t.Errorf("%s: %q, %v, %+v", name, got, err, o.Info())
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		data, info, err := d.Get(t.Context(), name, 5)
		if err != nil || string(data) != want || info != o.Info() {
			t.Errorf("Get %s: %q, %+v, %v", name, data, info, err)
		}
	}
	if d.String() != path {
		t.Errorf("String = %q", d)
	}
}

func TestFileStandsForItsFolder(t *testing.T) {
	_, path := newTestDir(t, map[string]string{"firmware.zip": "hello", "checksum.txt": "x"})
	d, err := NewDir(filepath.Join(path, "firmware.zip"))
	if err != nil {
		t.Fatal(err)
	}
	if data, _, err := d.Get(t.Context(), "checksum.txt", 10); err != nil || string(data) != "x" {
		t.Errorf("Get = %q, %v", data, err)
	}
}

func TestDirGetRefusesWhatIsTooLarge(t *testing.T) {
	d, path := newTestDir(t, map[string]string{"key.key": "123456"})
	_, _, err := d.Get(t.Context(), "key.key", 5)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "6 bytes") {
		t.Errorf("error %v", err)
	}
}

func TestDirNeverLeavesItsFolder(t *testing.T) {
	d, path := newTestDir(t, nil)
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "outside"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".", "..", "../outside", "/etc/passwd", "a/b", "a\x00b"} {
		if _, err := d.Open(t.Context(), name); err == nil || !strings.Contains(err.Error(), "plain file name") {
			t.Errorf("Open %q: %v", name, err)
		}
		if _, err := d.Changed(t.Context(), name, Info{}); err == nil {
			t.Errorf("Changed %q: accepted", name)
		}
	}
}

func TestDirSaysWhatIsMissing(t *testing.T) {
	d, path := newTestDir(t, map[string]string{"file": ""})
	_, openErr := d.Open(t.Context(), "firmware.zip")
	_, changedErr := d.Changed(t.Context(), "firmware.zip", Info{})
	_, dirErr := NewDir(filepath.Join(path, "firmware.zip"))
	_, below := NewDir(filepath.Join(path, "file", "firmware.zip"))
	for _, err := range []error{openErr, changedErr, dirErr, below} {
		if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "firmware.zip") {
			t.Errorf("error %v, want ErrNotFound with the path", err)
		}
	}
}

func TestDirRefusesWhatIsNoFile(t *testing.T) {
	d, path := newTestDir(t, nil)
	if err := os.Mkdir(filepath.Join(path, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(path, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(path, versionFile), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"folder", "pipe"} {
		if _, err := d.Open(t.Context(), name); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("Open %s: %v", name, err)
		}
	}
	if got := d.version(); got != "" { // and does not wait for a writer
		t.Errorf("a pipe says version %q", got)
	}
}

func TestUnreadableFileIsDenied(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read everything")
	}
	d, path := newTestDir(t, map[string]string{"key.key": "x"})
	if err := os.Chmod(filepath.Join(path, "key.key"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open(t.Context(), "key.key"); !errors.Is(err, ErrDenied) {
		t.Errorf("error %v, want ErrDenied", err)
	}
}

func TestFileWrittenWhileReadIsChanged(t *testing.T) {
	changes := map[string]func(path string) error{
		"shorter": func(path string) error { return os.Truncate(path, 3) },
		"longer":  func(path string) error { return os.Truncate(path, 30) },
		"overwritten": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte("HELLO"), 5); err != nil {
				return err
			}
			// The clock of the file system may not have ticked.
			st, err := f.Stat()
			if err != nil {
				return err
			}
			return os.Chtimes(path, st.ModTime(), st.ModTime().Add(1))
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			d, path := newTestDir(t, map[string]string{"firmware.zip": "0123456789"})
			o, err := d.Open(t.Context(), "firmware.zip")
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			if _, err := o.Read(make([]byte, 2)); err != nil {
				t.Fatal(err)
			}
			if err := change(filepath.Join(path, "firmware.zip")); err != nil {
				t.Fatal(err)
			}
			_, err = io.ReadAll(o)
			wantErr := errors.Is(err, ErrChanged) && strings.Contains(err.Error(), path)
			if _, again := o.Read(make([]byte, 1)); !wantErr || again != err {
				t.Errorf("errors %v and %v, want ErrChanged with the path, twice", err, again)
			}
			if got, err := d.Changed(t.Context(), "firmware.zip", o.Info()); err != nil || !got {
				t.Errorf("Changed = %v, %v", got, err)
			}
		})
	}
}

func TestFileReplacedWhileReadIsStillTheOldOne(t *testing.T) {
	d, path := newTestDir(t, map[string]string{"firmware.zip": "old content", "next": "new content"})
	o, err := d.Open(t.Context(), "firmware.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if got, err := d.Changed(t.Context(), "firmware.zip", o.Info()); err != nil || got {
		t.Errorf("untouched: Changed = %v, %v", got, err)
	}
	if err := os.Rename(filepath.Join(path, "next"), filepath.Join(path, "firmware.zip")); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(o); err != nil || string(got) != "old content" {
		t.Errorf("read %q, %v", got, err)
	}
	if got, err := d.Changed(t.Context(), "firmware.zip", o.Info()); err != nil || !got {
		t.Errorf("replaced: Changed = %v, %v", got, err)
	}
}

func TestCancelEndsReadingAFile(t *testing.T) {
	d, _ := newTestDir(t, map[string]string{"firmware.zip": "0123456789"})
	ctx, cancel := context.WithCancel(t.Context())
	o, err := d.Open(ctx, "firmware.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	cancel()
	_, readErr := o.Read(make([]byte, 1))
	_, openErr := d.Open(ctx, "firmware.zip")
	_, changedErr := d.Changed(ctx, "firmware.zip", Info{})
	for _, err := range []error{readErr, openErr, changedErr} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
	}
}

func TestFolderSaysItsVersion(t *testing.T) {
	for text, want := range map[string]string{"1.4.0\n": "1.4.0", "": "", "two words": "", "\x1b[31m": "", strings.Repeat("9", 300): ""} {
		dir := t.TempDir()
		for name, content := range map[string]string{"firmware.zip": "token", "version.txt": text} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		d, err := NewDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		o, err := d.Open(t.Context(), "firmware.zip")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(o); err != nil || string(got) != "token" || o.Info().Version != want {
			t.Errorf("%q: version %q, want %q (%q, %v)", text, o.Info().Version, want, got, err)
		}
		o.Close()
	}
}
