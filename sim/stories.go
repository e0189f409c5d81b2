package sim

import (
	"context"
	"fmt"
	"slices"

	"abota/sim/guest"
	"abota/sim/loader"
)

// DefaultScenario is the one to show somebody first.
const DefaultScenario = "story"

// Scenarios lists all of them.
func Scenarios() []Scenario {
	return []Scenario{story(), cycle(), cuts(), environment(), watchdog(), hardwareWatchdog(), hang(), clock(), hooks(), alone(), failingDisk(), failingData(), verity(), awsCycle(), aws()}
}

// FindScenario returns a scenario by its name.
func FindScenario(name string) (Scenario, error) {
	all := Scenarios()
	i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return Scenario{}, fmt.Errorf("cannot find a scenario named %q: `abota-sim list` names them", name)
	}
	return all[i], nil
}

// Factory only brings a board up, as it leaves the factory.
func Factory() Scenario {
	return Scenario{Name: "up", About: "a board as it leaves the factory", Steps: fromFactory()}
}

// fromFactory is how every scenario begins: a board with version 1 in slot A.
func fromFactory() []Step {
	return steps(
		powerOn(),
		boots("version 1 starts from slot A, as the factory provisioned it", expected{
			slot: "A", version: "1", decision: "nothing to do", good: "A", bad: "B",
			loader: []loader.Seen{confirmedWith("A", 9)},
		}),
	)
}

// keeps is an update that goes well.
func keeps(version, slot string) []Step {
	return steps(
		update(version, guest.Healthy, slot),
		boots(fmt.Sprintf("version %s starts from slot %s, on trial", version, slot), expected{
			slot: slot, version: version, decision: "trial", trial: slot,
			loader: []loader.Seen{triedWith(slot, 2)},
		}),
		commits(slot, version),
	)
}

func story() Scenario {
	return Scenario{
		Name:  DefaultScenario,
		About: "an update is kept, a sick one and a crashing one are left, a power cut and a lost kernel are survived",
		Steps: steps(
			fromFactory(), keeps("2", "B"),
			unhealthyCase(), panicCase(), powerCutCase(),
			damage(damagedCase()),
		),
	}
}

func cycle() Scenario {
	return Scenario{
		Name:  "cycle",
		About: "one update, tried and kept: the shortest way through everything",
		Steps: steps(fromFactory(), keeps("2", "B")),
	}
}

func cuts() Scenario {
	trial := func(left int) []Step {
		return boots(fmt.Sprintf("version 2 is on trial, %d attempts left", left), expected{
			slot: "B", version: "2", decision: "trial", trial: "B", good: "A",
			loader: []loader.Seen{triedWith("B", left)},
		})
	}
	return Scenario{
		Name:  "cuts",
		suits: forCounting,
		About: "the power fails twice in a trial, and the third attempt is kept; then in every attempt, and the old version comes back",
		Steps: steps(
			fromFactory(),
			update("2", guest.Healthy, "B"),
			trial(2), powerCut("in the first attempt"),
			trial(1), powerCut("in the second attempt"),
			trial(0), commits("B", "2"),

			update("3", guest.Healthy, "A"),
			threeCuts("3", "A"),
			boots("version 2 is back", expected{
				slot: "B", version: "2", decision: "disarm", good: "B", held: "3",
				loader: []loader.Seen{spent("A")},
			}),
		),
	}
}

// threeCuts cuts the power in each attempt of a trial.
func threeCuts(version, slot string) []Step {
	var all []Step
	for n := range 3 {
		all = append(all, steps(
			boots(fmt.Sprintf("version %s is on trial, attempt %d", version, n+1), expected{slot: slot, version: version, decision: "trial", trial: slot}),
			powerCut(fmt.Sprintf("in attempt %d", n+1)),
		)...)
	}
	return all
}

func environment() Scenario {
	back := func(title string, left int) []Step {
		return boots(title, expected{
			slot: "B", version: "2", decision: "nothing to do", good: "B",
			loader: []loader.Seen{confirmedWith("B", left)},
		})
	}
	return Scenario{
		Name:  "environment",
		suits: forUBoot,
		About: "U-Boot's environment is damaged: the newer copy, the older copy, both",
		Steps: steps(
			fromFactory(),
			keeps("2", "B"),
			envDamaged("the newer copy of the environment is lost, and the commit with it", newer),
			boots("version 2 is tried again, since nothing says it was kept", expected{
				slot: "B", version: "2", decision: "trial", trial: "B", good: "A",
				loader: []loader.Seen{triedWith("B", 1)},
			}),
			commits("B", "2"),
			envDamaged("the older copy of the environment is lost", older),
			back("version 2 starts as before", 9),
			envDamaged("both copies of the environment are lost", newer, older),
			boots("the factory default starts, and abota makes the table anew", expected{
				slot: "A", version: "1", decision: "nothing to do", good: "B",
				loader: []loader.Seen{lost(), untold("A")},
			}),
			[]Step{restart()},
			back("the table that was made anew brings version 2 back", 9),
		),
	}
}

// which names a copy of the environment, given the newer one.
type which func(newest int) int

func newer(newest int) int { return newest }
func older(newest int) int { return 1 - newest }

func envDamaged(title string, copies ...which) []Step {
	return damaged(title, func(_ context.Context, w *World) error {
		newest, err := w.disk.NewerEnv()
		for _, which := range copies {
			if err == nil {
				err = w.disk.ScrambleEnv(which(newest))
			}
		}
		return err
	})
}

func watchdog() Scenario {
	return Scenario{
		Name:  "watchdog",
		suits: forCounting,
		About: "a new version locks up in each of its attempts; the watchdog resets the board, and the old version comes back",
		Steps: steps(
			fromFactory(),
			update("2", guest.Freezes, "B"),
			boots("version 2 starts from slot B, on trial", expected{slot: "B", version: "2", decision: "trial", trial: "B", good: "A"}),
			freezes("2", 3),
			boots("the counter brings version 1 back", expected{
				slot: "A", version: "1", decision: "disarm", good: "A", held: "2",
				loader: []loader.Seen{spent("B"), confirmed("A")},
			}),
		),
	}
}

func hang() Scenario {
	return Scenario{
		Name:  "hang",
		suits: forCounting,
		About: "a new version hangs before anything can watch it; whoever pulls the plug three times gets the old version back",
		Steps: steps(
			fromFactory(),
			update("2", guest.Hangs, "B"),
			hangs("2"), powerCut("in the first attempt"),
			hangs("2"), powerCut("in the second attempt"),
			hangs("2"), powerCut("in the third attempt"),
			boots("version 1 is back", expected{
				slot: "A", version: "1", decision: "condemn", good: "A", condemned: []string{"2"},
				loader: []loader.Seen{spent("B"), confirmed("A")},
			}),
		),
	}
}
