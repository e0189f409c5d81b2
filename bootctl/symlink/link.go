package symlink

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"abota/bootctl"
)

// ErrLayout is wrapped when slots and link cannot be where they are.
var ErrLayout = errors.New("slots and link do not fit together")

// Link shows which of two folders runs.
type Link struct {
	path  string
	slots [2]string
}

// New is the link at path over two folders; none of them need exist, but the
// folders that hold them must. It refuses slots that are one, or one in the
// other, a link that lies in a slot, and a path where something else is than a
// link.
func New(path string, slots [2]string) (*Link, error) {
	l := &Link{}
	var err error
	if l.path, err = inRealParent(path); err != nil {
		return nil, fmt.Errorf("%w: the link: %w", ErrLayout, err)
	}
	for s, slot := range slots {
		if l.slots[s], err = inRealParent(slot); err != nil {
			return nil, fmt.Errorf("%w: slot %s: %w", ErrLayout, bootctl.Slot(s), err)
		}
	}
	return l, l.check()
}

// inRealParent resolves a path's folder, but not the path itself.
func inRealParent(path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("%s is not an absolute path", path)
	}
	clean := filepath.Clean(path)
	parent, err := filepath.EvalSymlinks(filepath.Dir(clean))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the folder of %s does not exist: create %s first", path, filepath.Dir(clean))
	}
	return filepath.Join(parent, filepath.Base(clean)), err
}

func (l *Link) check() error {
	a, b := l.slots[bootctl.A], l.slots[bootctl.B]
	switch {
	case a == b:
		return fmt.Errorf("%w: both slots are %s: name two folders", ErrLayout, a)
	case Within(a, b):
		return fmt.Errorf("%w: slot A (%s) lies in slot B (%s): name two folders side by side", ErrLayout, a, b)
	case Within(b, a):
		return fmt.Errorf("%w: slot B (%s) lies in slot A (%s): name two folders side by side", ErrLayout, b, a)
	}
	for s, slot := range l.slots {
		if Within(l.path, slot) || Within(slot, l.path) {
			return fmt.Errorf("%w: the link %s and slot %s (%s) lie in one another: put the link beside the slots", ErrLayout, l.path, bootctl.Slot(s), slot)
		}
	}
	fi, err := os.Lstat(l.path)
	if err == nil && fi.Mode().Type() != fs.ModeSymlink {
		return fmt.Errorf("%w: %s is no symbolic link: remove it, or name another bootloader.link", ErrLayout, l.path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Within reports whether path is folder or lies in it. Both must be absolute
// and clean.
func Within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

// Path is where the link is, with the folder above it resolved.
func (l *Link) Path() string { return l.path }

// Slots are the two folders, with the folders above them resolved.
func (l *Link) Slots() [2]string { return l.slots }

// Shows is the slot that the link shows, and false when it is not there or
// shows anything else.
func (l *Link) Shows() (bootctl.Slot, bool) {
	text, err := os.Readlink(l.path)
	if err != nil {
		return 0, false
	}
	if !filepath.IsAbs(text) {
		text = filepath.Join(filepath.Dir(l.path), text)
	}
	to, err := inRealParent(text)
	if err != nil {
		return 0, false
	}
	for _, s := range bootctl.Slots {
		if to == l.slots[s] {
			return s, true
		}
	}
	return 0, false
}

// Startable reports whether the slot is there at all.
func (l *Link) Startable(s bootctl.Slot) bool {
	fi, err := os.Lstat(l.slots[s])
	return err == nil && fi.IsDir()
}

// Point makes the link show a slot, durably, and looks whether it does.
func (l *Link) Point(s bootctl.Slot) error {
	if !l.Startable(s) {
		return fmt.Errorf("point %s at slot %s: %s is no folder: %w", l.path, s, l.slots[s], fs.ErrNotExist)
	}
	if shown, ok := l.Shows(); !ok || shown != s {
		if err := l.replace(s); err != nil {
			return fmt.Errorf("point %s at slot %s: %w", l.path, s, err)
		}
	}
	// Also where it was right already: whoever moved it may not have come to
	// the flush.
	if err := syncFolder(filepath.Dir(l.path)); err != nil {
		return fmt.Errorf("point %s at slot %s: flush: %w", l.path, s, err)
	}
	if shown, ok := l.Shows(); !ok || shown != s {
		return fmt.Errorf("point %s at slot %s: it shows something else although it was moved", l.path, s)
	}
	return nil
}

func (l *Link) replace(s bootctl.Slot) error {
	dir, err := os.OpenRoot(filepath.Dir(l.path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return renameio.SymlinkRoot(dir, l.text(s), filepath.Base(l.path))
}

// text is what the link says for a slot.
func (l *Link) text(s bootctl.Slot) string {
	if filepath.Dir(l.slots[s]) == filepath.Dir(l.path) {
		return filepath.Base(l.slots[s])
	}
	return l.slots[s]
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
