package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Ext4's own power cut: what was not written to the device by now never is,
// the journal's last transaction included (EXT4_IOC_SHUTDOWN,
// EXT4_GOING_FLAGS_NOLOGFLUSH).
const (
	ext4Shutdown   = 0x8004587d
	withoutLogging = 2
)

// disk is an ext4 in a file, mounted in a folder.
type ext4Disk struct {
	t           *testing.T
	image, path string
	mounted     bool
}

// newExt4 makes and mounts one, or skips the test where that is not possible.
func newExt4(t *testing.T, path string) *ext4Disk {
	t.Helper()
	e := &ext4Disk{t: t, image: filepath.Join(t.TempDir(), "disk.img"), path: path}
	must(t, os.WriteFile(e.image, nil, 0o600))
	must(t, os.Truncate(e.image, 48<<20))
	if out, err := exec.Command("mkfs.ext4", "-q", e.image).CombinedOutput(); err != nil {
		t.Skipf("mkfs.ext4: %v: %s", err, out)
	}
	if out, err := exec.Command("mount", "-o", "loop", e.image, path).CombinedOutput(); err != nil {
		t.Skipf("mount: %v: %s", err, out)
	}
	e.mounted = true
	t.Cleanup(e.unmount)
	return e
}

func (e *ext4Disk) unmount() {
	if !e.mounted {
		return
	}
	// Whoever was killed may still be on its way out.
	if !e.soon("umount", func() ([]byte, error) { return exec.Command("umount", e.path).CombinedOutput() }) {
		return
	}
	e.mounted = false
	// Its loop device goes some time after that. A new one beside it would have
	// a cache of its own of the same file.
	e.soon("the loop device", func() ([]byte, error) {
		out, err := exec.Command("losetup", "-j", e.image).CombinedOutput()
		if err == nil && len(out) > 0 {
			err = errors.New("is still there")
		}
		return out, err
	})
}

// soon tries until it works, for as long as that may take, and says so if it
// does not.
func (e *ext4Disk) soon(what string, try func() ([]byte, error)) bool {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		out, err := try()
		if err == nil {
			return true
		}
		if time.Now().After(deadline) {
			e.t.Errorf("%s: %v: %s", what, err, out)
			return false
		}
	}
}

// cut takes the power away. Nothing comes to the disk from here on.
func (e *ext4Disk) cut() {
	e.t.Helper()
	f, err := os.Open(e.path)
	must(e.t, err)
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), ext4Shutdown, withoutLogging); err != nil {
		e.t.Skipf("this kernel cannot cut an ext4's power: %v", err)
	}
}

// powerOn checks the file system and mounts it again, which replays its
// journal.
func (e *ext4Disk) powerOn() {
	e.t.Helper()
	e.unmount()
	if out, err := exec.Command("mount", "-o", "loop", e.image, e.path).CombinedOutput(); err != nil {
		e.t.Fatalf("mount after the cut: %v: %s", err, out)
	}
	e.mounted = true
}

// TestPowerCutsOfFolders cuts the power of a real ext4 at moments of an
// install. When it is mounted again the link shows a whole release, which is
// the old one or the new one, and the device gets to where it should by
// itself.
//
// Where the state lies on the same file system, each of its flushes takes along
// what the slots still owe. On another one, nothing but the slots' own does.
func TestPowerCutsOfFolders(t *testing.T) {
	for name, state := range map[string]string{"state beside the slots": "disk/state", "state elsewhere": "state"} {
		t.Run(name, func(t *testing.T) { powerCuts(t, state) })
	}
}

func powerCuts(t *testing.T, state string) {
	d := newFolderDevice(t, "disk", state)
	disk := newExt4(t, filepath.Join(d.dir, "disk"))
	start := time.Now()
	if out, err := d.run("install", d.publish("fine 0")); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	whole := time.Since(start)
	const rounds = 12
	cuts, unlinked := 0, 0
	runs := "fine 0"
	for n := 1; n <= rounds; n++ {
		says := fmt.Sprintf("fine %d", n)
		if n%4 == 0 {
			says = fmt.Sprintf("bad %d", n)
		}
		cmd := d.abota("install", d.publish(says))
		must(t, cmd.Start())
		time.Sleep(whole * time.Duration(n) / rounds)
		// First, or it would take the lost disk for an unhealthy release.
		_ = cmd.Process.Kill()
		disk.cut()
		if err := cmd.Wait(); err != nil {
			cuts++
		}
		disk.powerOn()
		got, err := d.linked()
		if err != nil || got != runs && got != says {
			t.Fatalf("round %d: after the cut %q is linked, %v", n, got, err)
		}
		if got == runs {
			unlinked++
		}
		// A new boot: the attempt counts, the program starts, the trial goes on.
		_ = os.Remove(filepath.Join(d.dir, state, "selected"))
		if out, err := d.run("boot", "--select"); err != nil {
			t.Fatalf("round %d: %v: %s", n, err, out)
		}
		_ = exec.Command(filepath.Join(d.dir, "restart.sh")).Run()
		booted, _ := d.run("boot")
		out, _ := d.run("install", filepath.Join(d.dir, "release"))
		if !strings.HasPrefix(says, "bad") {
			runs = says
		}
		if got, err := d.linked(); err != nil || got != runs || d.read("running") != runs {
			t.Fatalf("round %d: in the end %q is linked and %q runs, want %q, %v: %s", n, got, d.read("running"), runs, err, booted+out)
		}
		if left, _ := filepath.Glob(filepath.Join(d.dir, "disk/*.new")); len(left) > 0 {
			t.Fatalf("round %d: %v is left", n, left)
		}
	}
	t.Logf("%d of %d installs were cut, %d of them before the link moved", cuts, rounds, unlinked)
	if cuts < rounds/3 {
		t.Errorf("only %d of %d installs were cut", cuts, rounds)
	}
	disk.unmount()
	if out, err := exec.Command("e2fsck", "-fn", disk.image).CombinedOutput(); err != nil {
		t.Errorf("e2fsck: %v: %s", err, out)
	}
}
