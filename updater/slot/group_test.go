package slot

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// parted is a machine with two disks, slots of a partition and a file each, and
// the files on a partition that is mounted.
func parted(t *testing.T) (f *fixture, a, b Group) {
	f = newFixture(t)
	f.InPlace = func(string) error { return nil }
	dir := t.TempDir()
	f.block("", "vda", 100000)
	for i := range 4 {
		f.part("vda", i+1, 1000*(i+1), 500)
	}
	f.mountDevice("vda1", "/")
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	// The partition with the number of what the files really lie on.
	number := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	f.write(f.sys("class/block/vda4/dev"), number)
	f.write(f.sys("class/block/vda4/uevent"), fmt.Sprintf("MAJOR=%d\nMINOR=%d\nDEVNAME=vda4\n", unix.Major(st.Dev), unix.Minor(st.Dev)))
	f.mount(number, "/efi", "vfat", "/dev/vda4")
	for _, name := range []string{"a", "b"} {
		f.write(filepath.Join(dir, name), strings.Repeat("x", 5000))
		f.write(filepath.Join(dir, "root-"+name), strings.Repeat("r", 5000))
	}
	return f, Group{{"kernel", filepath.Join(dir, "a"), true}, {"root", filepath.Join(dir, "root-a"), false}},
		Group{{"kernel", filepath.Join(dir, "b"), true}, {"root", filepath.Join(dir, "root-b"), false}}
}

func TestOpenGroup(t *testing.T) {
	f, a, b := parted(t)
	open, err := f.OpenGroup(b, a)
	if err != nil {
		t.Fatal(err)
	}
	if len(open) != 2 || open[0].Size() != 5000 || open[1].Size() != 5000 {
		t.Errorf("opened %d", len(open))
	}
	if _, err := f.OpenGroup(b, a); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if err := CloseAll(open); err != nil {
		t.Error(err)
	}
	// Nothing of the group is held after an error.
	late := append(Group{}, b...)
	late[1].Path += "-none"
	if _, err := f.OpenGroup(late, a); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing root: %v", err)
	}
	open, err = f.OpenGroup(b, a)
	if err != nil {
		t.Fatalf("after a refusal: %v", err)
	}
	CloseAll(open)
	// What is gone in the running slot cannot be hit.
	if err := os.Remove(a[0].Path); err != nil {
		t.Fatal(err)
	}
	if open, err = f.OpenGroup(b, a); err != nil {
		t.Errorf("the running kernel's file is gone: %v", err)
	}
	CloseAll(open)
}

func TestRefusedGroups(t *testing.T) {
	for name, c := range map[string]struct {
		change func(f *fixture, a, b *Group)
		is     error
		want   string
	}{
		"missing file": {func(f *fixture, a, b *Group) { (*b)[0].Path += "-none" }, os.ErrNotExist, "make it once with room for the largest image, as `dd if=/dev/zero of="},
		"a folder":     {func(f *fixture, a, b *Group) { (*b)[0].Path = filepath.Dir((*b)[0].Path) }, nil, "because it is a directory"},
		"hard link to the other slot": {func(f *fixture, a, b *Group) {
			os.Remove((*b)[0].Path)
			os.Link((*a)[0].Path, (*b)[0].Path)
		}, ErrSameDevice, "give each slot storage of its own"},
		"hard link to something else": {func(f *fixture, a, b *Group) { os.Link((*b)[0].Path, (*b)[0].Path+"-2") }, nil, "because it has 2 names (hard links)"},
		"symbolic link to the other slot": {func(f *fixture, a, b *Group) {
			os.Remove((*b)[0].Path)
			os.Symlink((*a)[0].Path, (*b)[0].Path)
		}, ErrSameDevice, "overlaps the booted slot"},
		"one file for two parts":   {func(f *fixture, a, b *Group) { (*b)[1].Path = (*b)[0].Path }, ErrSameDevice, "another part of its slot"},
		"a file of the other slot": {func(f *fixture, a, b *Group) { (*b)[1].Path = (*a)[0].Path }, ErrSameDevice, "overlaps the booted slot"},
		"moving file system":       {func(f *fixture, a, b *Group) { f.InPlace = func(string) error { return errors.New("it has holes") } }, nil, "it has holes"},
		"nobody checks":            {func(f *fixture, a, b *Group) { f.InPlace = nil }, nil, "nobody knows whether its file system keeps it"},
		"unknown file system":      {func(f *fixture, a, b *Group) { f.mounts = f.mounts[:1]; f.mount("0:99", "/proc", "proc", "proc") }, nil, "nobody knows what its file system stands on"},
		"data through the journal": {func(f *fixture, a, b *Group) {
			f.mounts[2] += ",data=journal"
			f.mount("0:99", "/proc", "proc", "proc")
		}, nil, "/efi is mounted with data=journal"},
		"used as swap":                   {func(f *fixture, a, b *Group) { f.write(f.proc("swaps"), "Filename\n"+(*b)[0].Path+" file 1 1 1\n") }, ErrInUse, "used as swap"},
		"shown by a loop that is in use": {func(f *fixture, a, b *Group) { f.loop("loop0", 8, (*b)[0].Path, 0); f.mountDevice("loop0", "/mnt") }, ErrInUse, "mounted at /mnt"},
	} {
		t.Run(name, func(t *testing.T) {
			f, a, b := parted(t)
			c.change(f, &a, &b)
			seen, err := f.Look()
			if err != nil {
				t.Fatal(err)
			}
			open, err := f.OpenGroup(b, a)
			if err == nil {
				CloseAll(open)
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if strings.Contains(err.Error(), "in place") && !errors.Is(err, ErrPlace) {
				t.Errorf("%v is no ErrPlace", err)
			}
			if looked := seen.Refusal(b, a); looked == nil || looked.Error() != err.Error() {
				t.Errorf("who only looks sees %v", looked)
			}
		})
	}
}

// A file must not lie on a partition that a slot is made of.
func TestFileOnASlot(t *testing.T) {
	f, a, b := parted(t)
	kernel, err := find(b[0])
	if err != nil {
		t.Fatal(err)
	}
	root, err := find(a[1])
	if err != nil {
		t.Fatal(err)
	}
	err = f.guard([]volume{kernel}, []volume{root, f.volume("vda4")})
	if !errors.Is(err, ErrSameDevice) || !strings.Contains(err.Error(), "its file system is the slot's part /dev/vda4") {
		t.Errorf("on the running slot: %v", err)
	}
	if err := f.guard([]volume{kernel}, []volume{root, f.volume("vda3")}); err != nil {
		t.Errorf("beside it: %v", err)
	}
	if err := f.guard([]volume{kernel, f.volume("vda4")}, []volume{root}); !errors.Is(err, ErrSameDevice) {
		t.Errorf("on the slot itself: %v", err)
	}
}

// TestWhatKeepsNoBytesOverlapsNothing: the boot pointer beside it is as good as
// before, and who writes the slot is told of it.
func TestWhatKeepsNoBytesOverlapsNothing(t *testing.T) {
	f, a, b := parted(t)
	env := filepath.Join(t.TempDir(), "env")
	f.write(env, strings.Repeat("e", 5000))
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, t.TempDir(), os.DevNull, fifo + "-none"} {
		b[0].Path = path
		if inside, err := f.Overlaps(env, 0, 5000, b); inside || err != nil {
			t.Errorf("%s: %v, %v", path, inside, err)
		}
		if inside, err := f.Overlaps(b[1].Path, 0, 5000, b); !inside || err != nil {
			t.Errorf("%s beside the part that matters: %v, %v", path, inside, err)
		}
		if open, err := f.OpenGroup(b, a); err == nil || !strings.Contains(err.Error(), path) {
			CloseAll(open)
			t.Errorf("%s: opened, or %v", path, err)
		}
	}
	// What was named to be a device is looked at all the same.
	b[0] = Member{Name: "kernel", Path: fifo}
	if _, err := f.Overlaps(env, 0, 5000, b); err == nil || !strings.Contains(err.Error(), "because it is a FIFO") {
		t.Errorf("got %v", err)
	}
}

