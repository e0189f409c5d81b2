package tree

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"abota/updater/release"
)

// Modes while a tree is written: nobody else looks at what is not proven.
const (
	folderWhile fs.FileMode = 0o700
	fileWhile   fs.FileMode = 0o600
)

const (
	// maxElement is the longest name in a folder, in bytes.
	maxElement = 255
	// bufferSize is what is read and written at a time.
	bufferSize = 128 << 10
)

// entry is one file, folder or link as it has to be in the end.
type entry struct {
	mode     fs.FileMode // type and permissions
	size     int64
	sum      [sha256.Size]byte
	modified time.Time
	target   string // of a link
	program  bool   // the content begins as programs do
}

// builder writes one tree. entries has every path without a folder's slash.
type builder struct {
	*Target
	root    *os.Root
	room    int64
	used    int64
	entries map[string]*entry
	buffer  []byte
	hash    hash.Hash
}

func (b *builder) build(first release.Part, payload Payload) (Proof, error) {
	b.buffer, b.hash = make([]byte, bufferSize), sha256.New()
	part, err := first, error(nil)
	for ; err == nil; part, err = payload.Next() {
		if err := b.take(part, payload); err != nil {
			return Proof{}, err
		}
	}
	if !errors.Is(err, io.EOF) {
		return Proof{}, err
	}
	if err := b.finish(payload); err != nil {
		return Proof{}, b.explain(err)
	}
	return b.prove()
}

// take writes one part: a folder, or a file.
func (b *builder) take(part release.Part, payload io.Reader) error {
	name, folder := strings.CutSuffix(part.Name, "/")
	if err := checkName(name); err != nil {
		return err
	}
	if folder {
		return b.folder(name)
	}
	if dir := path.Dir(name); dir != "." {
		if err := b.folder(dir); err != nil {
			return err
		}
	}
	e := &entry{modified: part.Modified}
	if err := b.add(name, e); err != nil {
		return err
	}
	return b.file(name, e, payload)
}

// checkName is for any format: a release's own reader may have looked before.
func checkName(name string) error {
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
		return fmt.Errorf("%w: %q is not a plain relative path: pack it without leading slashes, backslashes and . or .. elements", ErrRefused, name)
	}
	for element := range strings.SplitSeq(name, "/") {
		if len(element) > maxElement {
			return fmt.Errorf("%w: the name %.40q… is longer than the %d bytes that a file system takes: shorten it", ErrRefused, element, maxElement)
		}
	}
	return nil
}

// add counts a new entry, which must be the only one of its name.
func (b *builder) add(name string, e *entry) error {
	if b.entries[name] != nil {
		return fmt.Errorf("%w: %q comes twice: pack it again", ErrRefused, name)
	}
	if len(b.entries) == b.options.MaxEntries {
		return fmt.Errorf("%w: it has more than %d files and folders: publish fewer, or raise tree.max_entries", ErrFull, b.options.MaxEntries)
	}
	b.entries[name] = e
	return nil
}

// folder makes a folder and those above it. One that was implied before may be
// said later.
func (b *builder) folder(name string) error {
	if e := b.entries[name]; e != nil {
		if !e.mode.IsDir() {
			return fmt.Errorf("%w: %q is both a file and a folder: pack it again", ErrRefused, name)
		}
		return nil
	}
	if dir := path.Dir(name); dir != "." {
		if err := b.folder(dir); err != nil {
			return err
		}
	}
	if err := b.add(name, &entry{mode: fs.ModeDir | 0o755}); err != nil {
		return err
	}
	if err := b.charge(1); err != nil {
		return err
	}
	return b.explain(b.unfolded(name, b.root.Mkdir(name, folderWhile)))
}

// file writes a file's content.
func (b *builder) file(name string, e *entry, payload io.Reader) error {
	f, err := b.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileWhile)
	if err != nil {
		return b.explain(b.unfolded(name, err))
	}
	defer f.Close()
	b.hash.Reset()
	for {
		n, err := payload.Read(b.buffer)
		if err := b.write(f, e, b.buffer[:n]); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	b.hash.Sum(e.sum[:0])
	return b.explain(f.Close())
}

func (b *builder) write(f *os.File, e *entry, p []byte) error {
	if e.size == 0 && len(p) > 0 {
		e.program = isProgram(p)
	}
	if err := b.charge(blocks(e.size+int64(len(p))) - blocks(e.size)); err != nil {
		return err
	}
	b.hash.Write(p)
	e.size += int64(len(p))
	_, err := f.Write(p)
	return b.explain(err)
}

// charge counts what is going to be written, before it is.
func (b *builder) charge(n int64) error {
	if b.used += blocks(n); b.used > b.room {
		return b.tooLarge(b.used, b.room)
	}
	return nil
}

// isProgram looks at how a file begins, for releases without modes.
func isProgram(p []byte) bool {
	return bytes.HasPrefix(p, []byte("\x7fELF")) || bytes.HasPrefix(p, []byte("#!"))
}

// unfolded explains a name that is there although no entry had it.
func (b *builder) unfolded(name string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %q differs from another name only in a way that this file system does not keep, such as upper case: rename one of them", ErrRefused, name)
	}
	return err
}

// explain names an error of the file system.
func (b *builder) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrRefused), errors.Is(err, ErrFull):
		return err
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%w: no space is left for %s: publish a smaller release, or free some: %w", ErrFull, b.path, err)
	case errors.Is(err, unix.ENAMETOOLONG):
		return fmt.Errorf("%w: a path is too long for %s: shorten it: %w", ErrRefused, b.path, err)
	}
	return fmt.Errorf("unpack into %s: %w", b.path, err)
}
