package main

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"abota/updater"
	"abota/updater/source"
)

// Only where a trial is known to run may an error reboot the device.
func TestErrorsOfATrialGoBackAndOthersStayUp(t *testing.T) {
	failed := errors.New("input/output error")
	back := map[updater.Action]bool{updater.Trial: true, updater.FinishRollback: true, updater.Leave: true}
	actions := 0
	for action := updater.Unknown + 1; action.String() != ""; action++ {
		actions++
		if got := mustGoBack(action, failed); got != back[action] {
			t.Errorf("%s: go back is %v, want %v", action, got, back[action])
		}
	}
	if actions < len(back) {
		t.Errorf("only %d actions were seen", actions)
	}
}

// Under another boot script a new image with a configuration that cannot be
// used looks like that, and nothing else does.
func TestUnknownStateGoesBackOnlyForTheConfiguration(t *testing.T) {
	cmdline, err := os.ReadFile("/proc/cmdline")
	must(t, err)
	if _, contract := argument(cmdline, "abota.contract"); contract {
		t.Skip("this machine was started by abota's boot script, which says itself whether it is a trial")
	}
	for _, row := range []struct {
		err  error
		want bool
	}{
		{&configError{errors.New("no such partition")}, true},
		{fmt.Errorf("open: %w", &configError{errors.New("no such partition")}), true},
		{errors.New("input/output error"), false},
		{fmt.Errorf("wait: %w", errLocked), false},
		{source.ErrTransport, false},
	} {
		if got := mustGoBack(updater.Unknown, row.err); got != row.want {
			t.Errorf("%v: go back is %v, want %v", row.err, got, row.want)
		}
	}
}

func TestArgumentOfTheKernelCommandLine(t *testing.T) {
	for _, row := range []struct {
		cmdline, name, value string
		found                bool
	}{
		{"root=x abota.slot=B ro\n", "abota.slot", "B", true},
		{"abota.slot=A", "abota.slot", "A", true},
		{"abota.slot=A quiet abota.slot=B", "abota.slot", "B", true}, // as the kernel does
		{"abota.contract= ro", "abota.contract", "", true},
		{"x=a=b", "x", "a=b", true},
		{"abota.contract ro", "abota.contract", "", false},
		{"xabota.slot=B abota.slots=B abota_slot=B", "abota.slot", "", false},
		{"ABOTA.SLOT=B", "abota.slot", "", false},
		{"\n", "abota.slot", "", false},
		{"", "abota.slot", "", false},
	} {
		if value, found := argument([]byte(row.cmdline), row.name); value != row.value || found != row.found {
			t.Errorf("%s in %q is %q, %v", row.name, row.cmdline, value, found)
		}
	}
}