// TestZeroesFollowAnImageInPlace: to the end of the file, at any length of both,
// and the proof is of the image alone.
func TestZeroesFollowAnImageInPlace(t *testing.T) {
	for _, size := range []int{5000, regionSize, regionSize + 1, 3*regionSize + 17} {
		for _, length := range []int{1, 4096, size / 2, size - 1, size} {
			f, a, b := parted(t)
			old := bytes.Repeat([]byte{0xee}, size)
			if err := os.WriteFile(b[0].Path, old, 0o600); err != nil {
				t.Fatal(err)
			}
			open, err := f.OpenGroup(b, a)
			if err != nil {
				t.Fatal(err)
			}
			data := noise(length)
			w := open[0].Writer()
			if _, err := w.Write(data); err != nil {
				t.Fatal(err)
			}
			proof, err := w.Close()
			if err != nil || proof.Size != int64(length) || proof.SHA256 != sum(data) {
				t.Errorf("%d of %d bytes: %+v, %v", length, size, proof, err)
			}
			got, err := os.ReadFile(b[0].Path)
			if err != nil || !bytes.Equal(got, append(data, make([]byte, size-length)...)) {
				t.Errorf("%d of %d bytes: the file is something else (%d bytes), %v", length, size, len(got), err)
			}
			if again, err := w.Close(); err != nil || again != proof {
				t.Errorf("closed again: %+v, %v", again, err)
			}
			CloseAll(open)
		}
	}
}

// tail is a medium on which what is written last gets lost.
type tail struct {
	Medium
	from int64
}

func (m tail) WriteAt(p []byte, off int64) (int, error) {
	if off >= m.from {
		return len(p), nil
	}
	return m.Medium.WriteAt(p, off)
}

func TestZeroesAreReadBackToo(t *testing.T) {
	f, a, b := parted(t)
	if err := os.WriteFile(b[0].Path, bytes.Repeat([]byte{0xee}, 3*regionSize), 0o600); err != nil {
		t.Fatal(err)
	}
	f.Through = func(_ string, m Medium) Medium { return tail{m, 2 * regionSize} }
	open, err := f.OpenGroup(b, a)
	if err != nil {
		t.Fatal(err)
	}
	defer CloseAll(open)
	w := open[0].Writer()
	if _, err := w.Write(noise(100)); err != nil {
		t.Fatal(err)
	}
	if proof, err := w.Close(); !errors.Is(err, ErrReadback) || proof != (Proof{}) {
		t.Errorf("%+v, %v", proof, err)
	}
}

func TestTogether(t *testing.T) {
	one := Held{"root", strings.Repeat("a", 64), 7}
	if got := Together([]Held{one}); got != (Proof{one.SHA256, 7}) {
		t.Errorf("one part alone: %+v", got)
	}
	two := Held{"boot", strings.Repeat("b", 64), 5}
	want := Proof{sum([]byte("boot 5 " + two.SHA256 + "\nroot 7 " + one.SHA256 + "\n")), 12}
	if got := Together([]Held{one, two}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := Together([]Held{two, one}); got != want {
		t.Errorf("in another order: %+v", got)
	}
}
