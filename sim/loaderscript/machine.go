package loaderscript

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Machine is what differs between the boards that scripts run on.
type Machine struct {
	// QEMU is the emulator with the machine's own arguments.
	QEMU []string
	// Disk is QEMU's name of a virtio disk there.
	Disk string
	// Kernel is the name that the script looks for in a slot's /boot.
	Kernel string
	// Payload is a program in place of a slot's kernel: it prints the name and
	// what it was handed, and ends the boot.
	Payload func(name string) []byte
	// Resets is what the console says when nothing starts.
	Resets string
}

// Need skips where the machine cannot be emulated, and under -short.
func (m Machine) Need(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped under -short: boots a loader in QEMU")
	}
	if _, err := exec.LookPath(m.QEMU[0]); err != nil {
		t.Skipf("skipped: no %s: run `make deps`", m.QEMU[0])
	}
}

// Boots counts the boots that reached a verdict, for the last line of a run.
var Boots atomic.Int64

// Outcome is what one boot showed.
type Outcome struct {
	Console string
	Started string // the payload that ran, empty when none did
	Cmdline string // the kernel command line that it found
}

var (
	guestLine = regexp.MustCompile(`(?m)^guest (.*)$`)
	argsLine  = regexp.MustCompile(`(?m)^guest .*\n(.*console=.*)$`)
	// control is what a console line holds for terminals only.
	control = regexp.MustCompile(`\x1b\[[0-9;=?]*[A-Za-z]|\r`)
)

// patience is far above what a boot takes (some seconds), for busy machines.
const patience = 2 * time.Minute

// Boot powers the machine on, with these arguments for firmware and disk, and
// waits until it is off or resets.
func (m Machine) Boot(t *testing.T, args ...string) Outcome {
	t.Helper()
	argv := append([]string{}, m.QEMU[1:]...)
	argv = append(argv, "-m", "256", "-nographic", "-nic", "none", "-no-reboot")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, m.QEMU[0], append(argv, args...)...)
	out, err := cmd.CombinedOutput()
	console := control.ReplaceAllString(string(out), "")
	if err != nil {
		t.Fatalf("%s\nended with %v:\n%s", cmd, err, console)
	}
	Boots.Add(1)
	o := Outcome{Console: console}
	if found := guestLine.FindStringSubmatch(console); found != nil {
		o.Started = found[1]
	}
	if found := argsLine.FindStringSubmatch(console); found != nil {
		o.Cmdline = found[1]
	}
	if strings.Contains(console, m.Resets) == (o.Started != "") {
		t.Fatalf("%s\nneither started one slot nor reset:\n%s", cmd, console)
	}
	return o
}
