package slot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestGuardKnowsWhatSharesStorage(t *testing.T) {
	for _, c := range []struct {
		name           string
		build          func(f *fixture)
		target, booted string
		want           error
	}{
		{"the other slot", func(*fixture) {}, "vda3", "vda2", nil},
		{"the booted slot", func(*fixture) {}, "vda2", "vda2", ErrSameDevice},
		{"mounted", func(f *fixture) { f.mountDevice("vda3", "/mnt") }, "vda3", "vda2", ErrInUse},
		{"root, but a wrong claim", func(*fixture) {}, "vda2", "vda3", ErrInUse},
		{"whole disk with mounted partitions", func(*fixture) {}, "vda", "vda2", ErrSameDevice},
		{"whole disk with a mounted partition, slots on another", func(f *fixture) {
			f.block("", "vdb", 5000)
		}, "vda", "vdb", ErrInUse},
		{"partition of the booted whole disk", func(*fixture) {}, "vda3", "vda", ErrSameDevice},
		{"partition of a mounted whole disk", func(f *fixture) {
			f.block("", "vdb", 5000)
			f.part("vdb", 1, 10, 100)
			f.mountDevice("vdb", "/mnt")
		}, "vdb1", "vda2", ErrInUse},
		{"partition that overlaps the booted one", func(f *fixture) { f.part("vda", 5, 24095, 10) }, "vda5", "vda2", ErrSameDevice},
		{"partition that begins where the booted one ends", func(f *fixture) { f.part("vda", 5, 24096, 10) }, "vda5", "vda2", nil},
		{"partition that overlaps a mounted one", func(f *fixture) { f.part("vda", 5, 44000, 97) }, "vda5", "vda2", ErrInUse},

		{"dm above is mounted", func(f *fixture) {
			f.stack("dm-0", 20000, "vda3")
			f.mountDevice("dm-0", "/mnt")
		}, "vda3", "vda2", ErrInUse},
		{"dm above is idle", func(f *fixture) { f.stack("dm-0", 20000, "vda3") }, "vda3", "vda2", nil},
		{"dm is the target, what is below is mounted", func(f *fixture) {
			f.stack("dm-0", 20000, "vda3")
			f.mountDevice("vda3", "/mnt")
		}, "dm-0", "vda2", ErrInUse},
		{"dm is the target, the booted slot is below", func(f *fixture) { f.stack("dm-0", 20000, "vda2") }, "dm-0", "vda2", ErrSameDevice},
		{"dm is the target, idle", func(f *fixture) { f.stack("dm-0", 20000, "vda3") }, "dm-0", "vda2", nil},
		{"root on crypt on verity, the target is its data", func(f *fixture) {
			f.stack("dm-0", 20000, "vda3", "vda1")
			f.stack("dm-1", 20000, "dm-0")
			f.mountDevice("dm-1", "/")
		}, "vda3", "vda2", ErrInUse},
		{"root on crypt on verity, the target is its hash tree", func(f *fixture) {
			f.stack("dm-0", 20000, "vda3", "vda1")
			f.stack("dm-1", 20000, "dm-0")
			f.mountDevice("dm-1", "/")
		}, "vda1", "vda2", ErrInUse},
		{"root on dm, whole disk is the target", func(f *fixture) {
			f.block("", "vdb", 5000)
			f.part("vdb", 1, 10, 100)
			f.stack("dm-0", 100, "vdb1")
			f.mountDevice("dm-0", "/mnt")
		}, "vdb", "vda2", ErrInUse},
		{"root on dm, another partition of its disk is the target", func(f *fixture) {
			f.stack("dm-0", 100, "vda1")
			f.mountDevice("dm-0", "/mnt")
		}, "vda3", "vda2", nil},
		{"two logical volumes of one group", func(f *fixture) {
			f.stack("dm-0", 100, "vda3")
			f.stack("dm-1", 100, "vda3")
			f.mountDevice("dm-0", "/")
		}, "dm-1", "dm-0", nil},

		{"leg of a mounted mirror", func(f *fixture) {
			f.block("", "vdb", 5000)
			f.stack("md0", 5000, "vdb", "vda3")
			f.mountDevice("md0", "/mnt")
		}, "vdb", "vda2", ErrInUse},
		{"volume on a mirror, a leg is mounted", func(f *fixture) {
			f.block("", "vdb", 5000)
			f.stack("md0", 5000, "vdb", "vda3")
			f.stack("dm-0", 5000, "md0")
			f.mountDevice("vdb", "/mnt")
		}, "dm-0", "vda2", ErrInUse},
		{"mirror with a mounted partition", func(f *fixture) {
			f.block("", "vdb", 5000)
			f.stack("md0", 5000, "vdb")
			f.part("md0", 1, 10, 100)
			f.mountDevice("md01", "/mnt")
		}, "vdb", "vda2", ErrInUse},

		{"unknown device", func(*fixture) {}, "gone", "vda2", errUnknown},
		{"unknown booted slot", func(*fixture) {}, "vda3", "gone", errUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := board(t)
			c.build(f)
			gone := volume{storage{dev: 1 << 20}, "/dev/gone", false}
			pick := func(name string) volume {
				if name == "gone" {
					return gone
				}
				return f.volume(name)
			}
			err := guardOne(f, pick(c.target), pick(c.booted))
			checkRefusal(t, err, c.want)
		})
	}
}

