package sim

import (
	"context"

	"abota/sim/guest"
	"abota/sim/loader"
	"abota/sim/parts"
)

// Case is one thing that happens to an update, or to a board that has had some.
// The cases of a board follow each other on it: the first brings version 2 into
// slot B, and each later one begins and ends with a confirmed slot running.
type Case struct {
	Name  string
	steps []Step
	// bears is the loss that the boot loader must get over, if any.
	bears loader.Loss
	// everywhere is for cases of every kind of board, quick for those of a short
	// run on boards other than the default one.
	everywhere, quick bool
}

// The cases that need names.
const (
	caseGood = "good"
	caseHang = "hang"
)

// cases are all of them, in their order.
func cases() []Case {
	return []Case{
		{Name: caseGood, everywhere: true, quick: true, steps: steps(fromFactory(), keeps("2", "B"))},
		{Name: "unhealthy", everywhere: true, steps: unhealthyCase()},
		{Name: "panic", everywhere: true, quick: true, steps: panicCase()},
		{Name: caseHang, steps: hangCase()},
		{Name: "power cut", everywhere: true, steps: powerCutCase()},
		{Name: "table lost", bears: loader.Table, steps: tableLostCase()},
		{Name: "slot damaged", bears: loader.Kernel, steps: damagedCase()},
	}
}

// casesOf are those of a kind of board: all of the default one, else those of
// every board and what the loader gets over.
func casesOf(kind parts.Board, quick bool) (mine []Case) {
	all := kind.Name == parts.DefaultBoard().Name
	for _, c := range cases() {
		can := c.bears == 0 || loader.For(kind).Bears(c.bears) == nil
		if all || can && (c.everywhere || c.bears != 0 && !quick) && (c.quick || !quick) {
			mine = append(mine, c)
		}
	}
	return mine
}

// unhealthyCase is a release whose health check fails.
func unhealthyCase() []Step {
	return steps(
		update("3", guest.Unhealthy, "A"),
		boots("version 3 starts from slot A, on trial", expected{slot: "A", version: "3", decision: "trial", trial: "A", good: "B"}),
		fallsIll("3", "B"),
		boots("version 2 is back from slot B", expected{
			slot: "B", version: "2", decision: "nothing to do", good: "B", bad: "A", condemned: []string{"3"},
		}),
		refuses("3"),
	)
}

// panicCase is a release whose kernel crashes.
func panicCase() []Step {
	return steps(
		update("4", guest.Panics, "A"),
		crashes("4", "B", 3),
		boots("the attempts are used up, and version 2 is back", expected{
			slot: "B", version: "2", decision: "condemn", good: "B", condemned: []string{"4"},
			loader: []loader.Seen{spent("A"), confirmed("B")},
		}),
	)
}

// hangCase is a release that locks up in its trial.
func hangCase() []Step {
	return steps(
		update("6", guest.Freezes, "A"),
		boots("version 6 starts from slot A, on trial", expected{slot: "A", version: "6", decision: "trial", trial: "A", good: "B"}),
		freezes("6", 3),
		boots("the attempts are used up, and version 2 is back", expected{
			slot: "B", version: "2", decision: "disarm", good: "B", held: "6",
			loader: []loader.Seen{spent("A"), confirmed("B")},
		}),
	)
}

// powerCutCase is a power cut in a trial, which is then kept.
func powerCutCase() []Step {
	return steps(
		update("5", guest.Healthy, "A"),
		boots("version 5 starts from slot A, on trial", expected{slot: "A", version: "5", decision: "trial", trial: "A", good: "B"}),
		powerCut("in the trial of version 5"),
		backOnce("B"),
		boots("version 5 is tried again", expected{
			slot: "A", version: "5", decision: "trial", trial: "A", good: "B",
			loader: []loader.Seen{triedWith("A", 1)},
		}),
		commits("A", "5"),
	)
}

// tableLostCase is a board that knows nothing of its slots any more. The factory
// default is slot A.
func tableLostCase() []Step {
	return steps(
		damaged("all that tells the boot table is damaged", func(ctx context.Context, w *World) error {
			return w.loader.LoseTable(ctx, w.disk)
		}),
		boots("the factory default starts, and abota makes the table anew", expected{
			slot: "A", version: "5", decision: "nothing to do", good: "A",
			loader: []loader.Seen{lost(), untold("A")},
		}),
		[]Step{restart()},
		boots("the table that was made anew starts it again", expected{
			slot: "A", version: "5", decision: "nothing to do", good: "B",
			loader: []loader.Seen{confirmedWith("A", 9)},
		}),
	)
}

// damagedCase is a confirmed slot that cannot be loaded any more.
func damagedCase() []Step {
	return steps(
		kernelErased("A"),
		boots("version 2 starts from slot B, which was confirmed too", expected{
			slot: "B", version: "2", decision: "fell back", good: "B",
			loader: []loader.Seen{unloadable("A"), confirmed("B")},
		}),
	)
}
