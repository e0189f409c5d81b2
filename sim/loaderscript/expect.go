package loaderscript

import (
	"slices"
	"strings"
	"testing"
)

// Expect is what a boot must show.
type Expect struct {
	Starts string // the slot that runs, empty for a reset
	Note   string // the value of abota.env, empty for none
	Says   []string
}

// Check holds a boot against it.
func (e Expect) Check(t *testing.T, o Outcome) {
	t.Helper()
	if o.Started != e.Starts {
		t.Errorf("started %q, want %q", o.Started, e.Starts)
	}
	// GRUB breaks its lines at the width of a terminal.
	said := strings.Join(strings.Fields(o.Console), " ")
	for _, line := range e.Says {
		if !strings.Contains(said, "abota: "+line) {
			t.Errorf("the console does not say %q", "abota: "+line)
		}
	}
	if o.Started != "" {
		e.checkArguments(t, o, said)
	}
}

func (e Expect) checkArguments(t *testing.T, o Outcome, said string) {
	t.Helper()
	args := strings.Fields(o.Cmdline)
	for _, want := range []string{"abota.slot=" + e.Starts, "abota.contract=1", "rootwait"} {
		if !slices.Contains(args, want) {
			t.Errorf("the kernel command line %q lacks %s", o.Cmdline, want)
		}
	}
	note := ""
	for _, arg := range args {
		if value, ok := strings.CutPrefix(arg, "abota.env="); ok {
			note = value
		}
	}
	if note != e.Note {
		t.Errorf("abota.env is %q, want %q", note, e.Note)
	}
	onTrial := note == "exhausted" || strings.Contains(said, "slot "+e.Starts+": trial, attempt recorded")
	if slices.Contains(args, "abota.trial=1") != onTrial {
		t.Errorf("the kernel command line is %q, but that the slot is on trial is %v", o.Cmdline, onTrial)
	}
}
