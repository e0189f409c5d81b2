package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"

	"abota/cmd/internal/cli"
)

// act is one verb in a state of the device in which it has something to do.
type act struct {
	name string
	args []string
	// before brings a device that runs A, with both slots good, there.
	before [][]string
	// calm is the exit code without a fault.
	calm int
	// goesOn: neither journal nor lock may stop it.
	goesOn bool
}

func hostileActs() []act {
	return []act{
		{name: "install", args: []string{"--booted", "A", "install"}},
		{name: "boot of a sick release", args: []string{"--booted", "B", "--set", "health.checks=[{exec: ['false']}]", "boot"}, before: [][]string{{"--booted", "A", "install"}}, calm: cli.ExitUnhealthy, goesOn: true},
		{name: "boot of a good release", args: []string{"--booted", "B", "boot"}, before: [][]string{{"--booted", "A", "install"}}, goesOn: true},
		{name: "rollback", args: []string{"--booted", "A", "rollback"}, goesOn: true},
		{name: "status", args: []string{"--booted", "A", "status"}},
	}
}

// injection is a system call on a file that fails, by strace.
type injection struct {
	file, call, fault string
}

// injections are what may go wrong with the files that a verb uses. A retval
// is a lie: the kernel never sees the call.
func injections(a act) (all []injection) {
	add := func(file, call string, faults ...string) {
		for _, fault := range faults {
			all = append(all, injection{file, call, fault})
		}
	}
	const eio, full, readOnly = "error=EIO", "error=ENOSPC", "error=EROFS"
	for _, file := range []string{"state/journal", "state/table"} {
		add(file, "openat", eio)
		add(file, "pread64", eio)
		if a.name == "status" {
			continue
		}
		add(file, "openat", full, readOnly)
		add(file, "fsync", eio, full)
		add(file, "pwrite64", eio, full, readOnly, "retval=4096", "retval=1:when=1")
	}
	if a.name != "status" {
		add("state/lock", "openat", eio, full, readOnly)
		add("state/lock", "flock", "error=ENOLCK")
	}
	if a.name == "install" || a.name == "rollback" { // abota boot waits for the lock
		add("state/lock", "flock", "error=EAGAIN")
	}
	if a.name == "install" {
		add("b.img", "openat", eio, readOnly)
		add("b.img", "pread64", eio)
		add("b.img", "fsync", eio, full)
		add("b.img", "pwrite64", eio, full, "error=EDQUOT", "retval=36864")
		add("b.img", "flock", "error=EAGAIN", "error=ENOLCK")
	}
	return all
}

// wholeBlocks is the size of an image that is one write, in bytes.
const wholeBlocks = 36864

// TestHostileFiles lets the system calls of the real program fail, each kind
// on each of its files.
func TestHostileFiles(t *testing.T) {
	program, strace := builtAbota(t), tracer(t)
	d := newDamagedDevice(t)
	next := imageOf("the next one", wholeBlocks)
	d.bucket.offer(releaseOf(t, zipped(t, next), newKey(t)))
	var matrix strings.Builder
	table := tabwriter.NewWriter(&matrix, 0, 8, 2, ' ', 0)
	restore := d.keep()
	for _, a := range hostileActs() {
		restore()
		for _, args := range a.before {
			if code, _, stderr := d.abota(args...); code != 0 {
				t.Fatalf("before %s: exit %d: %s", a.name, code, stderr)
			}
		}
		begin := d.keep()
		for _, i := range injections(a) {
			if testing.Short() && i.call != "pwrite64" {
				continue
			}
			begin()
			t.Run(fmt.Sprintf("%s, %s of %s, %s", a.name, i.call, i.file, i.fault), func(t *testing.T) {
				d := &damagedDevice{t: t, dir: d.dir, bucket: d.bucket}
				met, code, complaint := d.traced(strace, program, a, i)
				if !met {
					return
				}
				if code == 0 {
					complaint = ""
				}
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", a.name, i.file, i.call, i.fault, code, complaint)
				d.judge(a, i, code, complaint)
			})
		}
	}
	must(t, table.Flush())
	t.Logf("verb, file, system call, fault, exit code, message:\n%s", matrix.String())
}

// builtAbota is the program as it is shipped.
func builtAbota(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "abota")
	build := exec.Command("go", "build", "-o", path, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build abota: %v: %s", err, out)
	}
	return path
}

// tracer is a strace that may trace here.
func tracer(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err == nil {
		err = exec.Command(path, "-qq", "-o", os.DevNull, "-e", "inject=fsync:error=EIO", "true").Run()
	}
	if err != nil {
		t.Skipf("needs strace and leave to trace (Debian: strace): %v", err)
	}
	return path
}

