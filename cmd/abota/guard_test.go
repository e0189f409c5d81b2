package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"abota/cmd/internal/cli"
)

// tool runs a system tool and returns the first line that it prints.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// loops makes block devices of files with an ext4 each, all with the same
// UUID, as copies of one image have.
func loops(t *testing.T, names ...string) (devices, files []string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("loop devices need root")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Skipf("no loop devices: %v", err)
	}
	for _, name := range names {
		file := filepath.Join(t.TempDir(), name)
		must(t, os.WriteFile(file, make([]byte, 4<<20), 0o600))
		tool(t, "mkfs.ext4", "-q", "-U", "11111111-2222-3333-4444-555555555555", file)
		device := tool(t, "losetup", "--find", "--show", file)
		t.Cleanup(func() { tool(t, "losetup", "--detach", device) })
		devices, files = append(devices, device), append(files, file)
	}
	return devices, files
}

// TestGuard: whatever is claimed, a device that is in use, or is the booted
// slot under another name, is refused, and nothing is written.
func TestGuard(t *testing.T) {
	devices, files := loops(t, "a", "b")
	a, b := devices[0], devices[1]
	mounted := t.TempDir()
	tool(t, "mount", "-o", "ro", a, mounted)
	t.Cleanup(func() { tool(t, "umount", mounted) })
	over := tool(t, "losetup", "--find", "--show", a)
	t.Cleanup(func() { tool(t, "losetup", "--detach", over) })
	alias := filepath.Join(t.TempDir(), "alias")
	must(t, os.Symlink(a, alias))

	for _, row := range []struct {
		name                 string
		slotA, slotB, booted string
		code                 int
		says                 string
	}{
		{"target is mounted", b, a, "A", cli.ExitRefused, "mounted"},
		{"target is the booted slot", a, alias, "A", cli.ExitUsage, "same"},
		{"target is a loop over the mounted slot", b, over, "A", cli.ExitRefused, "shares its storage"},
		{"target is a loop over the booted slot", a, over, "A", cli.ExitUsage, "same"},
		{"target is the file below the mounted slot", b, files[0], "A", cli.ExitRefused, "shares its storage"},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := sums(t, files)
			code, out := installBetween(t, row.slotA, row.slotB, row.booted)
			if code != row.code || !strings.Contains(out, row.says) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, row.code, row.says, out)
			}
			if sums(t, files) != before {
				t.Error("something was written")
			}
			t.Log(strings.TrimSpace(out))
		})
	}

	t.Run("equal file-system UUIDs do not confuse the slots", func(t *testing.T) {
		before := sums(t, files[:1])
		if code, out := installBetween(t, a, b, "A"); code != cli.ExitDone {
			t.Errorf("exit code %d:\n%s", code, out)
		}
		if sums(t, files[:1]) != before {
			t.Error("the mounted slot was written")
		}
	})
}

// TestGuardBelievesTheDeviceBehindTheRoot: a claim that contradicts it stops
// the verb.
func TestGuardBelievesTheDeviceBehindTheRoot(t *testing.T) {
	devices, files := loops(t, "other")
	out, err := exec.Command("findmnt", "--noheadings", "--output", "SOURCE", "/").Output()
	root := strings.TrimSpace(string(out))
	if st, statErr := os.Stat(root); err != nil || statErr != nil || st.Mode()&os.ModeDevice == 0 {
		t.Skipf("no device behind / (%q, %v)", root, err)
	}
	before := sums(t, files)
	for _, row := range []struct{ slotA, slotB, booted, says string }{
		{root, devices[0], "B", `but the device behind "/" is slot A`},
		{devices[0], root, "A", `but the device behind "/" is slot B`},
	} {
		code, out := installBetween(t, row.slotA, row.slotB, row.booted)
		if code != cli.ExitUsage || !strings.Contains(out, row.says) {
			t.Errorf("--booted %s: exit code %d:\n%s", row.booted, code, out)
		}
		t.Log(strings.TrimSpace(out))
	}
	if sums(t, files) != before {
		t.Error("something was written")
	}
}

// installBetween tries an install of a small release with these slots.
func installBetween(t *testing.T, slotA, slotB, booted string) (code int, out string) {
	t.Helper()
	dir := t.TempDir()
	must(t, writeRelease(dir, "new system", 5000))
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), []string{
		"--slot-a", slotA, "--slot-b", slotB, "--booted", booted, "--set", "bootloader.kind=record",
		"--set", "state_dir=" + filepath.Join(dir, "state"), "install", dir,
	}, nil, &stdout, &stderr)
	return code, stdout.String() + stderr.String()
}

// sums is a fingerprint of what the files hold.
func sums(t *testing.T, files []string) (all [sha256.Size]byte) {
	t.Helper()
	h := sha256.New()
	for _, file := range files {
		content, err := os.ReadFile(file)
		must(t, err)
		h.Write(content)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
