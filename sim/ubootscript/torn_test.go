package ubootscript

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"abota/sim/loaderscript"
)

// A boot's write is cut after each of its sectors, from the front and from
// the back. The next boot must find the trial as it was before or after.
func TestTornEnvironmentWriteLeavesABootableChoice(t *testing.T) {
	w := newWorkshop(t, arm64, script)
	copies := [2][]byte{
		envCopy(t, 4, append(vars("B A", "a", "1", "2", "0"), bulk(40)...)...),
		envCopy(t, 3, append(vars("A B", "a", "1", "3", "0"), bulk(50)[7:]...)...),
	}
	before := w.disk(t, w.slots.Healthy("A"), w.slots.Healthy("B"), copies)
	o, after := w.bootDisk(t, before, fault{})
	if o.Started != "B" || bytes.Equal(before, after) {
		t.Fatalf("the boot to be cut started %q and must write:\n%s", o.Started, o.Console)
	}
	states := tornStates(before[copyAt(1):][:envSize], after[copyAt(1):][:envSize])
	if len(states) < 10 {
		t.Fatalf("only %d torn states: the two copies do not differ enough", len(states))
	}
	for i, torn := range states {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			path := filepath.Join(loaderscript.Scratch(t), "disk.img")
			image := bytes.Clone(before)
			copy(image[copyAt(1):], torn)
			loaderscript.Write(t, path, image)
			left := fwPrint(t, path)["BOOT_B_LEFT"]
			want, ok := map[string]string{"2": "B a/1", "1": "B a/0"}[left]
			if !ok {
				t.Fatalf("fw_printenv reads %q tries left: neither before nor after", left)
			}
			if got := w.bootAgain(t, path, 1)[0]; got != want {
				t.Errorf("with %s tries left: %s, want %s", left, got, want)
			}
		})
	}
	t.Logf("%d torn states", len(states))
}

// tornStates is was with the first or the last sectors of is, each once.
func tornStates(was, is []byte) (states [][]byte) {
	seen := map[string]bool{}
	add := func(state []byte) {
		if !seen[string(state)] {
			seen[string(state)] = true
			states = append(states, state)
		}
	}
	for cut := 0; cut <= len(is); cut += sector {
		add(append(bytes.Clone(is[:cut]), was[cut:]...))
		add(append(bytes.Clone(was[:cut]), is[cut:]...))
	}
	return states
}
