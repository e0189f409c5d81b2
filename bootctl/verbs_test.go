package bootctl_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"abota/bootctl"
)

const digest = "00c0ffee00c0ffee"

// verb is one transition as the tests call it.
type verb struct {
	name string
	kind string
	slot bootctl.Slot // of the mark verbs
	do   func(bootctl.Situation) (bootctl.Table, error)
}

// verbs are all transitions there are.
func verbs() []verb {
	type situation = bootctl.Situation
	all := []verb{
		{name: "clear", kind: "clear", do: situation.Clear},
		{name: "arm", kind: "arm", do: situation.Arm},
		{name: "disarm", kind: "disarm", do: situation.Disarm},
		{name: "rollback", kind: "rollback", do: func(s situation) (bootctl.Table, error) { return s.Rollback(digest) }},
		{name: "refill", kind: "refill", do: func(s situation) (bootctl.Table, error) { return s.Refill(), nil }},
	}
	for _, slot := range bootctl.Slots {
		all = append(all,
			verb{"mark good " + slot.String(), "mark good", slot, func(s situation) (bootctl.Table, error) { return s.MarkGood(slot) }},
			verb{"mark bad " + slot.String(), "mark bad", slot, func(s situation) (bootctl.Table, error) { return s.MarkBad(slot, digest) }},
			verb{"mark bad (unknown) " + slot.String(), "mark bad unknown", slot, func(s situation) (bootctl.Table, error) { return s.MarkBad(slot, "") }},
			verb{"mark active " + slot.String(), "mark active", slot, func(s situation) (bootctl.Table, error) { return s.MarkActive(slot) }})
	}
	return all
}

// slotStates is every state of one slot that makes a difference.
func slotStates() (all []bootctl.State) {
	for priority := range 3 {
		for _, tries := range []int{0, 1, 3, 10} {
			for _, good := range []bool{false, true} {
				for _, failed := range []string{"", "1badc0de1badc0de"} {
					all = append(all, bootctl.State{Priority: priority, Tries: tries, Good: good, Failed: failed})
				}
			}
		}
	}
	return all
}

// situations calls back with every table, whichever slot is booted and
// whatever is proven.
func situations(do func(bootctl.Situation)) {
	for _, a := range slotStates() {
		for _, b := range slotStates() {
			for _, confirmed := range []int{0, 10} {
				t := bootctl.Table{Slots: [2]bootctl.State{a, b}, Generation: 41, ConfirmedTries: confirmed}
				for _, booted := range bootctl.Slots {
					for proven := range 4 {
						do(bootctl.Situation{Table: t, Booted: booted, Proven: [2]bool{proven&1 != 0, proven&2 != 0}})
					}
				}
			}
		}
	}
}

// step is a verb that was done.
type step struct {
	s     bootctl.Situation
	verb  verb
	to    bootctl.Table
	err   error
	other bootctl.Slot // the one that is not booted
}

func (x step) from(s bootctl.Slot) bootctl.State  { return x.s.Table.Slots[s] }
func (x step) after(s bootctl.Slot) bootctl.State { return x.to.Slots[s] }

func confirmed(st bootctl.State) bool { return st.Good && st.Bootable() }

