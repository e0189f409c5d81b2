package sim

import (
	"abota/sim/guest"
	"abota/sim/loader"
)

// The boards of the fleet. Both get the same firmware.
const (
	good = "good"
	sick = "sick"
)

// shipped are boards as they come from the factory, with their agents waiting
// for a job.
func shipped(boards ...string) []Step {
	all := enrolled()
	for _, b := range boards {
		all = append(all, on(b, powerOn())...)
	}
	for _, b := range boards {
		all = append(all, on(b,
			boots("version 1 starts from slot A, as the factory provisioned it", expected{
				slot: "A", version: "1", decision: "nothing to do", good: "A", bad: "B",
				loader: []loader.Seen{confirmedWith("A", 9)},
			}),
			trusts(),
			hasNoJob(),
		)...)
	}
	return all
}

// taken is a job of a board that does well, from its download on.
func taken(job, version, slot, other string) []Step {
	return steps(
		armed(job, version, slot),
		tried(version, slot),
		kept(version, slot, other),
		ends(job, 1, "SUCCEEDED", "was found healthy"),
	)
}

// awsCycle is the shortest way of a job through everything.
func awsCycle() Scenario {
	return Scenario{
		Name:    "aws-iot-cycle",
		About:   "one job of AWS IoT on one board, from create-ota to SUCCEEDED: the shortest way through everything",
		Setting: Setting{Fleet: []string{good}},
		Steps: steps(
			shipped(good),
			offered("2", guest.Healthy),
			created("release-2", "2/firmware.zip"),
			hourPasses("release-2"),
			on(good, takes("release-2"), downloads("release-2", 1), taken("release-2", "2", "B", "A")),
			completes("release-2"),
			shows("release-2", good+" SUCCEEDED"),
		),
	}
}

// aws is the whole way of jobs to two boards.
func aws() Scenario {
	const job = "release-2"
	return Scenario{
		Name: "aws-iot",
		About: "a job of AWS IoT goes to two boards: one keeps its release, although the power fails on the way, the other goes back; " +
			"then a job by a pre-signed link, and one that names a release in the bucket",
		Setting: Setting{Fleet: []string{good, sick}},
		Steps: steps(
			shipped(good, sick),
			on(sick, otherHardware()),
			offered("2", guest.Particular),
			created(job, "2/firmware.zip", "--retry", "ALL=1"),
			hourPasses(job),

			on(good,
				takes(job),
				downloads(job, 20),
				powerCut("in mid-download"),
				// Whether abota boot or the agent sees first that a write was
				// interrupted, depends on who has the lock first.
				boots("version 1 starts again, and what was half written cannot boot", expected{
					slot: "A", version: "1", good: "A", bad: "B",
					loader: []loader.Seen{confirmed("A")},
				}),
				taken(job, "2", "B", "A"),
			),
			on(sick,
				takes(job),
				armed(job, "2", "B"),
				tried("2", "B"),
				fallsIll("2", "A"),
				boots("version 1 is back from slot A", expected{slot: "A", version: "1", decision: "nothing to do", good: "A", bad: "B"}),
				ends(job, 1, "FAILED", "does not work on this hardware"),
				ends(job, 2, "REJECTED", "does not work on this hardware"),
				condemned("does not work on this hardware"),
			),
			completes(job),
			shows(job, good+" SUCCEEDED", sick+" FAILED", sick+" REJECTED"),
			on(sick, switchedOff()),

			created("again", "2/firmware.zip", now(good)...),
			on(good, ends("again", 1, "SUCCEEDED", ""), stays("2", "B")),

			uploaded("3", guest.Healthy),
			created("by-link", "3/firmware.ext4", now(good, "--protocol", "http")...),
			on(good, takes("by-link"), taken("by-link", "3", "A", "B")),

			offered("4", guest.Healthy),
			on(good, hasNoKeys()),
			createdForAbota("own-kind", "4", now(good)...),
			on(good, takes("own-kind"), taken("own-kind", "4", "B", "A")),
			shows("own-kind", good+" SUCCEEDED"),
		),
	}
}