// traced runs a verb whose calls fail, and reports whether it made any.
func (d *damagedDevice) traced(strace, program string, a act, i injection) (met bool, code int, complaint string) {
	d.t.Helper()
	calls := filepath.Join(d.dir, "calls")
	args := append([]string{
		"-f", "-qq", "-o", calls, "-P", filepath.Join(d.dir, i.file), "-e", "trace=" + i.call, "-e", "inject=" + i.call + ":" + i.fault,
		program, "--config", filepath.Join(d.dir, "config.yaml"),
	}, a.args...)
	cmd := exec.Command(strace, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	var ended *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &ended) {
		d.t.Fatal(err)
	}
	log, err := os.ReadFile(calls)
	must(d.t, err)
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	return bytes.Contains(log, []byte("(INJECTED)")), cmd.ProcessState.ExitCode(), strings.ReplaceAll(lines[len(lines)-1], d.dir+"/", "")
}

// reasons are what the faults are called.
var reasons = map[string]string{
	"error=EIO": syscall.EIO.Error(), "error=ENOSPC": syscall.ENOSPC.Error(), "error=EROFS": "read-only",
	"error=EDQUOT": syscall.EDQUOT.Error(), "error=ENOLCK": syscall.ENOLCK.Error(),
	"error=EAGAIN": "",
}

// judge holds the device against its contract after a verb whose calls failed.
func (d *damagedDevice) judge(a act, i injection, code int, complaint string) {
	d.t.Helper()
	held := i.call == "flock" && i.fault == "error=EAGAIN" && i.file == "state/lock"
	mayGoOn := i.file == "state/journal" || i.file == "state/lock" && !held
	switch {
	case a.goesOn && mayGoOn && code != a.calm:
		d.t.Errorf("exit %d (%s): the journal or the lock stopped it", code, complaint)
	case code == a.calm:
	case held && code == cli.ExitLocked:
	case code != cli.ExitFailed && !(code == cli.ExitRefused && i.call == "flock"):
		d.t.Errorf("exit %d, not 1: %s", code, complaint)
	case !strings.Contains(complaint, reasons[i.fault]) || !strings.Contains(complaint, filepath.Base(i.file)):
		d.t.Errorf("the message names not both %s and %q: %s", i.file, reasons[i.fault], complaint)
	}
	s := d.status()
	for n, content := range []string{d.slot("a"), d.slot("b")} {
		text, _, _ := strings.Cut(content, "\x00")
		whole := text == "factory 0" || text == "factory 1" || strings.HasPrefix(content, string(imageOf("the next one", wholeBlocks)))
		if s.Slots[n].BootStatus != "bad" && !whole {
			d.t.Errorf("slot %d is %s and holds nothing whole", n, s.Slots[n].BootStatus)
		}
	}
	if s.Slots[0].BootStatus != "good" || s.Primary == "" {
		d.t.Errorf("the slot to come back to is lost: %+v", s)
	}
	if code == 0 && a.name == "install" && s.Primary != "B" {
		d.t.Errorf("success was reported, but: %+v", s)
	}
	if code == cli.ExitUnhealthy && s.Primary != "A" {
		d.t.Errorf("rolled back, it says, but: %+v", s)
	}
	d.comesBack(a, s)
}

// comesBack: without the fault everything goes on.
func (d *damagedDevice) comesBack(a act, s seen) {
	d.t.Helper()
	if a.name == "rollback" {
		return
	}
	if code, _, stderr := d.abota("--booted", s.Primary, "boot"); code != 0 && code != cli.ExitUnhealthy {
		d.t.Errorf("the next boot: exit %d: %s", code, stderr)
	}
	s = d.status()
	other := string("BA"[strings.Index("AB", s.Primary)])
	code, _, stderr := d.abota("--booted", s.Primary, "install", "--reinstall")
	if code != 0 && code != cli.ExitNothingToDo {
		d.t.Errorf("the next install, to %s: exit %d: %s", other, code, stderr)
	}
}

