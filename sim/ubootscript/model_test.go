package ubootscript

import (
	"errors"
	"path/filepath"
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootscript"
	"abota/bootctl/uboot"
	"abota/sim/loaderscript"
)

// TestModelDecidesAsTheScript holds the model of the script, which other tests
// judge by, against the same rows as the script in the real U-Boot.
func TestModelDecidesAsTheScript(t *testing.T) {
	held := 0
	for _, rows := range [][]scenario{lostEnvironment, whichCopy, trials, confirmed, lastResort, loadFailures, writeFailures, foreign} {
		for _, s := range rows {
			if s.fault.inject != "" || s.beyondTable {
				continue
			}
			held++
			t.Run(s.name, func(t *testing.T) {
				start, ok := modelled(t, s)
				if got := name(start, ok); got != s.starts {
					t.Errorf("the model starts %q, the script %q", got, s.starts)
				}
				if ok && start.Note != s.note {
					t.Errorf("the model's note is %q, the script's %q", start.Note, s.note)
				}
				if ok && start.Recorded != (s.into != "") {
					t.Errorf("the model records an attempt: %v, the script writes copy %q", start.Recorded, s.into)
				}
			})
		}
	}
	if held < 40 {
		t.Errorf("only %d rows were held against the model", held)
	}
}

func name(start bootscript.Start, ok bool) string {
	if !ok {
		return ""
	}
	return start.Slot.String()
}

// modelled is what the model says of a row's environment and slots.
func modelled(t *testing.T, s scenario) (bootscript.Start, bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "env")
	image := make([]byte, copyGap+envSize)
	for i, e := range s.copies {
		if e == nil {
			continue
		}
		c := envCopy(t, e.serial, e.vars...)
		if e.bad {
			c = damaged(c)
		}
		copy(image[i*copyGap:], c)
	}
	loaderscript.Write(t, path, image)
	backend, err := uboot.New([]uboot.Copy{{Path: path, Size: envSize}, {Path: path, Offset: copyGap, Size: envSize}}, true)
	if err != nil {
		t.Fatal(err)
	}
	loads := func(slot bootctl.Slot) bool { return [2]string{s.a, s.b}[slot] == "" }
	table, err := backend.Load()
	if errors.Is(err, bootctl.ErrNoTable) {
		return bootscript.BootLost(loads)
	}
	if err != nil {
		t.Fatal(err)
	}
	if s.fault.readOnly {
		return bootscript.BootReadOnly(table, loads)
	}
	return bootscript.Boot(table, loads)
}
