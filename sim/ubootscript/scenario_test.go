package ubootscript

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const script = "../../bootctl/uboot/boot.cmd"

// env is one copy of the environment to start from.
type env struct {
	serial byte
	vars   []string
	bad    bool
}

// vars is abota's table: the order, then tries left and good of A and of B,
// then any other variables.
func vars(order, leftA, goodA, leftB, goodB string, more ...string) []string {
	return append([]string{
		"BOOT_ORDER=" + order,
		"BOOT_A_LEFT=" + leftA, "BOOT_A_GOOD=" + goodA,
		"BOOT_B_LEFT=" + leftB, "BOOT_B_GOOD=" + goodB,
	}, more...)
}

// scenario is one boot.
type scenario struct {
	name   string
	copies [2]*env // nil is a copy of zeros
	// a and b say what is in a slot, see content. Empty is a healthy one.
	a, b string
	// fault is what QEMU does to accesses, see drive.
	fault fault

	starts string // the slot that runs, empty for a reset
	note   string // the value of abota.env, empty for none
	// into is the copy that is written, "0" or "1", empty for none. It is the
	// other copy with these changes.
	into    string
	changes []string
	says    []string
	// beyondTable says that the row is about something that a boot table
	// cannot say, so that package bootscript knows nothing of it.
	beyondTable bool
}

// content is a slot by a word that says what is wrong with it.
func (w *workshop) content(t *testing.T, kind, name string) files {
	t.Helper()
	f := w.healthy(name)
	kernel := "boot/" + w.board.kernel
	switch kind {
	case "":
	case "blank":
		return nil
	case "no kernel":
		delete(f, kernel)
		f["etc/issue"] = "nothing to boot"
	case "empty kernel":
		f[kernel] = ""
	case "garbage":
		f[kernel] = strings.Repeat("no kernel at all", 1024)
	case "long arguments":
		f["boot/abota.args"] = "abota_args=" + strings.Repeat("x", 2048) + "\n"
	case "long tree":
		f["boot/dtb"] = strings.Repeat("x", 512<<10)
	case "garbage tree":
		f["boot/dtb"] = strings.Repeat("no tree", 1024)
	default:
		t.Fatalf("the test names an unknown kind of slot %q", kind)
	}
	return f
}

func (w *workshop) run(t *testing.T, s scenario) {
	t.Helper()
	var copies [2][]byte
	for i, e := range s.copies {
		if e == nil {
			continue
		}
		copies[i] = envCopy(t, e.serial, e.vars...)
		if e.bad {
			copies[i] = damaged(copies[i])
		}
	}
	before := w.disk(t, w.content(t, s.a, "A"), w.content(t, s.b, "B"), copies)
	path := filepath.Join(scratch(t), "disk.img")
	write(t, path, before)
	o := w.board.boot(t, w.firmware, s.fault.drive(t, w.board, path)...)
	s.check(t, o)
	want := before
	if s.into != "" {
		into := int(s.into[0] - '0')
		want = bytes.Clone(before)
		copy(want[copyAt(into):], edited(t, copies[1-into], s.changes...))
	}
	compareDisks(t, read(t, path), want)
	if t.Failed() {
		t.Log(o.console)
	}
}

func (s scenario) check(t *testing.T, o outcome) {
	t.Helper()
	if o.started != s.starts {
		t.Errorf("started %q, want %q", o.started, s.starts)
	}
	for _, line := range s.says {
		if !strings.Contains(o.console, "abota: "+line) {
			t.Errorf("the console does not say %q", "abota: "+line)
		}
	}
	if o.started == "" {
		return
	}
	args := strings.Fields(o.cmdline)
	for _, want := range []string{"abota.slot=" + s.starts, "abota.contract=1", "rootwait"} {
		if !slices.Contains(args, want) {
			t.Errorf("the kernel command line %q lacks %s", o.cmdline, want)
		}
	}
	note := ""
	for _, arg := range args {
		if value, ok := strings.CutPrefix(arg, "abota.env="); ok {
			note = value
		}
	}
	if note != s.note {
		t.Errorf("abota.env is %q, want %q", note, s.note)
	}
	onTrial := note == "exhausted" || strings.Contains(o.console, "slot "+s.starts+": trial, attempt recorded")
	if slices.Contains(args, "abota.trial=1") != onTrial {
		t.Errorf("the kernel command line is %q, but that the slot is on trial is %v", o.cmdline, onTrial)
	}
}

// compareDisks demands that a boot left exactly these bytes.
func compareDisks(t *testing.T, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	var places []string
	for at := 0; at < len(want); at += sector {
		if !bytes.Equal(got[at:at+sector], want[at:at+sector]) && len(places) < 8 {
			places = append(places, fmt.Sprintf("%#x\n  have %q\n  want %q", at, trim(got[at:at+sector]), trim(want[at:at+sector])))
		}
	}
	t.Errorf("the disk differs from what the script may write, at %s", strings.Join(places, "\n"))
}

func trim(b []byte) []byte { return bytes.TrimRight(b, "\x00\xff") }
