package tree

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// header begins what a digest is taken of.
const header = "abota tree 1\n"

// Digest reads a tree past the page cache.
func Digest(ctx context.Context, path string) (Proof, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return Proof{}, fmt.Errorf("digest of %s: %w", path, err)
	}
	defer root.Close()
	proof, err := digest(ctx, root, func(string, *entry) error { return nil })
	if err != nil {
		return Proof{}, fmt.Errorf("digest of %s: %w", path, err)
	}
	return proof, nil
}

// prove reads the new tree back and compares every entry.
func (b *builder) prove() (Proof, error) {
	seen := 0
	proof, err := digest(context.Background(), b.root, func(name string, got *entry) error {
		seen++
		want := b.entries[name]
		if want == nil || got.mode != want.mode || got.target != want.target || got.mode.IsRegular() && (got.size != want.size || got.sum != want.sum) {
			return fmt.Errorf("%w: %s in %s: the medium is failing, or somebody else changed it", ErrReadback, name, b.path)
		}
		return nil
	})
	if err == nil && seen != len(b.entries) {
		err = fmt.Errorf("%w: %s has %d entries instead of %d: the medium is failing, or somebody else changed it", ErrReadback, b.path, seen, len(b.entries))
	}
	return proof, err
}

// digest walks a tree and shows every entry as it was read.
func digest(ctx context.Context, root *os.Root, show func(string, *entry) error) (proof Proof, err error) {
	all, buffer := sha256.New(), aligned(bufferSize)
	all.Write([]byte(header))
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || name == "." {
			return err
		}
		e, err := readEntry(root, name, d, buffer)
		if err != nil {
			return err
		}
		e.record(all, name)
		if e.mode.IsRegular() {
			proof.Size += e.size
		}
		return show(name, e)
	})
	if err != nil {
		return Proof{}, err
	}
	proof.SHA256 = hex.EncodeToString(all.Sum(nil))
	return proof, nil
}

// record writes what the digest is taken of.
func (e *entry) record(h hash.Hash, name string) {
	switch e.mode.Type() {
	case fs.ModeDir:
		fmt.Fprintf(h, "d %o %s\x00", e.mode.Perm(), name)
	case fs.ModeSymlink:
		fmt.Fprintf(h, "l %s\x00%s\x00", name, e.target)
	default:
		fmt.Fprintf(h, "f %o %d %x %s\x00", e.mode.Perm(), e.size, e.sum, name)
	}
}

func readEntry(root *os.Root, name string, d fs.DirEntry, buffer []byte) (*entry, error) {
	fi, err := d.Info()
	if err != nil {
		return nil, err
	}
	e := &entry{mode: fi.Mode().Type() | fi.Mode().Perm()}
	switch e.mode.Type() {
	case fs.ModeDir:
	case fs.ModeSymlink:
		e.mode = fs.ModeSymlink
		e.target, err = root.Readlink(name)
	case 0:
		err = e.readContent(root, name, buffer)
	default:
		err = fmt.Errorf("%w: %s is neither a file nor a folder nor a link (%s)", ErrRefused, name, fi.Mode().Type())
	}
	return e, err
}

// readContent reads what the medium holds.
func (e *entry) readContent(root *os.Root, name string, buffer []byte) error {
	err := e.readFrom(root, name, unix.O_DIRECT, buffer)
	if errors.Is(err, unix.EINVAL) {
		return e.readFrom(root, name, 0, buffer)
	}
	return err
}

// readFrom reads with O_DIRECT or, where the file system has no such thing,
// after the pages were dropped that are clean, as all are after a flush.
func (e *entry) readFrom(root *os.Root, name string, direct int, buffer []byte) error {
	f, err := root.OpenFile(name, os.O_RDONLY|direct, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if direct == 0 {
		if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
			return fmt.Errorf("drop cached pages of %s: %w", name, err)
		}
	}
	h := sha256.New()
	for e.size = 0; ; {
		n, err := f.Read(buffer)
		h.Write(buffer[:n])
		e.size += int64(n)
		// Only the end of a file ends within a block, and direct access could
		// not go on from there.
		if errors.Is(err, io.EOF) || err == nil && n%blockSize != 0 {
			break
		}
		if err != nil {
			return err
		}
	}
	h.Sum(e.sum[:0])
	return nil
}

// aligned returns a buffer that direct access accepts.
func aligned(n int) []byte {
	b := make([]byte, n+blockSize)
	skip := blockSize - int(uintptr(unsafe.Pointer(&b[0]))%blockSize)
	return b[skip : skip+n : skip+n]
}
