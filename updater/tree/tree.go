package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"abota/updater/release"
)

var (
	// ErrRefused: the release holds what must not be in a tree.
	ErrRefused = errors.New("tree is not accepted")
	// ErrFull: the release is larger than its limits, or than what is free.
	ErrFull = errors.New("tree does not fit")
	// ErrPlace: the path cannot be a directory slot.
	ErrPlace = errors.New("not usable as a directory slot")
	// ErrReadback: the tree does not read back as it was written.
	ErrReadback = errors.New("tree differs from what was written")
)

// The limits where Options say none: far more than an application needs, far
// less than what makes a device unusable.
const (
	DefaultMaxEntries = 16384
	DefaultMaxSize    = 4 << 30
)

// Options bound what is unpacked.
type Options struct {
	// MaxEntries is how many files, folders and links there may be, those
	// included that are only implied; 0 means DefaultMaxEntries.
	MaxEntries int
	// MaxSize is how many bytes they may take, in whole blocks of 4 KiB; 0
	// means DefaultMaxSize.
	MaxSize int64
	// Warn is told what was left out. Optional.
	Warn func(string)
}

func (o Options) withDefaults() Options {
	if o.MaxEntries == 0 {
		o.MaxEntries = DefaultMaxEntries
	}
	if o.MaxSize == 0 {
		o.MaxSize = DefaultMaxSize
	}
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	return o
}

// Proof says what a tree holds, as read past the page cache.
type Proof struct {
	SHA256 string // hexadecimal, see the package's documentation
	Size   int64  // of all files, in bytes
}

// Payload is a release on its way in.
type Payload interface {
	io.Reader
	// Next goes to the following part, and returns io.EOF only when all of
	// the release is proven.
	Next() (release.Part, error)
	// Parts are all parts with their modes, once Next returned io.EOF.
	Parts() iter.Seq[release.Part]
}

// suffix names the folder that is written, beside the slot.
const suffix = ".new"

// Unfinished is where the tree of a slot is written. Nothing else may be there:
// it is removed.
func Unfinished(path string) string { return path + suffix }

// Target is a directory slot that is going to be replaced.
type Target struct {
	path string
	// base is the slot's name in its parent.
	base    string
	parent  *os.Root
	options Options
}

// Open looks at the slot's place and changes nothing. The slot itself need not
// exist.
func Open(path string, o Options) (*Target, error) {
	if err := CheckPlace(path); err != nil {
		return nil, err
	}
	parent, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("open slot: %w", err)
	}
	return &Target{path: path, base: filepath.Base(path), parent: parent, options: o.withDefaults()}, nil
}

// Occupied reports whether there is anything in a folder.
func Occupied(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	_, err = f.Readdirnames(1)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, err
}

// mark is an extended attribute of the top folder of a tree that was written
// here.
const mark = "user.abota.slot"

// Made reports whether a folder is a tree that this package wrote, and false
// also where the file system keeps no extended attributes.
func Made(path string) bool {
	_, err := unix.Lgetxattr(path, mark, nil)
	return err == nil
}

// RemoveUnfinished removes what a power cut may have left beside a slot.
func RemoveUnfinished(path string) error {
	if err := os.RemoveAll(Unfinished(path)); err != nil {
		return fmt.Errorf("remove an unfinished tree: %w", err)
	}
	return nil
}

// Close lets go of the slot.
func (t *Target) Close() error { return t.parent.Close() }

// Accept refuses a release whose first file alone is too large.
func (t *Target) Accept(first release.Part) error {
	free, err := t.free()
	if err != nil {
		return err
	}
	// What the slot holds now makes room.
	for _, name := range []string{t.base, t.base + suffix} {
		free += usage(t.parent, name)
	}
	if room := min(free, t.options.MaxSize); first.Size > room {
		return t.tooLarge(first.Size, room)
	}
	return nil
}

func (t *Target) tooLarge(size, room int64) error {
	return fmt.Errorf("%w: it has at least %d bytes, but %s has room for %d: publish a smaller release, free some space, or raise tree.max_size", ErrFull, size, t.path, room)
}

// Fill replaces the slot's tree by the release, whose first part was begun.
func (t *Target) Fill(first release.Part, payload Payload) (Proof, error) {
	if err := t.remove(); err != nil {
		return Proof{}, err
	}
	proof, err := t.fill(first, payload)
	if err != nil {
		return Proof{}, errors.Join(err, t.remove())
	}
	return proof, nil
}

// remove makes room: the slot left the boot order before, so neither the old
// tree nor an unfinished new one is of use.
func (t *Target) remove() error {
	for _, name := range []string{t.base, t.base + suffix} {
		if err := t.parent.RemoveAll(name); err != nil {
			return fmt.Errorf("remove the old tree: %w", err)
		}
	}
	return nil
}

func (t *Target) fill(first release.Part, payload Payload) (Proof, error) {
	free, err := t.free()
	if err != nil {
		return Proof{}, err
	}
	if err := t.parent.Mkdir(t.base+suffix, folderWhile); err != nil {
		return Proof{}, fmt.Errorf("unpack: %w", err)
	}
	root, err := t.parent.OpenRoot(t.base + suffix)
	if err != nil {
		return Proof{}, fmt.Errorf("unpack: %w", err)
	}
	defer root.Close()
	b := &builder{Target: t, root: root, room: min(free, t.options.MaxSize), entries: map[string]*entry{}}
	proof, err := b.build(first, payload)
	if err != nil {
		return Proof{}, err
	}
	if err := t.parent.Rename(t.base+suffix, t.base); err != nil {
		return Proof{}, fmt.Errorf("put the new tree in place: %w", err)
	}
	if err := syncFolder(t.parent, "."); err != nil {
		return Proof{}, fmt.Errorf("put the new tree in place: %w", err)
	}
	return proof, nil
}
