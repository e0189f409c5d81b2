package ubootscript

import (
	"strings"
	"testing"

	"abota/sim/loaderscript"
)

// otherBoards are boots that differ between processors: how a number is read
// and written in memory, how a disk is reached, how a kernel is started or
// refused.
var otherBoards = []scenario{
	{
		name:   "a trial is counted and started",
		copies: one(env{serial: 255, vars: vars("B A", "a", "1", "3", "0", "foo=bar")}),
		starts: "B", into: "1", changes: []string{"BOOT_B_LEFT=3", "BOOT_B_LEFT=2"},
	},
	{
		name:   "garbage falls through",
		copies: [2]*env{{serial: 4, vars: startsA}, {serial: 5, vars: vars("B A", "a", "1", "3", "0")}},
		b:      "garbage", starts: "A", into: "0", changes: []string{"BOOT_B_LEFT=3", "BOOT_B_LEFT=2"},
		says: []string{"slot B: U-Boot refuses its kernel"},
	},
	{
		name:   "two digits and a refill",
		copies: one(env{serial: 4, vars: vars("A B", "00", "1", "00", "1", "BOOT_CONFIRMED_TRIES=14")}),
		starts: "A", into: "1",
		changes: []string{"BOOT_A_LEFT=00", "BOOT_A_LEFT=13", "BOOT_B_LEFT=00", "BOOT_B_LEFT=14"},
	},
	{
		name:   "read-only disk: the confirmed slot instead of the trial",
		copies: one(env{serial: 4, vars: vars("B A", "a", "1", "3", "0")}),
		fault:  fault{readOnly: true}, starts: "A",
	},
	{name: "lost and the default does not load", a: "no kernel", starts: "B", note: "lost"},
	{
		name:   "an empty kernel falls through",
		copies: one(env{serial: 4, vars: uncounted}),
		a:      "empty kernel", starts: "B",
	},
	{
		name:   "no slot loads: reset",
		copies: one(env{serial: 4, vars: uncounted}),
		a:      "garbage", b: "blank", says: []string{"no slot could be started: reset"},
	},
}

func TestScriptOn32BitARM(t *testing.T) {
	w := newWorkshop(t, arm32, script)
	for _, s := range otherBoards {
		t.Run(s.name, func(t *testing.T) { w.run(t, s) })
	}
}

func TestScriptOnAPC(t *testing.T) {
	w := newWorkshop(t, amd64, script)
	for _, s := range otherBoards {
		t.Run(s.name, func(t *testing.T) { w.run(t, s) })
	}
}

func TestInitrdAndArgumentsReachAPCsKernel(t *testing.T) {
	w := newWorkshop(t, amd64, script)
	plain := w.startsA(t, w.slots.Healthy("A"))
	if strings.Contains(plain.Console, "\n"+loaderscript.Sought[1]+"\n") {
		t.Fatal("a slot with a kernel only shows an initrd: the rest of this test proves nothing")
	}
	content := w.slots.Healthy("A")
	content["boot/initrd"] = strings.Repeat("initrd", 100)
	content["boot/dtb"] = "not looked at on this board"
	content["boot/abota.args"] = "abota_args=rw quiet\n"
	o := w.startsA(t, content)
	if !strings.Contains(o.Console, "\n"+loaderscript.Sought[1]+"\n") {
		t.Errorf("the guest does not see its initrd:\n%s", o.Console)
	}
	if !strings.Contains(o.Cmdline, " rw quiet abota.slot=A abota.contract=1") {
		t.Errorf("the command line %q is not the script's", o.Cmdline)
	}
}
