package ubootscript

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"abota/bootctl"
	"abota/bootctl/uboot"
	"abota/sim/loaderscript"
)

// boots n times from one disk and returns what each boot started, with the
// tries that are left after it as fw_printenv reads them.
func (w *workshop) bootAgain(t *testing.T, path string, n int) (starts []string) {
	t.Helper()
	for range n {
		o := w.boot(t, fault{}.drive(t, w.board, path)...)
		vars := fwPrint(t, path)
		starts = append(starts, fmt.Sprintf("%s %s/%s", o.Started, vars["BOOT_A_LEFT"], vars["BOOT_B_LEFT"]))
	}
	return starts
}

func TestBootsInARow(t *testing.T) {
	w := newWorkshop(t, arm64, script)
	for _, row := range []struct {
		name string
		vars []string
		want []string
	}{
		{
			"a trial that never answers: three attempts, then the confirmed slot",
			vars("B A", "a", "1", "3", "0"),
			[]string{"B a/2", "B a/1", "B a/0", "A 9/0", "A 8/0"},
		},
		{
			"confirmed slots that never answer take turns",
			vars("A B", "2", "1", "2", "1", "BOOT_CONFIRMED_TRIES=2"),
			[]string{"A 1/2", "A 0/2", "B 0/1", "B 0/0", "A 1/2", "A 0/2", "B 0/1"},
		},
		{
			"counting is off",
			vars("A B", "2", "1", "2", "1", "BOOT_CONFIRMED_TRIES=0"),
			[]string{"A 2/2", "A 2/2", "A 2/2"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(loaderscript.Scratch(t), "disk.img")
			loaderscript.Write(t, path, w.disk(t, w.slots.Healthy("A"), w.slots.Healthy("B"), [2][]byte{envCopy(t, 253, row.vars...), nil}))
			got := w.bootAgain(t, path, len(row.want))
			if fmt.Sprint(got) != fmt.Sprint(row.want) {
				t.Errorf("boots (slot, tries left of A/B)\n got %q\nwant %q", got, row.want)
			}
		})
	}
}

// The newer copy is what fw_printenv reads, for serials that follow each
// other and for those that do not.
func TestScriptAndFwPrintenvReadTheSameCopy(t *testing.T) {
	w := newWorkshop(t, arm64, script)
	for _, s := range [][2]byte{{0, 1}, {1, 0}, {255, 0}, {0, 255}, {7, 7}, {254, 1}, {1, 254}, {3, 250}, {250, 3}, {0, 128}, {128, 0}} {
		t.Run(fmt.Sprintf("%d and %d", s[0], s[1]), func(t *testing.T) {
			path := filepath.Join(loaderscript.Scratch(t), "disk.img")
			loaderscript.Write(t, path, w.disk(t, w.slots.Healthy("A"), w.slots.Healthy("B"), [2][]byte{envCopy(t, s[0], startsA...), envCopy(t, s[1], startsB...)}))
			o := w.boot(t, fault{}.drive(t, w.board, path)...)
			if want := "one that starts " + o.Started; fwPrint(t, path)["which"] != want {
				t.Errorf("U-Boot started %s, fw_printenv reads the %s", o.Started, fwPrint(t, path)["which"])
			}
		})
	}
}

func TestScriptAndFwSetenvTakeTurns(t *testing.T) {
	w := newWorkshop(t, arm64, script)
	path := filepath.Join(loaderscript.Scratch(t), "disk.img")
	loaderscript.Write(t, path, w.disk(t, w.slots.Healthy("A"), w.slots.Healthy("B"), [2][]byte{envCopy(t, 254, vars("A B", "a", "1", "a", "1", "foo=bar")...), nil}))
	config := fwConfig(t, path)
	for _, step := range []struct {
		set  [2]string
		want string
	}{
		{[2]string{"note", "a b;c"}, "A 9/a"},
		{[2]string{"BOOT_ORDER", "B A"}, "B 9/9"},
		{[2]string{"BOOT_B_GOOD", "0"}, "B 9/8"},
		{[2]string{"BOOT_B_LEFT", "1"}, "B 9/0"},
		{[2]string{"another", "x"}, "A 8/0"},
	} {
		loaderscript.Tool(t, "fw_setenv", "-c", config, step.set[0], step.set[1])
		if got := w.bootAgain(t, path, 1)[0]; got != step.want {
			t.Errorf("after fw_setenv %q: %s, want %s", step.set, got, step.want)
		}
	}
	after := fwPrint(t, path)
	for name, want := range map[string]string{"foo": "bar", "note": "a b;c", "another": "x"} {
		if after[name] != want {
			t.Errorf("%s is %q after five boots, want %q", name, after[name], want)
		}
	}
}

func TestScriptAndBackendTakeTurns(t *testing.T) {
	w := newWorkshop(t, arm64, script)
	path := filepath.Join(loaderscript.Scratch(t), "disk.img")
	loaderscript.Write(t, path, w.disk(t, w.slots.Healthy("A"), w.slots.Healthy("B"), [2][]byte{envCopy(t, 254, "foo=bar", "foo=baz"), nil}))
	backend, err := uboot.New([]uboot.Copy{
		{Path: path, Offset: int64(copyAt(0)), Size: envSize},
		{Path: path, Offset: int64(copyAt(1)), Size: envSize},
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	both := bootctl.Table{ConfirmedTries: 20, Generation: 41}.WithOrder(bootctl.A, bootctl.B)
	both.Slots[bootctl.A].Good, both.Slots[bootctl.A].Tries = true, 16
	both.Slots[bootctl.B].Good, both.Slots[bootctl.B].Tries = true, 20
	trial := both.WithOrder(bootctl.B, bootctl.A)
	trial.Slots[bootctl.B].Good, trial.Slots[bootctl.B].Tries = false, 3
	trial.Slots[bootctl.A].Failed = "0123456789abcdef"
	alone := both.WithOrder(bootctl.B)
	alone.Slots[bootctl.A] = bootctl.State{}
	for i, step := range []struct {
		store  bootctl.Table
		starts bootctl.Slot
	}{{both, bootctl.A}, {trial, bootctl.B}, {alone, bootctl.B}} {
		if err := backend.Store(step.store); err != nil {
			t.Fatal(err)
		}
		o := w.boot(t, fault{}.drive(t, w.board, path)...)
		want := step.store
		want.Slots[step.starts].Tries--
		got, err := backend.Load()
		if err != nil {
			t.Fatalf("step %d: %v\n%s", i, err, o.Console)
		}
		if o.Started != step.starts.String() || got != want {
			t.Errorf("step %d: started %s, table %+v, want %s and %+v", i, o.Started, got, step.starts, want)
		}
	}
	if !bytes.Contains(loaderscript.Read(t, path), []byte("\x00foo=bar\x00foo=baz\x00")) {
		t.Error("a foreign variable and its duplicate did not survive")
	}
}
