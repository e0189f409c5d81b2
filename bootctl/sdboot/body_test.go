package sdboot

import (
	"slices"
	"strings"
	"testing"

	"abota/bootctl"
)

// otherBodies is what an image has that names other kernels than those that are
// there.
var otherBodies = [2]string{
	strings.Replace(bodies[0], "vmlinuz", "missing", 1),
	strings.Replace(bodies[1], "vmlinuz", "missing", 1),
}

// onTrial is an ESP where B's trial was started, by an entry that A's image
// wrote, and the backend in B's image, which has other ideas of both.
func onTrial(t *testing.T) (*esp, *Backend) {
	t.Helper()
	e := newESP()
	mustStore(t, opened(e), bothGood(), bothGood().WithOrder(bootctl.A), armed())
	if s, ok := e.Boot(); !ok || s != bootctl.B {
		t.Fatalf("booted %s, %v", s, ok)
	}
	return e, &Backend{e, otherBodies}
}

// starts are the bodies of the entries that the loader shows, in its order.
func (e *esp) starts() (bodies []string) {
	for _, f := range e.menu() {
		bodies = append(bodies, f.body)
	}
	return bodies
}

func TestACommitKeepsWhatWasTried(t *testing.T) {
	e, b := onTrial(t)
	before := e.files["abota-a.conf"]
	won, err := bootctl.Situation{Table: mustLoad(t, b), Booted: bootctl.B}.MarkGood(bootctl.B)
	if err != nil {
		t.Fatal(err)
	}
	mustStore(t, b, won)
	if got := e.starts(); !slices.Equal(got, []string{bodies[1], bodies[0]}) || e.files["abota-a.conf"] != before {
		t.Errorf("after the commit the entries are %q", got)
	}
	refilled := won
	refilled.Slots[bootctl.B].Tries, refilled.Generation = 5, won.Generation+1
	mustStore(t, b, refilled, refilled.WithOrder(bootctl.A, bootctl.B))
	if got := e.starts(); !slices.Equal(got, bodies[:]) {
		t.Errorf("after the next tables the entries are %q", got)
	}
}

func TestARollbackLeavesTheWayBack(t *testing.T) {
	e, b := onTrial(t)
	before := e.files["abota-a.conf"]
	lost, err := bootctl.Situation{Table: mustLoad(t, b), Booted: bootctl.B}.Rollback("abcd")
	if err != nil {
		t.Fatal(err)
	}
	mustStore(t, b, lost)
	if e.files["abota-a.conf"] != before {
		t.Errorf("the confirmed entry became %q", e.files["abota-a.conf"])
	}
	if s, ok := e.Boot(); !ok || s != bootctl.A || len(b.Faults()) != 0 {
		t.Errorf("booted %s, %v; faults %q", s, ok, b.Faults())
	}
}

// A slot whose content is new starts what the image says that wrote it.
func TestANewTrialStartsWhatIsConfigured(t *testing.T) {
	e := newESP()
	mustStore(t, opened(e), bothGood(), bothGood().WithOrder(bootctl.A))
	mustStore(t, &Backend{e, otherBodies}, armed())
	if got := e.starts(); !slices.Equal(got, []string{otherBodies[1], bodies[0]}) {
		t.Errorf("armed, the entries are %q", got)
	}
}

// An entry whose stamp does not hold keeps its lines while all of them are there,
// and is replaced where a piece of its sector is missing.
func TestADamagedEntryIsReplacedAndAnEditedOneKept(t *testing.T) {
	edit := func(text string) string { return strings.Replace(text, "quiet", "debug", 1) }
	for name, row := range map[string]struct {
		change func(whole string) string
		want   string
	}{
		"edited":       {edit, edit(bodies[0])},
		"without end":  {func(whole string) string { return whole[:Size-4] + "\n\n\n\n" }, otherBodies[0]},
		"without head": {func(whole string) string { return strings.Repeat("\n", 400) + whole[400:] }, otherBodies[0]},
		"shows none":   {func(string) string { return strings.Repeat("\n", Size) }, otherBodies[0]},
	} {
		e := newESP()
		mustStore(t, opened(e), bothGood())
		e.files["abota-a.conf"] = row.change(e.files["abota-a.conf"])
		b := &Backend{e, otherBodies}
		if faults := b.Faults(); len(faults) != 1 {
			t.Errorf("%s: faults %q", name, faults)
		}
		mustStore(t, b, bothGood())
		if got := e.starts(); !slices.Equal(got, []string{row.want, bodies[1]}) || len(b.Faults()) != 0 {
			t.Errorf("%s: the entries are %q", name, got)
		}
	}
}
