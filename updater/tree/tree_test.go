package tree

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"abota/updater/release"
)

// item is one part of a release and its content.
type item struct {
	name, content string
	mode          fs.FileMode
}

var day = time.Date(2024, 2, 29, 12, 34, 56, 0, time.UTC)

// parts is a payload in memory. What it ends in stands for the proof.
type parts struct {
	items []item
	at    int
	left  *strings.Reader
	end   error
}

func payloadOf(items ...item) *parts { return &parts{items: items, at: -1, end: io.EOF} }

func (p *parts) Next() (release.Part, error) {
	p.at++
	if p.at == len(p.items) {
		return release.Part{}, p.end
	}
	it := p.items[p.at]
	p.left = strings.NewReader(it.content)
	return release.Part{Name: it.name, Size: int64(len(it.content)), Modified: day}, nil
}

func (p *parts) Read(b []byte) (int, error) { return p.left.Read(b) }

func (p *parts) Parts() iter.Seq[release.Part] {
	return func(yield func(release.Part) bool) {
		for _, it := range p.items {
			if !yield(release.Part{Name: it.name, Size: int64(len(it.content)), Mode: it.mode, Modified: day}) {
				return
			}
		}
	}
}

// fill unpacks into a slot as the engine does.
func fill(slot string, p *parts, o Options) (Proof, error) {
	t, err := Open(slot, o)
	if err != nil {
		return Proof{}, err
	}
	defer t.Close()
	first, err := p.Next()
	if err != nil {
		return Proof{}, err
	}
	if err := t.Accept(first); err != nil {
		return Proof{}, err
	}
	return t.Fill(first, p)
}

