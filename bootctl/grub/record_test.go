package grub

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"abota/bootctl"
)

// sample is a table with a trial in B and a release that failed in A.
func sample() bootctl.Table {
	t := bootctl.Table{Generation: 31}.WithOrder(bootctl.B, bootctl.A)
	t.Slots[bootctl.A].Tries, t.Slots[bootctl.A].Good = 10, true
	t.Slots[bootctl.B].Tries = 3
	t.Slots[bootctl.A].Failed = "0123456789abcdef"
	return t
}

func TestRecordsAreReadBack(t *testing.T) {
	table := sample()
	table.Slots[bootctl.B].Failed, table.ConfirmedTries = "ab", 99
	for _, want := range []bootctl.Table{sample(), table, table.WithOrder(bootctl.A), table.WithOrder(bootctl.A, bootctl.B)} {
		text, err := stored{lastSequence, want, []string{"later=x", "word"}}.record()
		if err != nil {
			t.Fatal(err)
		}
		got, ok := parseRecord(text)
		if !ok || got.table != want || got.sequence != lastSequence || !slices.Equal(got.extra, []string{"later=x", "word"}) {
			t.Errorf("%q: read %+v, %v", text, got, ok)
		}
	}
}

func TestWhatIsNoRecord(t *testing.T) {
	const good = "1000000007 order=BA a=good,10 b=unproven,3 confirmed=10"
	if _, ok := parseRecord(good); !ok {
		t.Fatalf("%q is a record", good)
	}
	for _, change := range [][2]string{
		{"1000000007", "2000000007"},
		{"1000000007", "100000007"},
		{"1000000007", "10000000007"},
		{"BA", ""},
		{"BA", "BB"},
		{"BA", "ABA"},
		{"BA", "ba"},
		{"good", "bad"},
		{",10", ",010"},
		{",10", ",100"},
		{",3", ",-3"},
		{",3", ","},
		{"confirmed=10", "confirmed="},
		{"confirmed=10", "confirmed=10x"},
		{" b=unproven,3", ""},
		{" a", "  a"},
	} {
		text := strings.Replace(good, change[0], change[1], 1)
		if _, ok := parseRecord(text); ok {
			t.Errorf("%q is taken for a record", text)
		}
	}
}

// What GRUB does not look at must not make abota see another table than GRUB.
func TestOddWordsLeaveTheTable(t *testing.T) {
	const text = "1000000007 order=A a=good,10 b=unproven,0 confirmed=10 generation=many a_failed=nothex b_failed=0123456789abcdef0 generation=4294967296 x"
	got, ok := parseRecord(text)
	want := bootctl.Table{ConfirmedTries: 10}.WithOrder(bootctl.A)
	want.Slots[bootctl.A].Good, want.Slots[bootctl.A].Tries = true, 10
	if !ok || got.table != want || !slices.Equal(got.extra, []string{"x"}) {
		t.Errorf("read %+v, %v", got, ok)
	}
}

func TestTablesThatCannotBeStored(t *testing.T) {
	change := func(do func(*bootctl.Table)) stored {
		s := stored{firstSequence, sample(), nil}
		do(&s.table)
		return s
	}
	for _, c := range []struct {
		want string
		s    stored
	}{
		{"without a bootable slot", change(func(t *bootctl.Table) { *t = t.WithOrder() })},
		{"100 confirmed tries", change(func(t *bootctl.Table) { t.ConfirmedTries = 100 })},
		{"-1 confirmed tries", change(func(t *bootctl.Table) { t.ConfirmedTries = -1 })},
		{"100 tries for slot B", change(func(t *bootctl.Table) { t.Slots[bootctl.B].Tries = 100 })},
		{"-1 tries for slot A", change(func(t *bootctl.Table) { t.Slots[bootctl.A].Tries = -1 })},
		{"not a short digest", change(func(t *bootctl.Table) { t.Slots[bootctl.A].Failed = "x y" })},
		{"is the last one", stored{lastSequence + 1, sample(), nil}},
	} {
		if _, err := c.s.record(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// TestGRUBUsesTheSamePatterns: what one side takes for a table, the other does.
func TestGRUBUsesTheSamePatterns(t *testing.T) {
	script, err := os.ReadFile("grub.cfg")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"ab_table_pattern": tablePattern, "ab_count_pattern": countPattern} {
		m := regexp.MustCompile(`(?m)^set ` + name + `='(.*)'$`).FindSubmatch(script)
		if m == nil || string(m[1]) != want {
			t.Errorf("grub.cfg's %s is %q, want %q", name, m, want)
		}
	}
	for _, name := range []string{varHead, varTail, varCount, varCountAgain} {
		if !strings.Contains(string(script), name) {
			t.Errorf("grub.cfg does not know %s", name)
		}
	}
}
