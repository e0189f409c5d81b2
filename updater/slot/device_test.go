package slot

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// These helpers make real devices; what needs them is skipped without root.

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func needLoops(t *testing.T, tools ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skipped: loop devices need root")
	}
	for _, tool := range append(tools, "losetup") {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("skipped: %v", err)
		}
	}
	if out, err := exec.Command("losetup", "--find").CombinedOutput(); err != nil {
		t.Skipf("skipped: no loop devices here: %s", out)
	}
}

// image makes a file of this size, full of 'o'.
func image(t *testing.T, size int) string {
	t.Helper()
	path, _ := fileSlots(t, t.TempDir(), size)
	return path
}

// loop attaches a device to a file or device.
func loop(t *testing.T, on string, options ...string) string {
	t.Helper()
	dev := run(t, "losetup", append(options, "--find", "--show", on)...)
	t.Cleanup(func() { run(t, "losetup", "--detach", dev) })
	return dev
}

const testDevice = 8 << 20

func newLoop(t *testing.T) string {
	t.Helper()
	return loop(t, image(t, testDevice))
}

func mkfs(t *testing.T, dev string, options ...string) {
	t.Helper()
	run(t, "mkfs.ext4", append(options, "-q", "-F", dev)...)
}

func mountAt(t *testing.T, dev string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount(dev, dir, "ext4", unix.MS_RDONLY, "noload"); err != nil {
		t.Fatalf("mount %s: %v", dev, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// partitions divides a loop device into two partitions of 4 MiB each.
func partitions(t *testing.T) (disk, first, second string) {
	t.Helper()
	file := image(t, 12<<20)
	sfdisk := exec.Command("sfdisk", "--quiet", file)
	sfdisk.Stdin = strings.NewReader("label: gpt\nname=one,size=8192\nname=two,size=8192\n")
	if out, err := sfdisk.CombinedOutput(); err != nil {
		t.Fatalf("sfdisk: %v: %s", err, out)
	}
	disk = loop(t, file, "--partscan")
	first, second = disk+"p1", disk+"p2"
	if _, err := os.Stat(second); err != nil { // a kernel that reads no GPT
		run(t, "addpart", disk, "1", "2048", "8192")
		run(t, "addpart", disk, "2", "10240", "8192")
		t.Cleanup(func() { run(t, "delpart", disk, "1"); run(t, "delpart", disk, "2") })
	}
	return disk, first, second
}

// refused proves that the target is not opened and not changed.
func refused(t *testing.T, path, booted string, want error) {
	t.Helper()
	refusedHead(t, path, booted, -1, want)
}

// refusedHead compares only the first size bytes, all of them when it is -1.
func refusedHead(t *testing.T, path, booted string, size int64, want error) {
	t.Helper()
	before := slotDigest(t, path, size)
	target, err := Host{}.OpenTarget(path, booted)
	if err == nil {
		target.Close()
		t.Errorf("%s was opened beside %s", path, booted)
		return
	}
	checkRefusal(t, err, want)
	if after := slotDigest(t, path, size); after != before {
		t.Errorf("%s changed", path)
	}
}

func slotDigest(t *testing.T, path string, size int64) Proof {
	t.Helper()
	p, err := Digest(t.Context(), path, size)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// accepted proves that the target is opened and written.
func accepted(t *testing.T, path, booted string) {
	t.Helper()
	other := slotDigest(t, booted, -1)
	target, err := Host{}.OpenTarget(path, booted)
	if err != nil {
		t.Error(err)
		return
	}
	defer target.Close()
	image := noise(70001)
	w := target.Writer()
	writeImage(t, w, image)
	if proof, err := w.Close(); err != nil || proof.SHA256 != sum(image) {
		t.Errorf("Close = %v, %v", proof, err)
	}
	if got, err := Digest(t.Context(), path, int64(len(image))); err != nil || got.SHA256 != sum(image) {
		t.Errorf("Digest = %v, %v", got, err)
	}
	if slotDigest(t, booted, -1) != other {
		t.Errorf("%s changed", booted)
	}
}

func hardLink(t *testing.T, path string) string {
	t.Helper()
	link := filepath.Join(filepath.Dir(path), "link")
	if err := os.Link(path, link); err != nil {
		t.Fatal(err)
	}
	return link
}

func symlink(t *testing.T, path string) string {
	t.Helper()
	link := filepath.Join(t.TempDir(), "symlink")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	return link
}
