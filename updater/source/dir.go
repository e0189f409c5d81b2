package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Dir is a local folder whose files are the objects.
type Dir struct{ path string }

// NewDir uses the folder at path or, when path is a file, the folder that it
// is in.
func NewDir(path string) (*Dir, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, localError("use", path, err)
	}
	if !st.IsDir() {
		path = filepath.Dir(path)
	}
	return &Dir{path: path}, nil
}

// String is the folder's path.
func (d *Dir) String() string { return d.path }

// Open opens the file called name. Reads fail once ctx is done.
func (d *Dir) Open(ctx context.Context, name string) (*Object, error) {
	path, err := d.join(name)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	// Not blocking, so that a pipe somebody left there cannot hold us up.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, localError("open", path, err)
	}
	info, err := fileInfo(f.Stat())
	if err != nil {
		f.Close()
		return nil, localError("open", path, err)
	}
	info.Version = d.version()
	return &Object{info: info, body: &fileBody{ctx: ctx, f: f, info: info, left: info.Size}}, nil
}

// Get reads a file of at most limit bytes.
func (d *Dir) Get(ctx context.Context, name string, limit int64) ([]byte, Info, error) {
	o, err := d.Open(ctx, name)
	if err != nil {
		return nil, Info{}, err
	}
	return readAll(o, filepath.Join(d.path, name), limit)
}

// Changed reports whether the file is another one than was.
func (d *Dir) Changed(ctx context.Context, name string, was Info) (bool, error) {
	now, err := d.Look(ctx, name)
	return err == nil && now.ETag != was.ETag, err
}

// Look says what Open would say of the file, and reads nothing of it.
func (d *Dir) Look(ctx context.Context, name string) (Info, error) {
	path, err := d.join(name)
	if err != nil {
		return Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return Info{}, fmt.Errorf("look at %s: %w", path, err)
	}
	info, err := fileInfo(os.Stat(path))
	if err != nil {
		return Info{}, localError("look at", path, err)
	}
	info.Version = d.version()
	return info, nil
}

// join keeps a name inside the folder: a release is files side by side.
func (d *Dir) join(name string) (string, error) {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return "", fmt.Errorf("cannot read %q from %s because an object in a folder is a plain file name: correct the configured name", name, d.path)
	}
	return filepath.Join(d.path, name), nil
}

// versionFile is what the publisher's pack writes beside a release; in a bucket
// the objects' metadata says the same.
const versionFile = "version.txt"

// version is a folder's word on which version it holds, empty when there is
// none that fits on a line.
func (d *Dir) version() string {
	const most = 200
	f, err := os.OpenFile(filepath.Join(d.path, versionFile), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	version := strings.TrimSpace(string(text))
	if err != nil || len(text) > most || strings.ContainsFunc(version, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return version
}

// fileInfo describes a regular file. Its ETag changes with its size, its
// modification time and, when another file takes its place, its inode.
func fileInfo(st fs.FileInfo, err error) (Info, error) {
	if err != nil {
		return Info{}, err
	}
	if !st.Mode().IsRegular() {
		return Info{}, errors.New("not a regular file: put one there, or give a pipe as standard input")
	}
	var inode uint64
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		inode = sys.Ino
	}
	tag := fmt.Sprintf("%x-%x-%x", st.Size(), st.ModTime().UnixNano(), inode)
	return Info{Size: st.Size(), ETag: tag, Modified: st.ModTime()}, nil
}

// fileBody reads one open file and ends cleanly only when the file is still
// what it was.
type fileBody struct {
	ctx  context.Context
	f    *os.File
	info Info
	left int64
}

func (b *fileBody) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, fmt.Errorf("read %s: %w", b.f.Name(), err)
	}
	if b.left == 0 {
		return 0, b.end()
	}
	n, err := b.f.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, b.explain(err)
}

// readAt believes what it read only if the file is still what it was.
func (b *fileBody) readAt(p []byte, off int64) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, fmt.Errorf("read %s: %w", b.f.Name(), err)
	}
	_, err := b.f.ReadAt(p, off)
	if err = b.explain(err); err == nil {
		err = b.unchanged()
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// explain is for an error inside the file, where it had not ended before.
func (b *fileBody) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return fmt.Errorf("read %s: %w: it is shorter than when it was opened", b.f.Name(), ErrChanged)
	}
	return localError("read", b.f.Name(), err)
}

func (b *fileBody) end() error {
	if err := b.unchanged(); err != nil {
		return err
	}
	return io.EOF
}

func (b *fileBody) unchanged() error {
	now, err := fileInfo(b.f.Stat())
	if err != nil {
		return localError("read", b.f.Name(), err)
	}
	if now.ETag != b.info.ETag {
		return fmt.Errorf("read %s: %w: it was written to meanwhile", b.f.Name(), ErrChanged)
	}
	return nil
}

func (b *fileBody) Close() error { return b.f.Close() }

// localError names path once and adds the sentinel that fits.
func localError(verb, path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("cannot %s %s: %w: put the file there or correct the path", verb, path, ErrNotFound)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("cannot %s %s: %w: make it readable for this user", verb, path, ErrDenied)
	}
	return fmt.Errorf("cannot %s %s: %w", verb, path, err)
}
