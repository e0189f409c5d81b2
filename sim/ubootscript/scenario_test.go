package ubootscript

import (
	"bytes"
	"path/filepath"
	"testing"

	"abota/sim/loaderscript"
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
	before := w.disk(t, w.slots.Content(t, s.a, "A"), w.slots.Content(t, s.b, "B"), copies)
	path := filepath.Join(loaderscript.Scratch(t), "disk.img")
	loaderscript.Write(t, path, before)
	o := w.boot(t, s.fault.drive(t, w.board, path)...)
	s.check(t, o)
	want := before
	if s.into != "" {
		into := int(s.into[0] - '0')
		want = bytes.Clone(before)
		copy(want[copyAt(into):], edited(t, copies[1-into], s.changes...))
	}
	loaderscript.CompareDisks(t, loaderscript.Read(t, path), want)
	if t.Failed() {
		t.Log(o.Console)
	}
}

func (s scenario) check(t *testing.T, o loaderscript.Outcome) {
	t.Helper()
	loaderscript.Expect{Starts: s.starts, Note: s.note, Says: s.says}.Check(t, o)
}
