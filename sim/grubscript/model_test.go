package grubscript

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootscript"
	"abota/sim/loaderscript"
)

// TestModelDecidesAsTheScript holds the model of the scripts, which other tests
// judge by, against the same rows as the script in the real GRUB.
func TestModelDecidesAsTheScript(t *testing.T) {
	held := 0
	for _, group := range groups {
		for _, s := range group.rows {
			if !modelled(s) {
				continue
			}
			held++
			t.Run(s.name, func(t *testing.T) { checkModel(t, s) })
		}
	}
	const least = 25
	if held < least {
		t.Errorf("only %d rows were held against the model", held)
	}
}

// modelled says whether the backend can be asked: it wants files of a block's size.
func modelled(s scenario) bool {
	for _, content := range s.files {
		if len(content) != blockSize {
			return false
		}
	}
	return true
}

func checkModel(t *testing.T, s scenario) {
	t.Helper()
	start, ok := startOf(t, s)
	if got := name(start, ok); got != s.starts {
		t.Errorf("the model starts %q, the script %q", got, s.starts)
	}
	if !ok {
		return
	}
	if start.Note != s.note {
		t.Errorf("the model's note is %q, the script's %q", start.Note, s.note)
	}
	if start.Recorded != (s.counts != "") {
		t.Errorf("the model records an attempt: %v, the script counts %q", start.Recorded, s.counts)
	}
	if !start.Recorded {
		return
	}
	var sequence, a, b int
	if _, err := fmt.Sscan(s.counts, &sequence, &a, &b); err != nil {
		t.Fatal(err)
	}
	if got := start.Table.Slots; got[bootctl.A].Tries != a || got[bootctl.B].Tries != b {
		t.Errorf("the model leaves %d and %d tries, the script counts %q", got[bootctl.A].Tries, got[bootctl.B].Tries, s.counts)
	}
}

// startOf is what the model says of a row's files and slots.
func startOf(t *testing.T, s scenario) (bootscript.Start, bool) {
	t.Helper()
	dir := t.TempDir()
	for i, content := range s.files {
		loaderscript.Write(t, filepath.Join(dir, places[i]), []byte(content))
	}
	refused := s.args == "abota_args=rw quiet\n"
	loads := func(slot bootctl.Slot) bool {
		return [2]string{s.a, s.b}[slot] == "" && !(slot == bootctl.B && refused)
	}
	table, err := backendOn(t, dir).Load()
	if errors.Is(err, bootctl.ErrNoTable) {
		return bootscript.BootLost(loads)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !s.writable() {
		return bootscript.BootReadOnly(table, loads)
	}
	return bootscript.Boot(table, loads)
}

// writable says whether GRUB can count.
func (s scenario) writable() bool {
	for _, other := range unwritable {
		if other.name == s.name {
			return false
		}
	}
	return true
}

func name(start bootscript.Start, ok bool) string {
	if !ok {
		return ""
	}
	return start.Slot.String()
}