// listing is a tree in one line for each entry, without its top.
func listing(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		line := fmt.Sprintf("%v %s", fi.Mode(), name)
		switch {
		case fi.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %q", content)
		case fi.Mode().Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " -> " + target
		}
		if fi.ModTime().Equal(day) {
			line += " day"
		}
		all = append(all, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestKeepsKindsModesTimesAndEmptyFolders(t *testing.T) {
	slot := filepath.Join(t.TempDir(), "b")
	var warned []string
	proof, err := fill(slot, payloadOf(
		item{"bin/", "", fs.ModeDir | 0o750},
		item{"bin/app", "\x7fELF…", 0o750},
		item{"bin/current", "../lib/v1/x.so", fs.ModeSymlink | 0o777},
		item{"lib/v1/x.so", "library", 0o444},
		item{"empty/", "", fs.ModeDir | 0o700},
		item{"dangling", "not/there", fs.ModeSymlink | 0o777},
		item{"sudo", "#!/bin/sh", fs.ModeSetuid | 0o755},
		item{"nothing", "", 0o600},
	), Options{Warn: func(s string) { warned = append(warned, s) }})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"drwxr-x--- bin day",
		`-rwxr-x--- bin/app "\x7fELF…" day`,
		"Lrwxrwxrwx bin/current -> ../lib/v1/x.so day",
		"Lrwxrwxrwx dangling -> not/there day",
		"drwx------ empty day",
		"drwxr-xr-x lib",
		"drwxr-xr-x lib/v1",
		`-r--r--r-- lib/v1/x.so "library" day`,
		`-rw------- nothing "" day`,
		`-rwxr-xr-x sudo "#!/bin/sh" day`,
	}
	if got := listing(t, slot); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(warned) != 1 || !strings.Contains(warned[0], "setuid") {
		t.Errorf("warned of %q", warned)
	}
	if again, err := Digest(t.Context(), slot); err != nil || again != proof || proof.Size != 7+7+9 {
		t.Errorf("proof %+v, read again %+v, %v", proof, again, err)
	}
}

func TestTreesWithoutModesGetUsefulOnes(t *testing.T) {
	slot := filepath.Join(t.TempDir(), "b")
	if _, err := fill(slot, payloadOf(item{"d/", "", 0}, item{"d/firmware", "\x7fELF", 0}, item{"run.sh", "#!/bin/sh\n", 0}, item{"data", "x", 0}), Options{}); err != nil {
		t.Fatal(err)
	}
	want := []string{"drwxr-xr-x d day", `-rwxr-xr-x d/firmware "\x7fELF" day`, `-rw-r--r-- data "x" day`, `-rwxr-xr-x run.sh "#!/bin/sh\n" day`}
	if got := listing(t, slot); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// The digest is what the package's documentation says, written down here once
// more without the package.
func TestDigestIsAsDocumented(t *testing.T) {
	slot := filepath.Join(t.TempDir(), "b")
	proof, err := fill(slot, payloadOf(
		item{"a.b", "1", 0o644}, item{"a/", "", fs.ModeDir | 0o755}, item{"a/x", "22", 0o600}, item{"l", "a/x", fs.ModeSymlink | 0o777},
	), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	text.WriteString("abota tree 1\n")
	fmt.Fprintf(&text, "d 755 a\x00")
	fmt.Fprintf(&text, "f 600 2 %x a/x\x00", sha256.Sum256([]byte("22")))
	fmt.Fprintf(&text, "f 644 1 %x a.b\x00", sha256.Sum256([]byte("1")))
	fmt.Fprintf(&text, "l l\x00a/x\x00")
	sum := sha256.Sum256(text.Bytes())
	if want := hex.EncodeToString(sum[:]); proof.SHA256 != want {
		t.Errorf("digest %s, want %s", proof.SHA256, want)
	}
}

func TestReplacesTheOldTreeAndWhatACutLeft(t *testing.T) {
	dir := t.TempDir()
	slot := filepath.Join(dir, "b")
	for _, path := range []string{"b/old/deep/er", "b.new/half"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := fill(slot, payloadOf(item{"new", "x", 0o644}), Options{}); err != nil {
		t.Fatal(err)
	}
	if got := listing(t, dir); !slices.Equal(got, []string{"drwxr-xr-x b", `-rw-r--r-- b/new "x" day`}) {
		t.Errorf("there is %q", got)
	}
}

func TestRefusesWhatDoesNotBelongInATreeAndLeavesNothing(t *testing.T) {
	link := fs.ModeSymlink | 0o777
	for _, row := range []struct {
		name  string
		items []item
		is    error
		says  string
	}{
		{"dots", []item{{"../evil", "x", 0o644}}, ErrRefused, "plain relative path"},
		{"dots within", []item{{"a/../../evil", "x", 0o644}}, ErrRefused, "plain relative path"},
		{"absolute", []item{{"/etc/passwd", "x", 0o644}}, ErrRefused, "plain relative path"},
		{"backslash", []item{{`..\evil`, "x", 0o644}}, ErrRefused, "plain relative path"},
		{"the top itself", []item{{"./", "", 0o755}}, ErrRefused, "plain relative path"},
		{"long element", []item{{strings.Repeat("x", 256), "x", 0o644}}, ErrRefused, "longer than the 255"},
		{"twice", []item{{"a", "1", 0o644}, {"a", "2", 0o644}}, ErrRefused, "twice"},
		{"file, then folder", []item{{"a", "1", 0o644}, {"a/b", "2", 0o644}}, ErrRefused, "both a file and a folder"},
		{"folder, then file", []item{{"a/b", "1", 0o644}, {"a", "2", 0o644}}, ErrRefused, "twice"},
		{"device", []item{{"null", "", fs.ModeDevice | fs.ModeCharDevice | 0o666}}, ErrRefused, "device, FIFO or socket"},
		{"disk", []item{{"sda", "", fs.ModeDevice | 0o666}}, ErrRefused, "device, FIFO or socket"},
		{"fifo", []item{{"pipe", "", fs.ModeNamedPipe | 0o666}}, ErrRefused, "device, FIFO or socket"},
		{"socket", []item{{"sock", "", fs.ModeSocket | 0o666}}, ErrRefused, "device, FIFO or socket"},
		{"odd kind", []item{{"odd", "", fs.ModeIrregular | 0o666}}, ErrRefused, "device, FIFO or socket"},
		{"folder by mode", []item{{"d", "", fs.ModeDir | 0o755}}, ErrRefused, "not by both"},
		{"link with a slash", []item{{"d/", "", link}}, ErrRefused, "not by both"},
		{"absolute link", []item{{"l", "/etc/passwd", link}}, ErrRefused, `leads to "/etc/passwd"`},
		{"link out", []item{{"d/l", "../../x", link}}, ErrRefused, "out of the tree"},
		{"link to above", []item{{"l", "..", link}}, ErrRefused, "out of the tree"},
		{"link out through a link", []item{{"a/b/up", "../..", link}, {"a/b/out", "up/..", link}}, ErrRefused, "out of the tree, or in a circle"},
		{"circle", []item{{"x", "y", link}, {"y", "x", link}}, ErrRefused, "in a circle"},
		{"empty link", []item{{"l", "", link}}, ErrRefused, "0 bytes"},
		{"long link", []item{{"l", strings.Repeat("a", 4096), link}}, ErrRefused, "4096 bytes"},
		{"link with a zero", []item{{"l", "a\x00b", link}}, ErrRefused, "out of the tree"},
		{"through a link", []item{{"l", "/tmp", link}, {"l/x", "evil", 0o644}}, ErrRefused, "both a file and a folder"},
		{"too many", []item{{"1", "", 0o644}, {"2", "", 0o644}, {"3", "", 0o644}, {"a/b", "", 0o644}}, ErrFull, "more than 4"},
		{"too large", []item{{"1", strings.Repeat("x", 1<<20), 0o644}, {"2", "x", 0o644}}, ErrFull, "room for 1048576"},
		{"too large at once", []item{{"1", strings.Repeat("x", 1<<20+1), 0o644}}, ErrFull, "room for 1048576"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			slot := filepath.Join(dir, "b")
			_, err := fill(slot, payloadOf(row.items...), Options{MaxEntries: 4, MaxSize: 1 << 20})
			if !errors.Is(err, row.is) || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, row.says)
			}
			if left := listing(t, dir); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// A payload that is not proven in the end leaves nothing, and neither does
// one that breaks off.
func TestUnprovenReleaseLeavesNothing(t *testing.T) {
	errDamaged := errors.New("MD5 does not match")
	dir := t.TempDir()
	p := payloadOf(item{"a/b", "content", 0o755})
	p.end = errDamaged
	if _, err := fill(filepath.Join(dir, "b"), p, Options{}); !errors.Is(err, errDamaged) {
		t.Errorf("got %v", err)
	}
	if left := listing(t, dir); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// While content arrives there is nothing but closed files and folders, and the
// slot's own name is not there.
func TestNothingIsOpenBeforeTheProof(t *testing.T) {
	dir := t.TempDir()
	p := payloadOf(item{"d/app", "#!/bin/sh", fs.ModeSetuid | 0o755}, item{"l", "d/app", fs.ModeSymlink | 0o777})
	looked := false
	slot := filepath.Join(dir, "b")
	target, err := Open(slot, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	first, _ := p.Next()
	_, err = target.Fill(first, lookAtEnd{p, func() {
		looked = true
		want := []string{"drwx------ b.new", "drwx------ b.new/d", `-rw------- b.new/d/app "#!/bin/sh"`, `-rw------- b.new/l "d/app"`}
		if got := listing(t, dir); !slices.Equal(got, want) {
			t.Errorf("before the proof there is %q", got)
		}
	}})
	if err != nil || !looked {
		t.Errorf("looked %v, %v", looked, err)
	}
}

type lookAtEnd struct {
	*parts
	look func()
}

func (l lookAtEnd) Next() (release.Part, error) {
	part, err := l.parts.Next()
	if errors.Is(err, io.EOF) {
		l.look()
	}
	return part, err
}

func TestTreeThatReadsBackDifferentlyIsNoProof(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"content": func(dir string) error { return os.WriteFile(filepath.Join(dir, "f"), []byte("other"), 0o644) },
		"mode":    func(dir string) error { return os.Chmod(filepath.Join(dir, "f"), 0o755) },
		"missing": func(dir string) error { return os.Remove(filepath.Join(dir, "f")) },
		"more":    func(dir string) error { return os.Mkdir(filepath.Join(dir, "more"), 0o755) },
		"link": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "l")), os.Symlink("elsewhere", filepath.Join(dir, "l")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			b := &builder{Target: &Target{path: dir, options: Options{}.withDefaults()}, root: root, room: 1 << 20, entries: map[string]*entry{}}
			p := payloadOf(item{"f", "right", 0o644}, item{"l", "f", fs.ModeSymlink | 0o777})
			first, _ := p.Next()
			if _, err := b.build(first, p); err != nil {
				t.Fatal(err)
			}
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			if proof, err := b.prove(); !errors.Is(err, ErrReadback) {
				t.Errorf("got %+v, %v", proof, err)
			}
		})
	}
}

func TestDigestOfWhatIsNoTree(t *testing.T) {
	if _, err := Digest(context.Background(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestLargeFilesAreReadBackWhole(t *testing.T) {
	for _, size := range []int{bufferSize - 1, bufferSize, bufferSize + 1, 3 * bufferSize, 3*bufferSize + blockSize, 1} {
		content := strings.Repeat("0123456789abcdef!", size/17+1)[:size]
		proof, err := fill(filepath.Join(t.TempDir(), "b"), payloadOf(item{"f", content, 0o644}), Options{})
		if err != nil || proof.Size != int64(size) {
			t.Errorf("%d bytes: %+v, %v", size, proof, err)
		}
	}
}
