package symlink

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"abota/bootctl"
)

// layout is a folder with two slots and no link.
func layout(t *testing.T) (*Link, string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	l, err := New(filepath.Join(dir, "current"), [2]string{filepath.Join(dir, "a"), filepath.Join(dir, "b")})
	if err != nil {
		t.Fatal(err)
	}
	return l, dir
}

func TestLinkShowsWhatItWasPointedAt(t *testing.T) {
	l, dir := layout(t)
	if s, ok := l.Shows(); ok {
		t.Errorf("without a link it shows %s", s)
	}
	for _, s := range []bootctl.Slot{bootctl.B, bootctl.A, bootctl.A} {
		if err := l.Point(s); err != nil {
			t.Fatal(err)
		}
		if got, ok := l.Shows(); !ok || got != s {
			t.Errorf("shows %s, %v, want %s", got, ok, s)
		}
	}
	if text, _ := os.Readlink(filepath.Join(dir, "current")); text != "a" {
		t.Errorf("the link says %q", text)
	}
	// Moved as a whole, as from a factory's image to the device.
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	there, err := New(filepath.Join(moved, "current"), [2]string{filepath.Join(moved, "a"), filepath.Join(moved, "b")})
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := there.Shows(); !ok || s != bootctl.A {
		t.Errorf("after a move it shows %s, %v", s, ok)
	}
}

func TestLinkInAnotherFolderNamesTheSlotInFull(t *testing.T) {
	_, dir := layout(t)
	other := t.TempDir()
	l, err := New(filepath.Join(other, "current"), [2]string{filepath.Join(dir, "a"), filepath.Join(dir, "b")})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Point(bootctl.B); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.Readlink(l.Path()); text != filepath.Join(dir, "b") {
		t.Errorf("the link says %q", text)
	}
	if s, ok := l.Shows(); !ok || s != bootctl.B {
		t.Errorf("shows %s, %v", s, ok)
	}
}

func TestLinkIsFoundThroughOtherLinks(t *testing.T) {
	l, dir := layout(t)
	alias := filepath.Join(t.TempDir(), "alias")
	if err := os.Symlink(dir, alias); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(alias, "b"), l.Path()); err != nil {
		t.Fatal(err)
	}
	through, err := New(filepath.Join(alias, "current"), [2]string{filepath.Join(alias, "a"), filepath.Join(dir, "b")})
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := through.Shows(); !ok || s != bootctl.B {
		t.Errorf("shows %s, %v", s, ok)
	}
}

func TestForeignLinksShowNothingAndAreReplaced(t *testing.T) {
	for _, to := range []string{"/tmp", "c", "a/inner", "missing/x", "../a"} {
		l, _ := layout(t)
		if err := os.Symlink(to, l.Path()); err != nil {
			t.Fatal(err)
		}
		if s, ok := l.Shows(); ok {
			t.Errorf("a link to %s shows %s", to, s)
		}
		if err := l.Point(bootctl.A); err != nil {
			t.Errorf("a link to %s: %v", to, err)
		}
	}
}

func TestLinkIsNeverPointedAtNothing(t *testing.T) {
	l, dir := layout(t)
	if err := l.Point(bootctl.A); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	if err := l.Point(bootctl.B); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if s, ok := l.Shows(); !ok || s != bootctl.A {
		t.Errorf("shows %s, %v", s, ok)
	}
}

func TestLayoutsThatCannotWork(t *testing.T) {
	_, dir := layout(t)
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "alias")); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, link, a, b, says string }{
		{"one slot", "current", "a", "a", "name two folders"},
		{"one slot by two names", "current", "a", "alias/a", "name two folders"},
		{"A in B", "current", "b/a", "b", "A .* lies in slot B"},
		{"B in A", "current", "a", "a/b", "B .* lies in slot A"},
		{"link in a slot", "a/current", "a", "b", "put the link beside"},
		{"link is a slot", "a", "a", "b", "put the link beside"},
		{"slots in the link", "current", "current/a", "b", "create"},
		{"link is a file", "file", "a", "b", "no symbolic link"},
		{"no folder for the slot", "current", "a", "none/b", "create"},
		{"no folder for the link", "none/current", "a", "b", "create"},
	} {
		at := func(name string) string { return filepath.Join(dir, name) }
		_, err := New(at(row.link), [2]string{at(row.a), at(row.b)})
		if !errors.Is(err, ErrLayout) || !contains(err.Error(), row.says) {
			t.Errorf("%s: got %v", row.name, err)
		}
	}
	if _, err := New("current", [2]string{"a", "b"}); !errors.Is(err, ErrLayout) {
		t.Errorf("relative paths gave %v", err)
	}
}

// contains looks for words in their order.
func contains(text, words string) bool {
	for _, word := range strings.Split(words, ".*") {
		at := strings.Index(text, word)
		if at < 0 {
			return false
		}
		text = text[at+len(word):]
	}
	return true
}

// Whatever moment a process is killed at, the link shows one slot or the
// other: a reader never finds it missing.
func TestLinkIsNeverMissingWhileItMoves(t *testing.T) {
	l, _ := layout(t)
	if err := l.Point(bootctl.A); err != nil {
		t.Fatal(err)
	}
	stop, missing := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				missing <- n
				return
			default:
				if _, ok := l.Shows(); !ok {
					n++
				}
			}
		}
	}()
	for i := range 200 {
		if err := l.replace(bootctl.Slot(i % 2)); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if n := <-missing; n > 0 {
		t.Errorf("the link was missing %d times", n)
	}
}
