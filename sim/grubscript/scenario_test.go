package grubscript

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"abota/sim/loaderscript"
)

// scenario is one boot.
type scenario struct {
	name string
	// files are both blocks of the table and the counts, none for one that is not
	// there.
	files [3]string
	// a and b say what is in a slot, see Slots.Content. Empty is a healthy one.
	a, b string
	// args is what slot B's file of arguments holds, empty for no such file.
	args     string
	readOnly bool

	starts string // the slot that runs, empty for a reset
	note   string // the value of abota.env, empty for none
	// counts is what GRUB writes: of which table, and the tries left of A and B;
	// empty when nothing may be written.
	counts string
	says   []string
	line   string // a part of the kernel command line
	// sample says that `go test` plays the row also in its short form.
	sample bool
}

func (w *workshop) run(t *testing.T, s scenario) {
	t.Helper()
	b := w.Content(t, s.b, "B")
	if s.args != "" {
		b["boot/abota.args"] = s.args
	}
	before := w.disk(t, w.Content(t, s.a, "A"), b, s.files)
	path := filepath.Join(loaderscript.Scratch(t), "disk.img")
	loaderscript.Write(t, path, before)
	o := w.boot(t, path, loaderscript.Fault{ReadOnly: s.readOnly})
	loaderscript.Expect{Starts: s.starts, Note: s.note, Says: s.says}.Check(t, o)
	if !strings.Contains(o.Cmdline, s.line) {
		t.Errorf("the kernel command line %q does not hold %q", o.Cmdline, s.line)
	}
	w.checkWritten(t, path, before, s.counts)
	if t.Failed() {
		t.Log(o.Console)
	}
}

// checkWritten wants the disk to be what it was, but for one sector of counts.
func (w *workshop) checkWritten(t *testing.T, path string, before []byte, counts string) {
	t.Helper()
	after := loaderscript.Read(t, path)
	if counts == "" {
		loaderscript.CompareDisks(t, after, before)
		return
	}
	if changed := loaderscript.Changed(before, after); len(changed) != 1 {
		t.Errorf("%d sectors changed, at %#x, want one", len(changed), changed)
	} else if !bytes.HasPrefix(after[changed[0]:], []byte(signature)) {
		t.Errorf("the sector at %#x changed, which is no block's first", changed[0])
	}
	if got := countsOf(t, w.counts(t, path)); got != counts {
		t.Errorf("GRUB counted %q, want %q", got, counts)
	}
}
