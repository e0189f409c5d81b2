package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"abota/cmd/internal/cli"
)

// Permissions of what is written and packed: a key is for its owner only.
const (
	publicFile = 0o644
	secretFile = 0o600
	publicDir  = 0o755
)

// permissions of a new file are bounded by the umask, and a replaced one keeps
// its own; but a secret is one whatever was there.
func permissions(perm fs.FileMode) []renameio.Option {
	if perm == secretFile {
		return []renameio.Option{renameio.WithStaticPermissions(perm)}
	}
	return []renameio.Option{renameio.WithPermissions(perm), renameio.WithExistingPermissions()}
}

// writeWhole makes path hold what fill writes, or leaves it as it was. A
// symbolic link stays one, and what it points to is replaced.
func writeWhole(path string, perm fs.FileMode, fill func(io.Writer) error) error {
	path, err := outputFile(path)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	f, err := renameio.NewPendingFile(path, append(permissions(perm), renameio.WithTempDir(dir))...)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer f.Cleanup()
	if err := fill(f); err != nil {
		return err
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return syncDir(dir)
}

func writeText(path string, perm fs.FileMode, text string) error {
	return writeWhole(path, perm, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// syncDir makes a rename inside dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}

// outputFile is the file that path names once links are followed. What is
// there and is no file is refused: a rename would put a file in its place.
func outputFile(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(path); err == nil {
			return "", cli.Usage("cannot write %s because it is a link to nothing: name a file", path)
		}
		return path, nil
	case err != nil:
		return "", fmt.Errorf("write: %w", err)
	case !info.Mode().IsRegular():
		return "", cli.Usage("cannot write %s because it is a %s: name a file", path, kind(info.Mode()))
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("write: %w", err)
	}
	return target, nil
}

// kind says what is no regular file.
func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "folder"
	case mode&fs.ModeNamedPipe != 0:
		return "pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}

// mayWrite refuses to replace what is there, and with force only what is no
// file.
func mayWrite(path string, force bool) error {
	if _, err := outputFile(path); err != nil {
		return err
	}
	if _, err := os.Stat(path); force || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return refused("cannot write %s because it exists: name another file with -o, or add --force", path)
}

// inputFile is a file that is read once, with progress, until ctx ends.
type inputFile struct {
	*os.File
	ctx   context.Context
	meter *meter
	size  int64
}

// open opens a regular file for reading.
func (c *command) open(ctx context.Context, path string) (*inputFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read input: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = cli.Usage("cannot read %s because it is not a file", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &inputFile{f, ctx, newMeter(c, filepath.Base(path), info.Size()), info.Size()}, nil
}

func (f *inputFile) Read(p []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, fmt.Errorf("read %s: interrupted: %w", f.Name(), err)
	}
	n, err := f.File.Read(p)
	f.meter.add(n)
	return n, err
}

// WriteTo hides the file's own, which would get past Read.
func (f *inputFile) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{f})
}

// Close ends the progress display too.
func (f *inputFile) Close() error {
	f.meter.end()
	return f.File.Close()
}