// invariants of the safety contract. Each reports whether it holds for a step;
// those about results are asked of legal steps only.
var invariants = []struct {
	name  string
	holds func(step) bool
}{
	{"a confirmed slot stays in the order when there was one", func(x step) bool {
		was := confirmed(x.from(bootctl.A)) || confirmed(x.from(bootctl.B))
		return !was || confirmed(x.after(bootctl.A)) || confirmed(x.after(bootctl.B))
	}},
	{"something stays bootable", func(x step) bool {
		return len(x.s.Table.Order()) == 0 || len(x.to.Order()) > 0
	}},
	{"the booted slot is never cleared or pushed out by an install", func(x step) bool {
		return x.verb.kind != "clear" && x.verb.kind != "arm" || confirmed(x.after(x.s.Booted))
	}},
	{"only mark bad and a rollback from a trial take the booted slot out of the order", func(x step) bool {
		condemned := strings.HasPrefix(x.verb.kind, "mark bad") && x.verb.slot == x.s.Booted || x.verb.kind == "rollback" && x.s.InTrial()
		gone := x.from(x.s.Booted).Bootable() && !x.after(x.s.Booted).Bootable()
		return !gone || condemned
	}},
	{"nothing is installed, armed or made active in a trial", func(x step) bool {
		return !x.s.InTrial() || x.verb.kind != "clear" && x.verb.kind != "arm" && x.verb.kind != "mark active"
	}},
	{"clear leaves the other slot unbootable and not good", func(x step) bool {
		return x.verb.kind != "clear" || !x.after(x.other).Bootable() && !x.after(x.other).Good
	}},
	{"arming needs proof and a confirmed booted slot in the order", func(x step) bool {
		return x.verb.kind != "arm" || x.s.Proven[x.other] && confirmed(x.from(x.s.Booted))
	}},
	{"an armed slot is first, a trial, and has its tries", func(x step) bool {
		first, _ := x.to.Primary()
		want := bootctl.State{Priority: 2, Tries: bootctl.DefaultTrialTries}
		return x.verb.kind != "arm" || first == x.other && x.after(x.other) == want
	}},
	{"mark good needs proof or the booted slot", func(x step) bool {
		return x.verb.kind != "mark good" || x.s.Proven[x.verb.slot] || x.verb.slot == x.s.Booted
	}},
	{"a slot marked good is confirmed, can start, and has not failed", func(x step) bool {
		st := x.after(x.verb.slot)
		changed := x.to != x.s.Table
		return x.verb.kind != "mark good" || confirmed(st) && st.Failed == "" && (!changed || st.Tries > 0)
	}},
	{"mark good does not touch the other slot", func(x step) bool {
		rest := x.verb.slot.Other()
		was, is := x.from(rest), x.after(rest)
		was.Priority, is.Priority = 0, 0
		return x.verb.kind != "mark good" || was == is && x.from(rest).Bootable() == x.after(rest).Bootable()
	}},
	{"only mark good confirms, and only its slot", func(x step) bool {
		for _, s := range bootctl.Slots {
			if x.after(s).Good && !x.from(s).Good && !(x.verb.kind == "mark good" && x.verb.slot == s) {
				return false
			}
		}
		return true
	}},
	{"the tries of a trial grow by arming alone", func(x step) bool {
		for _, s := range bootctl.Slots {
			armed := x.verb.kind == "arm" && s == x.other
			if !x.after(s).Good && x.after(s).Tries > x.from(s).Tries && !armed {
				return false
			}
		}
		return true
	}},
	{"mark bad, disarm and rollback need the other slot confirmed", func(x step) bool {
		switch {
		case strings.HasPrefix(x.verb.kind, "mark bad"):
			return confirmed(x.from(x.verb.slot.Other()))
		case x.verb.kind == "rollback":
			return confirmed(x.from(x.other))
		case x.verb.kind == "disarm":
			return confirmed(x.from(x.s.Booted))
		}
		return true
	}},
	{"a slot marked bad is out of the order, and what failed is noted", func(x step) bool {
		st := x.after(x.verb.slot)
		switch x.verb.kind {
		case "mark bad":
			return !st.Bootable() && !st.Good && st.Failed == digest
		case "mark bad unknown":
			return !st.Bootable() && !st.Good && st.Failed == x.from(x.verb.slot).Failed
		}
		return true
	}},
	{"a rollback starts the other slot next, and condemns a trial", func(x step) bool {
		if x.verb.kind != "rollback" {
			return true
		}
		first, _ := x.to.Primary()
		left := x.after(x.s.Booted)
		if x.s.InTrial() {
			return first == x.other && !left.Bootable() && left.Failed == digest
		}
		return first == x.other && left.Bootable() == x.from(x.s.Booted).Bootable() && left.Good
	}},
	{"mark active starts its slot next and leaves no trial in the order", func(x step) bool {
		first, _ := x.to.Primary()
		rest := x.after(x.verb.slot.Other())
		return x.verb.kind != "mark active" || first == x.verb.slot && (rest.Good || !rest.Bootable())
	}},
	{"the confirmed slot that a verb relies on has its tries", func(x step) bool {
		relied := map[string]bootctl.Slot{
			"clear": x.s.Booted, "arm": x.s.Booted, "disarm": x.s.Booted, "rollback": x.other,
			"mark active": x.verb.slot, "mark bad": x.verb.slot.Other(), "mark bad unknown": x.verb.slot.Other(),
		}
		s, ok := relied[x.verb.kind]
		return !ok || x.after(s).Tries >= bootctl.DefaultTrialTries
	}},
	{"the generation moves by one exactly when the table changes, but not for a refill", func(x step) bool {
		if x.to == x.s.Table || x.verb.kind == "refill" {
			return x.to.Generation == x.s.Table.Generation
		}
		return x.to.Generation == x.s.Table.Generation+1
	}},
	{"a slot that leaves the order keeps no tries", func(x step) bool {
		for _, s := range bootctl.Slots {
			if x.from(s).Bootable() && !x.after(s).Bootable() && x.after(s).Tries != 0 {
				return false
			}
		}
		return true
	}},
	{"a refill changes nothing but the tries of the booted, confirmed slot, upwards", func(x step) bool {
		if x.verb.kind != "refill" || x.to == x.s.Table {
			return true
		}
		was := x.s.Table
		was.Slots[x.s.Booted].Tries = x.after(x.s.Booted).Tries
		return was == x.to && x.from(x.s.Booted).Good && x.after(x.s.Booted).Tries > x.from(x.s.Booted).Tries
	}},
	{"a refilled slot has more than half of its tries", func(x step) bool {
		full := max(x.s.Table.ConfirmedTries, bootctl.DefaultTrialTries)
		return x.verb.kind != "refill" || x.s.InTrial() || 2*x.after(x.s.Booted).Tries >= full
	}},
	{"priorities are places in the order, once a verb changed it", func(x step) bool {
		unchanged := x.from(bootctl.A).Priority == x.after(bootctl.A).Priority && x.from(bootctl.B).Priority == x.after(bootctl.B).Priority
		return unchanged || x.to == x.to.WithOrder(x.to.Order()...)
	}},
	{"confirmed tries never change", func(x step) bool {
		return x.to.ConfirmedTries == x.s.Table.ConfirmedTries
	}},
	{"doing it again changes nothing", func(x step) bool {
		again := x.s
		again.Table = x.to
		to, err := x.verb.do(again)
		return to == x.to && (err == nil || x.verb.kind != "clear" && x.verb.kind != "arm")
	}},
}