func guardOne(f *fixture, target, booted volume) error {
	return f.guard([]volume{target}, []volume{booted})
}

// errUnknown stands for a refusal that is neither of the two.
var errUnknown = errors.New("any other refusal")

func checkRefusal(t *testing.T, err, want error) {
	t.Helper()
	if want == errUnknown {
		if err == nil || errors.Is(err, ErrInUse) || errors.Is(err, ErrSameDevice) {
			t.Fatalf("got %v, want another refusal", err)
		}
	} else if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	if err != nil {
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("more than one line: %q", err)
		}
		t.Log(err)
	}
}

func TestGuardFollowsFiles(t *testing.T) {
	f := board(t)
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "swap file"} {
		f.write(filepath.Join(dir, name), name)
	}
	file := func(name string) volume {
		v, err := find(Member{Path: filepath.Join(dir, name)})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	f.loop("loop0", 8, filepath.Join(dir, "b"), 0)
	f.loop("loop1", 8, filepath.Join(dir, "a"), 4096)
	checkRefusal(t, guardOne(f, file("b"), file("a")), nil)
	checkRefusal(t, guardOne(f, f.volume("loop0"), f.volume("loop1")), nil)
	checkRefusal(t, guardOne(f, f.volume("loop0"), file("b")), ErrSameDevice)
	checkRefusal(t, guardOne(f, file("a"), f.volume("loop1")), ErrSameDevice)

	f.swaps(strings.ReplaceAll(file("swap file").path, " ", `\040`), "/gone")
	checkRefusal(t, guardOne(f, file("swap file"), file("a")), ErrInUse)

	f.mountDevice("loop0", "/mnt")
	checkRefusal(t, guardOne(f, file("b"), file("a")), ErrInUse)
	f.mount("0:40", "/erofs", "erofs", file("a").path)
	checkRefusal(t, guardOne(f, file("a"), file("swap file")), ErrInUse)
}

func TestLoopsOnDifferentPartsOfAFile(t *testing.T) {
	f := board(t)
	path := filepath.Join(t.TempDir(), "image")
	f.write(path, "image")
	f.loop("loop0", 8, path, 0)
	f.loop("loop1", 8, path, 4096)
	f.loop("loop2", 8, path, 4095)
	checkRefusal(t, guardOne(f, f.volume("loop0"), f.volume("loop1")), nil)
	checkRefusal(t, guardOne(f, f.volume("loop0"), f.volume("loop2")), ErrSameDevice)
}

func TestGuardRefusesWhenItCannotKnow(t *testing.T) {
	for _, gone := range []string{"sys/class", "proc/self/mountinfo"} {
		f := board(t)
		if err := os.RemoveAll(filepath.Join(filepath.Dir(f.Sys), gone)); err != nil {
			t.Fatal(err)
		}
		target, booted := volume{storage{1, 1}, "/a", false}, volume{storage{1, 2}, "/b", false}
		checkRefusal(t, guardOne(f, target, booted), errUnknown)
	}
	f := board(t)
	f.write(f.proc("self/mountinfo"), "garbage\n")
	checkRefusal(t, guardOne(f, f.volume("vda3"), f.volume("vda2")), errUnknown)
	f = board(t)
	if err := os.Remove(f.proc("swaps")); err != nil {
		t.Fatal(err)
	}
	checkRefusal(t, guardOne(f, f.volume("vda3"), f.volume("vda2")), nil) // a kernel without swap
}

func TestBusyDeviceNamesItsHolders(t *testing.T) {
	f := board(t)
	f.write(f.sys("class/block/vda3/holders/dm-7/dev"), "253:7")
	err := f.refusal(f.volume("vda3"), unix.EBUSY)
	checkRefusal(t, err, ErrInUse)
	if !strings.Contains(err.Error(), "dm-7") {
		t.Errorf("%v does not name the holder", err)
	}
}

func TestReplacedPathIsNotOpened(t *testing.T) {
	target, booted := fileSlots(t, t.TempDir(), 4096)
	v, err := find(Member{Path: target})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(booted, target); err != nil {
		t.Fatal(err)
	}
	held := &Target{path: target}
	defer held.Close()
	checkRefusal(t, held.hold(Host{}, v), errUnknown)
}

