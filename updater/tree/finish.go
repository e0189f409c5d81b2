package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"abota/updater/release"
)

// maxTarget is the longest text of a symbolic link, in bytes.
const maxTarget = 4095

// unsafeBits change as whom a program runs, or who may remove a file.
const unsafeBits = fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// finish gives everything its kind, mode and time, now that the release is
// proven, and flushes it.
func (b *builder) finish(payload Payload) error {
	dropped := 0
	for part := range payload.Parts() {
		name := strings.TrimSuffix(part.Name, "/")
		e := b.entries[name]
		if e == nil {
			return fmt.Errorf("%q was listed, but never unpacked", part.Name)
		}
		if part.Mode&unsafeBits != 0 {
			dropped++
		}
		e.modified = part.Modified
		if err := e.become(part); err != nil {
			return err
		}
	}
	if dropped > 0 {
		b.options.Warn(fmt.Sprintf("the setuid, setgid and sticky bits of %d entries were dropped: what runs from a directory slot gets its rights from init", dropped))
	}
	names := slices.Sorted(maps.Keys(b.entries))
	if err := b.makeLinks(names); err != nil {
		return err
	}
	return b.flush(names)
}

// become settles what an entry is.
func (e *entry) become(part release.Part) error {
	slashed := strings.HasSuffix(part.Name, "/")
	switch kind := part.Mode.Type(); {
	case slashed && kind != 0 && kind != fs.ModeDir, !slashed && kind == fs.ModeDir:
		return fmt.Errorf("%w: %q is a folder by its name or by its mode, but not by both: pack it again", ErrRefused, part.Name)
	case slashed:
		e.mode = fs.ModeDir | permissions(part.Mode, 0o755) | 0o700
	case kind == fs.ModeSymlink:
		e.mode = fs.ModeSymlink
	case kind == 0 && e.program:
		e.mode = permissions(part.Mode, 0o755) | 0o400
	case kind == 0:
		e.mode = permissions(part.Mode, 0o644) | 0o400
	default:
		return fmt.Errorf("%w: %q is a device, FIFO or socket (%s): publish files, folders and links only", ErrRefused, part.Name, part.Mode)
	}
	return nil
}

// permissions are the release's, or these where it says none.
func permissions(mode, otherwise fs.FileMode) fs.FileMode {
	if mode == 0 {
		return otherwise
	}
	return mode.Perm()
}

// makeLinks replaces the files that held links' targets. All of them are made
// before the first is followed, since they may lead through one another.
func (b *builder) makeLinks(names []string) error {
	var links []string
	for _, name := range names {
		if b.entries[name].mode.Type() == fs.ModeSymlink {
			links = append(links, name)
			if err := b.makeLink(name, b.entries[name]); err != nil {
				return err
			}
		}
	}
	for _, name := range links {
		// A link to nothing is the application's business.
		if _, err := b.root.Stat(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: the link %q to %q leads out of the tree, or in a circle (%w): publish links that stay inside", ErrRefused, name, b.entries[name].target, errors.Unwrap(err))
		}
	}
	return nil
}

func (b *builder) makeLink(name string, e *entry) error {
	if e.size == 0 || e.size > maxTarget {
		return fmt.Errorf("%w: the link %q has a target of %d bytes: 1 to %d are possible", ErrRefused, name, e.size, maxTarget)
	}
	text, err := b.root.ReadFile(name)
	if err != nil {
		return err
	}
	e.target = string(text)
	if !inside(name, e.target) {
		return fmt.Errorf("%w: the link %q leads to %q, out of the tree: publish relative links that stay inside", ErrRefused, name, e.target)
	}
	if err := b.root.Remove(name); err != nil {
		return err
	}
	return b.root.Symlink(e.target, name)
}

// inside reports whether a link stays in the tree by its text.
func inside(name, target string) bool {
	if strings.HasPrefix(target, "/") || strings.ContainsAny(target, "\\\x00") {
		return false
	}
	to := path.Join(path.Dir(name), target)
	return to != ".." && !strings.HasPrefix(to, "../")
}

// flush makes all of it durable: files first, folders from the bottom up.
func (b *builder) flush(names []string) error {
	top, err := b.root.Open(".")
	if err != nil {
		return err
	}
	defer top.Close()
	// All at once, which leaves little to do for the flush of each file.
	if err := unix.Syncfs(int(top.Fd())); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	for _, name := range slices.Backward(names) {
		if err := b.settle(name, b.entries[name]); err != nil {
			return err
		}
	}
	if err := top.Chmod(0o755); err != nil {
		return err
	}
	// Without it, see Made, only table and journal know whose tree this is.
	_ = unix.Fsetxattr(int(top.Fd()), mark, []byte("1"), 0)
	if err := top.Sync(); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}

// settle gives one entry its time and mode, and flushes it. Names come in
// reverse order, so what is in a folder comes before the folder itself.
func (b *builder) settle(name string, e *entry) error {
	if err := b.setTime(name, e); err != nil {
		return err
	}
	if e.mode.Type() == fs.ModeSymlink {
		return nil
	}
	f, err := b.root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chmod(e.mode.Perm()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("flush %s: %w", name, err)
	}
	return nil
}

// setTime sets the modification time, of a link too.
func (b *builder) setTime(name string, e *entry) error {
	if e.modified.IsZero() {
		return nil
	}
	dir, err := b.root.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	at := unix.NsecToTimespec(e.modified.UnixNano())
	if err := unix.UtimesNanoAt(int(dir.Fd()), path.Base(name), []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("set the time of %s: %w", name, err)
	}
	return nil
}

func syncFolder(root *os.Root, name string) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
