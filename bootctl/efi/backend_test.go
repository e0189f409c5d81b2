package efi

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootctltest"
)

func bothGood() bootctl.Table {
	t := bootctl.Table{Generation: 4, ConfirmedTries: 10}.WithOrder(bootctl.A, bootctl.B)
	t.Slots[bootctl.A].Good, t.Slots[bootctl.B].Good = true, true
	return t
}

// armed is B's trial over a confirmed A.
func armed() bootctl.Table {
	t := bothGood().WithOrder(bootctl.B, bootctl.A)
	t.Slots[bootctl.B].Good = false
	t.Generation = 5
	return t
}

func (n *nvram) order() bootOrder { return decodeOrder([]byte(n.vars[global("BootOrder")].data)) }

func opened(n *nvram) *Backend {
	n.steps = new(bootctltest.Steps)
	return &Backend{n, DefaultLabels}
}

func mustStore(t *testing.T, b *Backend, table bootctl.Table) {
	t.Helper()
	if err := b.Store(table); err != nil {
		t.Fatal(err)
	}
}

func mustLoad(t *testing.T, b *Backend) bootctl.Table {
	t.Helper()
	got, err := b.Load()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestEntriesOfOthersStayInTheirOrder(t *testing.T) {
	for _, row := range []struct{ before, after []uint16 }{
		{nil, []uint16{4, 3}},
		{[]uint16{1, 0}, []uint16{4, 3, 1, 0}},
		{[]uint16{1, 3, 0, 4, 2}, []uint16{1, 4, 3, 0, 2}},
		{[]uint16{1, 0, 4}, []uint16{1, 0, 4, 3}},
		{[]uint16{3, 1, 3}, []uint16{4, 3, 1}},
	} {
		n := newFirmware(t, row.before...)
		mustStore(t, opened(n), bothGood().WithOrder(bootctl.B, bootctl.A))
		if got := n.order(); !slices.Equal(got, row.after) {
			t.Errorf("BootOrder %v became %v, want %v", row.before, got, row.after)
		}
	}
}

func TestAttributesOfAVariableStay(t *testing.T) {
	n := newFirmware(t, 1)
	n.vars[global("BootOrder")] = variable{attributes | 0x20, "\x01\x00"}
	mustStore(t, opened(n), bothGood())
	if got := n.vars[global("BootOrder")].attributes; got != attributes|0x20 {
		t.Errorf("attributes became %#x", got)
	}
}

// A device that another updater, or a factory, set up with these labels.
func TestTakesOverWithoutARecord(t *testing.T) {
	n := newFirmware(t, 4, 1, 3)
	b := opened(n)
	want := bothGood().WithOrder(bootctl.B, bootctl.A)
	want.Generation = 0
	if got := mustLoad(t, b); got != want {
		t.Errorf("loaded %+v, want %+v", got, want)
	}
	mustStore(t, b, want)
	if _, ok := n.vars[varTable]; ok {
		t.Error("a table that was there was written")
	}
	n.vars[global("BootOrder")] = variable{attributes, string(bootOrder{3, 1}.encode())}
	n.vars[global("BootNext")] = variable{attributes, "\x04\x00"}
	got := mustLoad(t, b)
	if first, _ := got.Primary(); first != bootctl.B || got.Slots[bootctl.B].Good || !got.Slots[bootctl.A].Good {
		t.Errorf("with BootNext: %+v", got)
	}
	mustStore(t, b, got)
	n.Boot()
	if after := mustLoad(t, b); after != b.Caps().Keep(got) {
		t.Errorf("once BootNext was used: %+v, want %+v", after, got)
	}
}

// An armed slot has tries as long as its one start is to come, however often the
// other one is started meanwhile; what is confirmed or alone in BootOrder has none.
func TestTriesTellWhetherBootNextWasUsed(t *testing.T) {
	n := newFirmware(t, 3, 4)
	b := opened(n)
	want := func(when string, tries int) {
		t.Helper()
		if got := mustLoad(t, b).Slots; got[bootctl.A].Tries != 0 || got[bootctl.B].Tries != tries {
			t.Errorf("%s: %+v, want %d tries", when, got, tries)
		}
	}
	want("both good", 0)
	for range 2 {
		mustStore(t, b, armed())
		want("armed", bootctl.DefaultTrialTries)
		next := n.vars[global("BootNext")]
		delete(n.vars, global("BootNext"))
		n.Boot() // as firmware does that ignores it
		n.vars[global("BootNext")] = next
		want("ignored", bootctl.DefaultTrialTries)
		n.Boot()
		want("started", 0)
		n.Boot()
		want("back", 0)
	}
	mustStore(t, b, bothGood())
	n.vars[global("BootNext")] = variable{attributes, "\x04\x00"}
	want("somebody else's start of a confirmed slot", 0)
}

// Firmware that puts the entry of a slot that is being written back into
// BootOrder does not make it good.
func TestMeddlingFirmwareMakesNothingGood(t *testing.T) {
	n := newFirmware(t, 1)
	n.meddles = true
	b := opened(n)
	mustStore(t, b, bothGood())
	cleared, err := bootctl.Situation{Table: mustLoad(t, b)}.Clear()
	if err != nil {
		t.Fatal(err)
	}
	mustStore(t, b, cleared)
	for range 3 {
		if s, ok := n.Boot(); !ok || s != bootctl.A {
			t.Fatalf("booted %s, %v", s, ok)
		}
		got := mustLoad(t, b)
		if got.Slots[bootctl.B].Good || got.Slots[bootctl.B].Priority != 1 || !got.Slots[bootctl.A].Good {
			t.Errorf("loaded %+v", got)
		}
		mustStore(t, b, cleared)
		if after := mustLoad(t, b); after != b.Caps().Keep(cleared) {
			t.Errorf("after the repair: %+v", after)
		}
	}
}

// Nor does it take a trial's turn away: what proves itself is first.
func TestMeddlingFirmwareKeepsATrialFirst(t *testing.T) {
	n := newFirmware(t, 1)
	n.meddles = true
	b := opened(n)
	mustStore(t, b, armed())
	if s, ok := n.Boot(); !ok || s != bootctl.B {
		t.Fatalf("booted %s, %v", s, ok)
	}
	tried := mustLoad(t, b)
	if tried != b.Caps().Keep(armed()) {
		t.Errorf("in the trial: %+v", tried)
	}
	won, err := bootctl.Situation{Table: tried, Booted: bootctl.B}.MarkGood(bootctl.B)
	if err != nil {
		t.Fatal(err)
	}
	mustStore(t, b, won)
	if s, _ := n.Boot(); s != bootctl.B || !slices.Equal(n.order()[:2], bootOrder{4, 3}) {
		t.Errorf("after the commit booted %s with %v", s, n.order())
	}
}

func TestLabelsThatCannotBeTold(t *testing.T) {
	n := newFirmware(t, 3, 4)
	text, err := mustOption(t, DefaultLabels[1], "other.efi", "").Encode()
	if err != nil {
		t.Fatal(err)
	}
	n.vars[global("Boot00AF")] = variable{attributes, string(text)}
	b := opened(n)
	if _, err := b.Load(); err == nil || errors.Is(err, bootctl.ErrNoTable) || !strings.Contains(err.Error(), "Boot0004 and Boot00AF") {
		t.Errorf("two entries of one name: %v", err)
	}
	delete(n.vars, global("Boot00AF"))
	delete(n.vars, global("Boot0004"))
	if err := b.Store(armed()); err == nil || !strings.Contains(err.Error(), `no boot entry "abota B"`) {
		t.Errorf("no entry: %v", err)
	}
	if got := mustLoad(t, b); got.Slots[bootctl.B].Bootable() {
		t.Errorf("a slot without an entry is in the order: %+v", got)
	}
}

func TestARecordThatIsNoneSaysNothing(t *testing.T) {
	for _, text := range []string{
		"", "{", "[]", `{"meanings":[{}]}`, `{"meanings":[{"entries":["A"],"order":["A","A"]}]}`,
		`{"meanings":[{"entries":["A","B"],"order":["C"]}]}`,
		`{"meanings":[{"entries":["A","B"],"order":["A"],"a":{"failed":"no digest"}}]}`,
		`{"meanings":[{"entries":["A","B"],"order":["A"],"confirmed_tries":-1}]}`,
		strings.Repeat("\x00", 512),
	} {
		n := newFirmware(t, 3, 4)
		n.vars[varTable] = variable{attributes, text}
		// Firmware may have put B back while it was written: that is not good.
		want := bothGood()
		want.Generation = 0
		want.Slots[bootctl.B].Good = false
		b := opened(n)
		if got := mustLoad(t, b); got != want {
			t.Errorf("with the record %q: %+v", text, got)
		}
		cleared, err := bootctl.Situation{Table: want}.Clear()
		if err != nil {
			t.Fatal(err)
		}
		mustStore(t, b, cleared)
		if got := mustLoad(t, b); got != b.Caps().Keep(cleared) {
			t.Errorf("cleared over %q: %+v", text, got)
		}
		mustStore(t, b, armed())
		if got := b.Caps().Keep(mustLoad(t, b)); got != b.Caps().Keep(armed()) {
			t.Errorf("stored over %q: %+v", text, got)
		}
	}
}

func TestTablesThatCannotBeStored(t *testing.T) {
	for name, change := range map[string]func(*bootctl.Table){
		"without a bootable slot": func(t *bootctl.Table) { *t = t.WithOrder() },
		"not a short digest":      func(t *bootctl.Table) { t.Slots[bootctl.B].Failed = "x" },
		"confirmed tries":         func(t *bootctl.Table) { t.ConfirmedTries = -1 },
	} {
		n := newFirmware(t, 3, 4)
		table := bothGood()
		change(&table)
		if err := opened(n).Store(table); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if _, ok := n.vars[varTable]; ok {
			t.Errorf("%s: something was written", name)
		}
	}
}

func TestCreatesOnlyEntriesThatAreMissing(t *testing.T) {
	n := newFirmware(t, 1, 3)
	before := n.vars[global("Boot0003")]
	delete(n.vars, global("Boot0004"))
	b := opened(n)
	options := [2]LoadOption{
		mustOption(t, "", "slot-a/vmlinuz.efi", "abota.slot=A"),
		mustOption(t, "", "slot-b/vmlinuz.efi", "abota.slot=B"),
	}
	if err := b.CreateEntries(options); err != nil {
		t.Fatal(err)
	}
	made, err := ParseLoadOption([]byte(n.vars[global("Boot0002")].data))
	if err != nil || made.Label != DefaultLabels[1] || made.CommandLine() != "abota.slot=B" || n.vars[global("Boot0003")] != before {
		t.Errorf("made %+v, %v", made, err)
	}
	if got := n.order(); !slices.Equal(got, bootOrder{1, 3}) {
		t.Errorf("BootOrder became %v", got)
	}
	options[0] = mustOption(t, "", "elsewhere.efi", "")
	if err := b.CreateEntries(options); err == nil || !strings.Contains(err.Error(), "Boot0003 has that name already") {
		t.Errorf("an entry that starts something else: %v", err)
	}
}

func TestBootedIsWhatTheFirmwareStarted(t *testing.T) {
	n := newFirmware(t, 1, 3)
	b := opened(n)
	if _, ok, err := b.Booted(); ok || err != nil {
		t.Errorf("without BootCurrent: %v, %v", ok, err)
	}
	n.vars[global("BootCurrent")] = variable{6, "\x04\x00"}
	if s, ok, err := b.Booted(); s != bootctl.B || !ok || err != nil {
		t.Errorf("booted %s, %v, %v", s, ok, err)
	}
	n.vars[global("BootCurrent")] = variable{6, "\x01\x00"}
	if _, ok, err := b.Booted(); ok || err != nil {
		t.Errorf("the shell is no slot: %v, %v", ok, err)
	}
}

// A trial is known without labels: an entry with the word was started, and
// BootOrder starts another one with it first.
func TestOnTrialIsWhatBootNextStarted(t *testing.T) {
	const word = "abota.slot=A"
	for _, row := range []struct {
		name    string
		order   []uint16
		current string
		word    string
		want    bool
	}{
		{"first of BootOrder", []uint16{1, 3, 4}, "\x03\x00", word, false},
		{"not in BootOrder", []uint16{1, 4}, "\x03\x00", word, true},
		{"an entry of others", []uint16{1, 3}, "\x01\x00", word, false},
		{"no BootCurrent", []uint16{3}, "", word, false},
		{"no entry", []uint16{3}, "\x09\x00", word, false},
		{"half of the word", []uint16{1}, "\x03\x00", "abota.slot", false},
	} {
		n := newFirmware(t, row.order...)
		if row.current != "" {
			n.vars[global("BootCurrent")] = variable{6, row.current}
		}
		if got := opened(n).OnTrial(row.word); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
	}
}

func TestFaultsOfTheFirmware(t *testing.T) {
	for _, row := range []struct {
		name  string
		order []uint16
		spoil func(*nvram)
		want  []string
	}{
		{"none", []uint16{3, 4, 1}, func(*nvram) {}, nil},
		{"something before the slots", []uint16{1, 3}, func(*nvram) {}, []string{"BootOrder starts Boot0001 before the slots"}},
		{"entry missing", []uint16{3}, func(n *nvram) { delete(n.vars, global("Boot0004")) }, []string{`no boot entry "abota B" for slot B`}},
		{"entry not active", []uint16{4}, func(n *nvram) {
			v := n.vars[global("Boot0003")]
			n.vars[global("Boot0003")] = variable{v.attributes, "\x00" + v.data[1:]}
		}, []string{`"abota A" of slot A is not active: efibootmgr -b 0003 -a`}},
	} {
		n := newFirmware(t, row.order...)
		row.spoil(n)
		got := opened(n).Faults()
		if len(got) != len(row.want) || len(got) > 0 && !strings.Contains(got[0], row.want[0]) {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

func TestLabelsOfNew(t *testing.T) {
	if _, err := New([2]string{"x", "x"}); err == nil || !strings.Contains(err.Error(), "one of its own") {
		t.Errorf("two equal labels: %v", err)
	}
}
