package bootctltest

import (
	"fmt"

	"abota/bootctl"
)

// failedDigest stands for a release that failed.
const failedDigest = "0123456789abcdef"

// provisioned is what a factory writes: A boots, B is its equal.
func provisioned() bootctl.Table {
	t := bootctl.Table{Generation: 1, ConfirmedTries: bootctl.DefaultConfirmedTries}
	for i := range t.Slots {
		t.Slots[i] = bootctl.State{Tries: bootctl.DefaultConfirmedTries, Good: true}
	}
	return t.WithOrder(bootctl.A, bootctl.B)
}

// edge is one transition that a verb makes.
type edge struct {
	from, to bootctl.Table
	verb     string
}

func (e edge) String() string {
	return fmt.Sprintf("%s: %+v -> %+v", e.verb, e.from, e.to)
}

// transitions walks every verb breadth-first from a provisioned table and
// returns each table that can be reached, and each pair of one table and the
// next. Tables that differ in the generation alone are walked once.
func transitions() (tables []bootctl.Table, edges []edge) {
	key := func(t bootctl.Table) bootctl.Table { t.Generation = 0; return t }
	seen := map[bootctl.Table]bool{}
	pairs := map[[2]bootctl.Table]bool{}
	visit := func(t bootctl.Table) {
		if !seen[key(t)] {
			seen[key(t)] = true
			tables = append(tables, t)
		}
	}
	visit(provisioned())
	uncounted := provisioned()
	uncounted.ConfirmedTries = 0
	visit(uncounted)
	for i := 0; i < len(tables); i++ {
		for _, e := range verbs(tables[i]) {
			pair := [2]bootctl.Table{key(e.from), key(e.to)}
			if e.from == e.to || pairs[pair] {
				continue
			}
			pairs[pair] = true
			edges = append(edges, e)
			visit(e.to)
		}
	}
	return tables, edges
}

// Transition is one step from a stored table to the next.
type Transition struct {
	From, To bootctl.Table
	// Verb says what makes it.
	Verb string
}

// Transitions are all that the verbs make, and the loader's counting, and that a
// backend with these caps can tell apart.
func Transitions(caps bootctl.Caps) (all []Transition) {
	for _, e := range newSuiteOf(caps).edges {
		all = append(all, Transition{e.from, e.to, e.verb})
	}
	return all
}

// Spacer is a table unlike those of the transitions: stored before, it has both
// copies of a storage in use.
func Spacer() bootctl.Table {
	t := provisioned().WithOrder(bootctl.B)
	t.Slots[bootctl.A].Tries = 5
	return t
}

// verbs is every legal transition out of a table, whichever slot is booted,
// and one boot counted by the loader while few tries are left.
func verbs(from bootctl.Table) (edges []edge) {
	if first, ok := from.Primary(); ok && from.Slots[first].Tries > 0 && from.Slots[first].Tries <= bootctl.DefaultTrialTries {
		counted := from
		counted.Slots[first].Tries--
		edges = append(edges, edge{from, counted, "boot counted"})
	}
	for _, booted := range bootctl.Slots {
		s := bootctl.Situation{Table: from, Booted: booted, Proven: [2]bool{true, true}}
		add := func(verb string, to bootctl.Table, err error) {
			if err == nil {
				edges = append(edges, edge{from, to, verb})
			}
		}
		try := func(verb string, do func() (bootctl.Table, error)) {
			to, err := do()
			add(fmt.Sprintf("%s with %s booted", verb, booted), to, err)
		}
		try("clear", s.Clear)
		try("arm", s.Arm)
		try("disarm", s.Disarm)
		try("refill", func() (bootctl.Table, error) { return s.Refill(), nil })
		try("rollback", func() (bootctl.Table, error) { return s.Rollback(failedDigest) })
		for _, slot := range bootctl.Slots {
			name := slot.String()
			try("mark good "+name, func() (bootctl.Table, error) { return s.MarkGood(slot) })
			try("mark active "+name, func() (bootctl.Table, error) { return s.MarkActive(slot) })
			try("mark bad "+name, func() (bootctl.Table, error) { return s.MarkBad(slot, "") })
			try("condemn "+name, func() (bootctl.Table, error) { return s.MarkBad(slot, failedDigest) })
		}
	}
	return edges
}
