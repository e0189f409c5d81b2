package slot

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFilesAsSlots(t *testing.T) {
	target, booted := fileSlots(t, t.TempDir(), 100000)
	accepted(t, target, booted)
	accepted(t, symlink(t, target), booted)
	refused(t, target, target, ErrSameDevice)
	refused(t, symlink(t, target), target, ErrSameDevice)
	refused(t, hardLink(t, target), target, ErrSameDevice)
	refused(t, target, filepath.Join(t.TempDir(), "gone"), errUnknown)

	held := openTarget(t, target, booted)
	refused(t, target, booted, ErrInUse)
	held.Close()
	accepted(t, target, booted)
}

func TestWhatIsNoSlot(t *testing.T) {
	dir := t.TempDir()
	target, booted := fileSlots(t, dir, 0)
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		target:                        "truncate -s",
		dir:                           "directory",
		fifo:                          "FIFO",
		"/dev/null":                   "character device",
		filepath.Join(dir, "missing"): "no such file",
	} {
		_, err := Host{}.OpenTarget(path, booted)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("OpenTarget(%s) = %v, want an error with %q", path, err, want)
		}
		t.Log(err)
	}
}

func TestDevicesAsSlots(t *testing.T) {
	needLoops(t, "mkfs.ext4")
	a, b := newLoop(t), newLoop(t)
	accepted(t, b, a)
	refused(t, a, a, ErrSameDevice)
	refused(t, symlink(t, a), a, ErrSameDevice)

	node := filepath.Join(t.TempDir(), "node")
	n, err := identify(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Mknod(node, unix.S_IFBLK|0o600, int(n.dev)); err != nil {
		t.Fatal(err)
	}
	refused(t, node, a, ErrSameDevice)

	held := openTarget(t, b, a)
	refused(t, b, a, ErrInUse)
	held.Close()

	mkfs(t, a)
	mountAt(t, a)
	refused(t, a, b, ErrInUse)
	refused(t, node, b, ErrInUse)
	accepted(t, b, a)
}

func TestEqualFileSystemUUIDsDoNotMatter(t *testing.T) {
	needLoops(t, "mkfs.ext4")
	a, b := newLoop(t), newLoop(t)
	for _, dev := range []string{a, b} {
		mkfs(t, dev, "-U", "6d3e9c1a-1111-2222-3333-444455556666", "-L", "root")
	}
	mountAt(t, a)
	refused(t, a, b, ErrInUse)
	accepted(t, b, a)
}

func TestLoopOverASlot(t *testing.T) {
	needLoops(t, "mkfs.ext4")
	file, other := image(t, testDevice), newLoop(t)
	below := loop(t, file)
	above := loop(t, below)
	for _, pair := range [][2]string{{below, file}, {file, below}, {above, file}, {file, above}, {above, below}, {below, above}} {
		refused(t, pair[0], pair[1], ErrSameDevice)
	}
	accepted(t, above, other)
	mkfs(t, above)
	mountAt(t, above)
	for _, path := range []string{file, below, above, hardLink(t, file)} {
		refused(t, path, other, ErrInUse)
	}
}

// The path that sysfs shows for a loop device leads to something else by now.
func TestLoopOverAFileThatLostItsName(t *testing.T) {
	needLoops(t, "mkfs.ext4")
	file, other := image(t, testDevice), newLoop(t)
	dev := loop(t, file)
	moved := hardLink(t, file)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	mkfs(t, dev)
	mountAt(t, dev)
	refused(t, moved, other, ErrInUse)
}

func TestLoopsOnTwoPartsOfOneFile(t *testing.T) {
	needLoops(t)
	file := image(t, 3<<20)
	a := loop(t, file, "--sizelimit", "1048576")
	b := loop(t, file, "--offset", "1048576")
	c := loop(t, file, "--offset", "1044480", "--sizelimit", "8192")
	accepted(t, b, a)
	refused(t, c, a, ErrSameDevice)
	refused(t, c, b, ErrSameDevice)
}

func TestSwapOnASlot(t *testing.T) {
	needLoops(t, "mkswap", "swapon", "swapoff")
	dev, file, other := newLoop(t), image(t, testDevice), newLoop(t)
	// Behind its header the kernel itself may write, whenever memory is short.
	header := int64(os.Getpagesize())
	for _, path := range []string{dev, file} {
		run(t, "mkswap", path)
		run(t, "swapon", path)
		t.Cleanup(func() { run(t, "swapoff", path) })
		refusedHead(t, path, other, header, ErrInUse)
	}
	refusedHead(t, loop(t, dev), other, header, ErrInUse)
}

func TestPartitionsAsSlots(t *testing.T) {
	needLoops(t, "mkfs.ext4", "sfdisk", "addpart", "delpart")
	disk, first, second := partitions(t)
	other := newLoop(t)
	for spec, want := range map[string]string{
		"PARTLABEL=one": first,
		"PARTLABEL=two": second,
		"PARTUUID=" + run(t, "sfdisk", "--part-uuid", disk, "2"): second,
	} {
		if got, err := (Host{}).Find(spec); err != nil || got != want {
			t.Errorf("Find(%s) = %q, %v", spec, got, err)
		}
	}
	accepted(t, second, first)
	refused(t, disk, first, ErrSameDevice)
	refused(t, second, disk, ErrSameDevice)
	mkfs(t, first)
	mountAt(t, first)
	refused(t, first, second, ErrInUse)
	refused(t, disk, other, ErrInUse)
	accepted(t, second, first)
}

func TestReadOnlyDevice(t *testing.T) {
	needLoops(t)
	dev, other := loop(t, image(t, testDevice), "--read-only"), newLoop(t)
	refused(t, dev, other, errUnknown)
}

func TestSlotOnAReadOnlyFileSystem(t *testing.T) {
	needLoops(t, "mkfs.ext4")
	dev, other := newLoop(t), newLoop(t)
	files := filepath.Dir(image(t, 10000))
	mkfs(t, dev, "-d", files)
	refused(t, filepath.Join(mountAt(t, dev), "a"), other, errUnknown)
}

func TestDeviceBehindRoot(t *testing.T) {
	mounts, err := (Host{}).mounts()
	if err != nil {
		t.Fatal(err)
	}
	var root string
	devices, err := Host{}.tree()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mounts {
		if d := devices[m.number]; m.point == "/" && d != nil {
			root = "/dev/" + d.name
		}
	}
	if _, err := os.Stat(root); err != nil {
		t.Skipf("skipped: the root is on no device: %v", err)
	}
	file := image(t, 4096)
	for i, paths := range [2][2]string{{root, file}, {file, root}} {
		if slot, known, err := (Host{}).BootedOf([2]Group{Alone(paths[0]), Alone(paths[1])}); slot != i || !known || err != nil {
			t.Errorf("BootedOf(%v) = %d, %t, %v", paths, slot, known, err)
		}
	}
	if _, known, err := (Host{}).BootedOf([2]Group{Alone(file), Alone(file)}); known || err != nil {
		t.Errorf("BootedOf of files = %t, %v", known, err)
	}
	target, err := Host{}.OpenTarget(root, file)
	if err == nil {
		target.Close()
		t.Fatal("the running root was opened")
	}
	checkRefusal(t, err, ErrInUse)
}

// What the page cache remembers of a device must not be taken for its content.
func TestReadsPastThePageCache(t *testing.T) {
	needLoops(t)
	file := image(t, testDevice)
	dev := loop(t, file)
	open, err := os.Open(dev) // the last close would empty the cache
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	cached, err := os.ReadFile(dev)
	if err != nil {
		t.Fatal(err)
	}
	changed := noise(testDevice)
	if err := os.WriteFile(file, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(dev); err != nil || !bytes.Equal(again, cached) {
		t.Skipf("skipped: the kernel did not keep the device in its cache: %v", err)
	}
	if got := slotDigest(t, dev, -1); got.SHA256 != sum(changed) {
		t.Error("Digest read the cache")
	}
}
