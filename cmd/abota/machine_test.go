package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// useMadeUp lets the command see a machine that a script made up, and a clock
// that was never set.
func useMadeUp() {
	if made := os.Getenv("TEST_MACHINE"); made != "" {
		machine = made
		rebootMachine = func(_ context.Context, argument string, _ *slog.Logger) error {
			return os.WriteFile(onMachine("rebooted"), []byte(argument), 0o644)
		}
	}
	if at, err := time.Parse(time.RFC3339, os.Getenv("TEST_CLOCK")); err == nil {
		wallClock = func() time.Time { return at }
	}
}

// makeMachine CMDLINE: makes up what kernel and system show of themselves, in
// the folder machine: this kernel command line, no block device, the script's
// folder on an ext4 of its own, and an init that holds the watchdog.
func makeMachine(ts *testscript.TestScript, _ bool, args []string) {
	root := ts.MkAbs("machine")
	ts.Check(os.RemoveAll(root))
	for name, text := range map[string]string{
		"proc/cmdline":                   args[0] + "\n",
		"proc/sys/kernel/random/boot_id": bootIDOf(ts),
		"proc/swaps":                     "Filename\tType\tSize\tUsed\tPriority\n",
		"proc/self/mountinfo":            mountLine(ownDevice(ts), "/data", "ext4"),
		"proc/1/comm":                    "systemd\n",
		"sys/class/block/no":             "",
	} {
		put(ts, filepath.Join(root, name), text)
	}
	ts.Check(os.Remove(filepath.Join(root, "sys/class/block/no")))
	ts.Check(os.MkdirAll(filepath.Join(root, "proc/1/fd"), 0o755))
	ts.Check(os.Symlink("/dev/watchdog0", filepath.Join(root, "proc/1/fd/9")))
	ts.Setenv("TEST_MACHINE", root)
}

// mountOnMachine FILE POINT: the machine has a loop device on the file, and
// mounts it. With the point "here" that is what the script's folder lies on.
func mountOnMachine(ts *testscript.TestScript, _ bool, args []string) {
	root, number := ts.MkAbs("machine"), uint64(unix.Mkdev(7, 7))
	mounts := ts.ReadFile("machine/proc/self/mountinfo")
	if args[1] == "here" {
		number, mounts = ownDevice(ts), ""
	}
	major, minor := unix.Major(number), unix.Minor(number)
	dir := filepath.Join(root, "sys/class/block/loop7")
	put(ts, dir+"/uevent", fmt.Sprintf("MAJOR=%d\nMINOR=%d\nDEVNAME=loop7\n", major, minor))
	put(ts, dir+"/dev", fmt.Sprintf("%d:%d\n", major, minor))
	put(ts, dir+"/size", "128\n")
	put(ts, dir+"/loop/backing_file", ts.MkAbs(args[0])+"\n")
	put(ts, filepath.Join(root, "proc/self/mountinfo"), mounts+mountLine(number, "/"+args[1], "ext4"))
}

// bootIDOf is another one for each boot of a script's machine.
func bootIDOf(ts *testscript.TestScript) string {
	n, _ := strconv.Atoi(ts.Getenv("TEST_BOOTS"))
	ts.Setenv("TEST_BOOTS", strconv.Itoa(n+1))
	return fmt.Sprintf("00000000-0000-4000-8000-%012d\n", n)
}

func mountLine(number uint64, point, kind string) string {
	return fmt.Sprintf("30 1 %d:%d / %s rw,relatime shared:1 - %s /dev/x rw\n", unix.Major(number), unix.Minor(number), point, kind)
}

// ownDevice is the number of what the script's folder really lies on.
func ownDevice(ts *testscript.TestScript) uint64 {
	var st unix.Stat_t
	ts.Check(unix.Stat(ts.MkAbs("."), &st))
	return st.Dev
}

func put(ts *testscript.TestScript, path, text string) {
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	ts.Check(os.WriteFile(path, []byte(text), 0o644))
}

// renameVariable FILE OLD NEW: in both copies of the environment a variable
// has another name of the same length, and the checksums hold.
func renameVariable(ts *testscript.TestScript, _ bool, args []string) {
	const size = 0x4000
	image := []byte(ts.ReadFile(args[0]))
	if !bytes.Contains(image, []byte(args[1]+"=")) || len(args[1]) != len(args[2]) {
		ts.Fatalf("%s has no variable %s, or %s is not as long", args[0], args[1], args[2])
	}
	for _, at := range []int{0, 0x400000} {
		env := image[at : at+size]
		if binary.LittleEndian.Uint32(env) != crc32.ChecksumIEEE(env[5:]) {
			continue // never written
		}
		copy(env[5:], strings.ReplaceAll(string(env[5:]), args[1]+"=", args[2]+"="))
		binary.LittleEndian.PutUint32(env, crc32.ChecksumIEEE(env[5:]))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), image, 0o644))
}