// TestHostileStateDir: what a data partition can look like.
func TestHostileStateDir(t *testing.T) {
	d := newDamagedDevice(t)
	next := madeRelease(t, "the next one")
	restore := d.keep()
	state := filepath.Join(d.dir, "state")
	noise := func(name string) func(*testing.T) {
		return func(t *testing.T) { scramble(t, filepath.Join(state, name)) }
	}
	for _, c := range []struct {
		name string
		harm func(*testing.T)
		code int
		says string
	}{
		{"a full file system, with the files that were there", func(t *testing.T) { fullTmpfs(t, state, true) }, cli.ExitDone, ""},
		{"a full file system without files", func(t *testing.T) { fullTmpfs(t, state, false) }, cli.ExitFailed, "no space left on device"},
		{"a full ext4, with the files that were there", func(t *testing.T) { fullExt4(t, state) }, cli.ExitDone, ""},
		{"a read-only file system", func(t *testing.T) { readOnlyMount(t, state) }, cli.ExitFailed, "read-only file system"},
		{"a journal of noise", noise("journal"), cli.ExitDone, ""},
		{"a table of noise", noise("table"), cli.ExitDone, ""},
		{"a table and a journal of noise", func(t *testing.T) { noise("table")(t); noise("journal")(t) }, cli.ExitDone, ""},
		{"an empty journal", func(t *testing.T) { must(t, os.Truncate(filepath.Join(state, "journal"), 0)) }, cli.ExitDone, ""},
		{"a journal cut in the middle", func(t *testing.T) { must(t, os.Truncate(filepath.Join(state, "journal"), 100)) }, cli.ExitDone, ""},
		{"a journal that is a folder", func(t *testing.T) { replaced(t, filepath.Join(state, "journal"), os.Mkdir) }, cli.ExitFailed, "is a directory"},
		{"a journal that is a FIFO", func(t *testing.T) {
			replaced(t, filepath.Join(state, "journal"), func(p string, m os.FileMode) error { return syscall.Mkfifo(p, uint32(m)) })
		}, cli.ExitFailed, "not a regular file"},
		{"a lock that is a folder", func(t *testing.T) { replaced(t, filepath.Join(state, "lock"), os.Mkdir) }, cli.ExitFailed, "is a directory"},
		{"no folder at all", func(t *testing.T) { must(t, os.RemoveAll(state)) }, cli.ExitDone, ""},
		{"a file", func(t *testing.T) {
			must(t, os.RemoveAll(state))
			must(t, os.WriteFile(state, nil, 0o600))
		}, cli.ExitFailed, "not a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			must(t, os.RemoveAll(state))
			restore()
			c.harm(t)
			d := &damagedDevice{t: t, dir: d.dir, bucket: d.bucket, url: d.url}
			d.bucket.offer(next)
			running := d.slot("a")
			code, _, stderr := d.abota("install", "--booted", "A")
			complaint := strings.TrimSpace(stderr[strings.LastIndex(strings.TrimSpace(stderr), "\n")+1:])
			if code == 0 {
				complaint = ""
			}
			t.Logf("exit %d  %s", code, strings.ReplaceAll(complaint, d.dir+"/", ""))
			if code != c.code || c.says != "" && !strings.Contains(complaint, c.says) {
				t.Errorf("exit %d with %q, want %d with %q", code, complaint, c.code, c.says)
			}
			if d.slot("a") != running {
				t.Error("the slot that runs was changed")
			}
			// Without its folder the table of plain files cannot be read.
			if code, _, stderr := d.abota("--booted", "A", "status"); code != 0 && !strings.Contains(stderr, c.says) {
				t.Errorf("status: exit %d: %s", code, stderr)
			}
		})
	}
}

func scramble(t *testing.T, path string) {
	t.Helper()
	noise := make([]byte, 5<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	must(t, os.WriteFile(path, noise, 0o600))
}

func replaced(t *testing.T, path string, by func(string, os.FileMode) error) {
	t.Helper()
	must(t, os.RemoveAll(path))
	must(t, by(path, 0o700))
}

// mounted mounts something over the state folder for one test.
func mounted(t *testing.T, at string, args ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounts, which takes root")
	}
	if out, err := exec.Command("mount", append(args, at)...).CombinedOutput(); err != nil {
		t.Skipf("cannot mount here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", at).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
}

func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "fill"))
	must(t, err)
	defer f.Close()
	for size := 64 << 10; size >= 512; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the file system is not full but: %v", err)
	}
}

func fullTmpfs(t *testing.T, state string, files bool) {
	t.Helper()
	kept := filepath.Join(t.TempDir(), "kept")
	must(t, copyTree(kept, state))
	mounted(t, state, "-t", "tmpfs", "-o", "size=2m", "tmpfs")
	if files {
		must(t, copyTree(state, kept))
	}
	fill(t, state)
}

func fullExt4(t *testing.T, state string) {
	t.Helper()
	image := filepath.Join(t.TempDir(), "data.ext4")
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 24<<20))
	mkfs, err := exec.LookPath("mke2fs")
	if err != nil {
		mkfs = "/sbin/mke2fs"
	}
	if out, err := exec.Command(mkfs, "-q", "-F", "-t", "ext4", "-m", "0", image).CombinedOutput(); err != nil {
		t.Skipf("needs mke2fs (Debian: e2fsprogs): %v: %s", err, out)
	}
	kept := filepath.Join(t.TempDir(), "kept")
	must(t, copyTree(kept, state))
	mounted(t, state, "-o", "loop", image)
	must(t, copyTree(state, kept))
	// What was preallocated has its blocks; copying made holes of them.
	for _, name := range []string{"journal", "table"} {
		path := filepath.Join(state, name)
		content, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(path, content, 0o600))
	}
	fill(t, state)
}

func readOnlyMount(t *testing.T, state string) {
	t.Helper()
	mounted(t, state, "--bind", state)
	if out, err := exec.Command("mount", "-o", "remount,bind,ro", state).CombinedOutput(); err != nil {
		t.Skipf("cannot remount here: %v: %s", err, out)
	}
}