// refusal checks what a verb that is not legal returns.
func refusal(x step) error {
	var refused *bootctl.RefusedError
	switch {
	case !errors.As(x.err, &refused):
		return fmt.Errorf("%w is not a RefusedError", x.err)
	case x.to != x.s.Table:
		return fmt.Errorf("a refusal changed the table to %+v", x.to)
	case !strings.HasPrefix(refused.Reason, "cannot ") || !strings.Contains(refused.Reason, " because "):
		return fmt.Errorf("%q does not say what cannot be done because of what", refused.Reason)
	}
	return nil
}

func TestEveryVerbInEveryState(t *testing.T) {
	legal, refused := map[string]int{}, map[string]int{}
	states, broken := 0, map[string]int{}
	fail := func(x step, why string) {
		if broken[why]++; broken[why] == 1 {
			t.Errorf("%s in %+v gives %+v, %v: %s", x.verb.name, x.s, x.to, x.err, why)
		}
	}
	situations(func(s bootctl.Situation) {
		states++
		for _, v := range verbs() {
			x := step{s: s, verb: v, other: s.Booted.Other()}
			x.to, x.err = v.do(s)
			if x.err != nil {
				refused[v.kind]++
				if err := refusal(x); err != nil {
					fail(x, err.Error())
				}
				continue
			}
			legal[v.kind]++
			for _, i := range invariants {
				if !i.holds(x) {
					fail(x, "broken: "+i.name)
				}
			}
		}
	})
	t.Logf("%d situations, %d verbs, %d invariants, %d of them broken", states, len(verbs()), len(invariants), len(broken))
	for _, v := range verbs() {
		if legal[v.kind] == 0 || (refused[v.kind] == 0 && v.kind != "refill") {
			t.Errorf("%s: %d times legal, %d times refused: the states are too few", v.kind, legal[v.kind], refused[v.kind])
		}
	}
	for kind, n := range legal {
		t.Logf("%-17s legal %6d, refused %6d", kind, n, refused[kind])
	}
}