// The first check sees nothing, and somebody mounts the slot before it is held.
func TestSlotMountedBetweenCheckAndHold(t *testing.T) {
	target, booted := fileSlots(t, t.TempDir(), 4096)
	f := newFixture(t)
	before := f.proc("self/before")
	if err := unix.Mkfifo(before, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.proc("self/mountinfo"), f.proc("self/quiet")); err != nil {
		t.Fatal(err)
	}
	quiet, err := os.ReadFile(f.proc("self/quiet"))
	if err != nil {
		t.Fatal(err)
	}
	f.mount("0:40", "/mnt", "erofs", target)
	if err := os.Rename(f.proc("self/mountinfo"), f.proc("self/after")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(before, f.proc("self/mountinfo")); err != nil {
		t.Fatal(err)
	}
	go func() {
		first, err := os.OpenFile(f.proc("self/mountinfo"), os.O_WRONLY, 0) // waits for the reader
		if err != nil {
			t.Error(err)
			return
		}
		defer first.Close()
		if err := os.Rename(f.proc("self/after"), f.proc("self/mountinfo")); err != nil {
			t.Error(err)
		}
		if _, err := first.Write(quiet); err != nil {
			t.Error(err)
		}
	}()
	held, err := f.OpenTarget(target, booted)
	if err == nil {
		held.Close()
	}
	checkRefusal(t, err, ErrInUse)
}

func TestBootedOf(t *testing.T) {
	const loopA, loopB = "254:6", "254:7"
	overlay := func(f *fixture, lower string) {
		f.mount("0:30", "/", "overlay", "overlay", "lowerdir="+lower, "upperdir=/rw/up", "workdir=/rw/work")
	}
	for _, c := range []struct {
		name  string
		build func(f *fixture)
		slot  int
		known bool
	}{
		{"elsewhere", func(f *fixture) {}, 0, false},
		{"A is root", func(f *fixture) { f.mount(loopA, "/", "ext4", "/dev/root") }, 0, true},
		{"B is root", func(f *fixture) { f.mount(loopB, "/", "ext4", "/dev/root") }, 1, true},
		{"B was mounted over A", func(f *fixture) {
			f.mount(loopA, "/", "ext4", "/dev/root")
			f.mount(loopB, "/", "ext4", "/dev/root")
		}, 1, true},
		{"B is mounted, but not the root", func(f *fixture) { f.mount(loopB, "/mnt", "ext4", "x") }, 0, false},
		{"everything in memory", func(f *fixture) {
			f.mount("0:2", "/", "rootfs", "rootfs")
			f.mount(loopB, "/mnt", "ext4", "x")
		}, 0, false},
		{"overlay, both mounted, B is the layer", func(f *fixture) {
			f.mount(loopA, "/mnt", "ext4", "x")
			f.mount(loopB, "/rom", "squashfs", "x")
			overlay(f, "/rom")
		}, 1, true},
		{"overlay, A is the second layer", func(f *fixture) {
			f.mount(loopA, "/rom\\040base", "squashfs", "x")
			f.mount(loopB, "/mnt", "ext4", "x")
			overlay(f, "/etc:/rom\\040base")
		}, 0, true},
		{"overlay, the layer was moved", func(f *fixture) {
			overlay(f, "/mnt/ro")
			f.mount(loopB, "/media/ro", "squashfs", "x")
		}, 1, true},
		{"overlay, the layer was moved, both mounted", func(f *fixture) {
			overlay(f, "/mnt/ro")
			f.mount(loopA, "/mnt", "ext4", "x")
			f.mount(loopB, "/media/ro", "squashfs", "x")
		}, 0, false},
		{"overlay on something else", func(f *fixture) { overlay(f, "/rom") }, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, dir := newFixture(t), t.TempDir()
			f.block("", "vda", 100000)
			f.part("vda", 1, 1, 2)
			f.mountDevice("vda1", "/")
			f.minors = 5
			var paths [2]string
			for i, name := range []string{"a", "b"} {
				paths[i] = filepath.Join(dir, name)
				f.write(paths[i], name)
				f.loop("loop"+name, 8, paths[i], 0)
			}
			c.build(f)
			slot, known, err := f.BootedOf([2]Group{Alone(paths[0]), Alone(paths[1])})
			if err != nil || known != c.known || known && slot != c.slot {
				t.Errorf("BootedOf = %d, %t, %v", slot, known, err)
			}
		})
	}
}

func TestBootedOfSaysWhenBothAreTheRoot(t *testing.T) {
	f := newFixture(t)
	path := filepath.Join(t.TempDir(), "a")
	f.write(path, "a")
	f.loop("loop0", 8, path, 0)
	f.mountDevice("loop0", "/")
	if _, _, err := f.BootedOf([2]Group{Alone(path), Alone(path)}); !errors.Is(err, ErrSameDevice) {
		t.Errorf("BootedOf = %v", err)
	}
	if slot, known, err := f.BootedOf([2]Group{Alone("/does/not/exist"), Alone(path)}); slot != 1 || !known || err != nil {
		t.Errorf("BootedOf with a missing slot = %d, %t, %v", slot, known, err)
	}
}
