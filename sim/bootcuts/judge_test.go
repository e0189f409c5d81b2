package bootcuts

import (
	"strings"
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootctltest"
)

// confirmed is a table with both slots good, the first one first; armed has the
// other one on trial before it.
func confirmed(first bootctl.Slot) bootctl.Table {
	t := bootctl.Table{ConfirmedTries: 10}.WithOrder(first, first.Other())
	for _, s := range bootctl.Slots {
		t.Slots[s] = bootctl.State{Priority: t.Slots[s].Priority, Good: true, Tries: 10}
	}
	return t
}

func armed(trial bootctl.Slot, tries int) bootctl.Table {
	t := confirmed(trial)
	t.Slots[trial].Good, t.Slots[trial].Tries = false, tries
	return t
}

func TestJudge(t *testing.T) {
	const fine = "ro abota.slot="
	alone := confirmed(bootctl.A).WithOrder(bootctl.A)
	spent := armed(bootctl.B, 0)
	spent.Slots[bootctl.A].Good, spent.Slots[bootctl.A].Tries = false, 0
	for _, row := range []struct {
		name          string
		before, after bootctl.Table
		o             outcome
		wrong, sort   string
	}{
		{"a good slot", confirmed(bootctl.A), confirmed(bootctl.B), outcome{Slot: "A", Args: fine + "A"}, "", "good slot"},
		{"the trial that is armed", alone, armed(bootctl.B, 3), outcome{Slot: "B", Args: fine + "B"}, "", "trial"},
		{"the confirmed slot in its stead", armed(bootctl.B, 3), armed(bootctl.B, 2), outcome{Slot: "A", Args: fine + "A"}, "", "another good slot"},
		{"a trial without tries", armed(bootctl.B, 0), armed(bootctl.B, 0), outcome{Slot: "B", Args: fine + "B"}, "neither table allows", ""},
		{"a slot that is in neither order", alone, alone, outcome{Slot: "B", Args: fine + "B"}, "neither table allows", ""},
		{"nothing", alone, alone, outcome{}, "no user space", ""},
		{"another slot's arguments", confirmed(bootctl.A), confirmed(bootctl.A), outcome{Slot: "A", Args: fine + "B"}, "does not say so", ""},
		{"no slot's arguments", confirmed(bootctl.A), confirmed(bootctl.A), outcome{Slot: "A", Args: "ro"}, "does not say so", ""},
		{"the table is lost", confirmed(bootctl.A), confirmed(bootctl.A), outcome{Slot: "A", Args: fine + "A abota.env=lost"}, "says of its table: lost", ""},
		{"nothing is good or left", spent, spent, outcome{Slot: "A", Args: fine + "A abota.env=exhausted"}, "", "trial"},
	} {
		t.Run(row.name, func(t *testing.T) {
			j := &job{claims: []claim{{row.before, row.after, "made"}}}
			why, sort := j.judge(row.o)
			if (why == "") != (row.wrong == "") || !strings.Contains(why, row.wrong) {
				t.Errorf("got %q, want %q", why, row.wrong)
			}
			if sort != row.sort {
				t.Errorf("it is called %q, want %q", sort, row.sort)
			}
		})
	}
}

// TestStateOfSeveralTransitionsMustDoRightByEach: what one of them allows does not
// excuse what another does not.
func TestStateOfSeveralTransitionsMustDoRightByEach(t *testing.T) {
	all := &jobs{}
	s := state{overlay: overlay{1: content("a")}, cut: "cut"}
	all.add(s, claim{armed(bootctl.B, 3), armed(bootctl.B, 3), "one"})
	all.add(s, claim{confirmed(bootctl.A).WithOrder(bootctl.A), confirmed(bootctl.A).WithOrder(bootctl.A), "two"})
	if len(all.list) != 1 || all.made != 2 {
		t.Fatalf("%d jobs of %d states, want 1 of 2", len(all.list), all.made)
	}
	if why, _ := all.list[0].judge(outcome{Slot: "B", Args: "abota.slot=B"}); !strings.HasPrefix(why, "two, cut: ") {
		t.Errorf("got %q, want what the second says", why)
	}
}

// TestEveryLoaderHasTransitions to cut, as many as the verbs can make.
func TestEveryLoaderHasTransitions(t *testing.T) {
	for _, s := range settings {
		if n := len(bootctltest.Transitions(s.caps)); n < 500 {
			t.Errorf("%s: only %d transitions", s.name, n)
		}
	}
}
