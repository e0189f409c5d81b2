package bootctl_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"abota/bootctl"
)

func TestOrderFollowsThePriorities(t *testing.T) {
	for _, c := range []struct {
		a, b int
		want string
	}{
		{0, 0, "[]"},
		{1, 0, "[A]"},
		{0, 1, "[B]"},
		{2, 1, "[A B]"},
		{1, 2, "[B A]"},
		{7, 3, "[A B]"},
		{1, 1, "[A B]"}, // of two equal ones the first
	} {
		table := bootctl.Table{}
		table.Slots[bootctl.A].Priority, table.Slots[bootctl.B].Priority = c.a, c.b
		order := table.Order()
		if got := fmt.Sprint(order); got != c.want {
			t.Errorf("priorities %d and %d: order %s, want %s", c.a, c.b, got, c.want)
		}
		first, ok := table.Primary()
		if ok != (len(order) > 0) || ok && first != order[0] {
			t.Errorf("priorities %d and %d: primary %v, %v does not fit the order %v", c.a, c.b, first, ok, order)
		}
		if again := table.WithOrder(order...).Order(); !slices.Equal(again, order) {
			t.Errorf("WithOrder(%v) has the order %v", order, again)
		}
	}
}

func TestWithOrderKeepsAllElse(t *testing.T) {
	table := bootctl.Table{Generation: 5, ConfirmedTries: 9}
	table.Slots[bootctl.A] = bootctl.State{Priority: 1, Tries: 2, Good: true, Failed: digest}
	table.Slots[bootctl.B] = bootctl.State{Priority: 2, Tries: 4}
	want := table
	want.Slots[bootctl.A].Priority, want.Slots[bootctl.B].Priority = 1, 0
	if got := table.WithOrder(bootctl.A); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSlotsHaveNames(t *testing.T) {
	for name, want := range map[string]bootctl.Slot{"A": bootctl.A, "a": bootctl.A, "B": bootctl.B, "b": bootctl.B} {
		got, err := bootctl.ParseSlot(name)
		if err != nil || got != want || got.String() != strings.ToUpper(name) {
			t.Errorf("ParseSlot(%q) = %v, %v", name, got, err)
		}
		if got.Other() == got || got.Other().Other() != got {
			t.Errorf("the other slot of %v is %v", got, got.Other())
		}
	}
	for _, name := range []string{"", "C", "AB", "A ", "0", "Ａ"} {
		if _, err := bootctl.ParseSlot(name); err == nil || !strings.Contains(err.Error(), "use A or B") {
			t.Errorf("ParseSlot(%q): %v", name, err)
		}
	}
	text, err := json.Marshal(bootctl.Slots)
	if err != nil || string(text) != `["A","B"]` {
		t.Errorf("as JSON: %s, %v", text, err)
	}
	var back [2]bootctl.Slot
	if err := json.Unmarshal(text, &back); err != nil || back != bootctl.Slots {
		t.Errorf("from JSON: %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`["C"]`), &back); err == nil {
		t.Error(`"C" was read as a slot`)
	}
}

func TestShortDigestCutsOnlyWhatIsLonger(t *testing.T) {
	for in, want := range map[string]string{
		"":                                    "",
		"0123456789abcdef":                    "0123456789abcdef",
		"0123456789abcdef0":                   "0123456789abcdef",
		"0123":                                "0123",
		strings.Repeat("0123456789abcdef", 4): "0123456789abcdef",
	} {
		if got := bootctl.ShortDigest(in); got != want {
			t.Errorf("ShortDigest(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCapsSayWhatIsKept(t *testing.T) {
	full := bootctl.Table{Generation: 5, ConfirmedTries: 9}
	full.Slots[bootctl.A] = bootctl.State{Priority: 7, Tries: 2, Failed: digest}
	full.Slots[bootctl.B] = bootctl.State{Tries: 4, Good: true}
	ordered := full
	ordered.Slots[bootctl.A].Priority = 1
	for _, c := range []struct {
		name string
		caps bootctl.Caps
		want bootctl.Table
	}{
		{"all", bootctl.Caps{Tries: true, Good: true, Generation: true}, ordered},
		{"no tries", bootctl.Caps{Good: true, Generation: true}, change(ordered, func(t *bootctl.Table) {
			t.Slots[bootctl.A].Tries, t.Slots[bootctl.B].Tries = 0, 0
		})},
		{"confirmed boots not counted", bootctl.Caps{Tries: true, ConfirmedUncounted: true, Good: true, Generation: true}, change(ordered, func(t *bootctl.Table) {
			t.Slots[bootctl.B].Tries = 0
		})},
		{"no good", bootctl.Caps{Tries: true, Generation: true}, change(ordered, func(t *bootctl.Table) {
			t.Slots[bootctl.A].Good, t.Slots[bootctl.B].Good = true, false
		})},
		{"no generation", bootctl.Caps{Tries: true, Good: true}, change(ordered, func(t *bootctl.Table) {
			t.Generation, t.ConfirmedTries, t.Slots[bootctl.A].Failed = 0, 0, ""
		})},
	} {
		got := c.caps.Keep(full)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		if c.caps.Keep(got) != got {
			t.Errorf("%s: keeping it twice changes it", c.name)
		}
	}
}

func change(t bootctl.Table, do func(*bootctl.Table)) bootctl.Table {
	do(&t)
	return t
}

func TestARefusalSaysWhy(t *testing.T) {
	_, err := bootctl.Situation{}.Arm()
	var refused *bootctl.RefusedError
	if !errors.As(err, &refused) || refused.Reason != err.Error() {
		t.Errorf("%v is not a RefusedError that says why", err)
	}
}
