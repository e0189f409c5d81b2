package fleet

import (
	"errors"
	"math/rand/v2"
	"slices"
)

// fault is what a board does with the release that goes wrong.
type fault int

const (
	sound fault = iota
	// ailing: the self-test fails.
	ailing
	// panicking: the kernel does not reach user space.
	panicking
)

// nature is what a device is from the beginning.
type nature struct {
	fault fault
	// bad is the version that the fault is about.
	bad string
	// has says that the release runs there already, offline that the device is
	// switched off until the fix is out, dark that the power goes in the middle
	// of its first download, and slow that a trial takes so long that the agent
	// is there before its verdict.
	has, offline, dark, slow bool
}

var errSelftest = errors.New("the pump does not turn")

// selftest is the device maker's own.
func (n nature) selftest(version string) error {
	if n.fault == ailing && version == n.bad {
		return errSelftest
	}
	return nil
}

// fails reports whether a device ends a version's job as FAILED.
func (n nature) fails(version string) bool { return n.fault != sound && version == n.bad }

// The shares of a fleet, in per cent, but faults in per cent of those that are
// of the second revision.
const (
	percentHas     = 3
	percentOffline = 5
	percentDark    = 2
	percentFaulty  = 30
	percentSlow    = 2
	// secondRevision is where in the fleet, by name, the boards' second revision
	// begins, on which the release was not tried: a rollout that goes by name
	// comes to it only after a while.
	secondRevision = 30
	// lastTold is where those begin that are told in the last minutes. The slow
	// ones are among them, so that they are waited for (five seconds of real
	// time, in which the agent asks again) together.
	lastTold = 80
)

// natures draws a fleet. Every kind has its number, the seed says who is it.
func natures(devices int, bad string, random *rand.Rand) []nature {
	all := make([]nature, devices)
	for i := range all {
		all[i].bad = bad
	}
	free := random.Perm(devices)
	take := func(percent int, give func(*nature)) {
		n := devices * percent / 100
		for _, i := range free[:n] {
			give(&all[i])
		}
		free = free[n:]
	}
	// One of those that are told early is switched off, so that there is something
	// to cancel wherever the job is aborted.
	early := slices.IndexFunc(free, func(i int) bool { return i < devices/10 })
	all[free[early]].offline = true
	free = slices.Delete(free, early, early+1)
	take(percentHas, func(n *nature) { n.has = true })
	take(percentOffline, func(n *nature) { n.offline = true })
	take(percentDark, func(n *nature) { n.dark = true })
	first := devices * secondRevision / 100
	newer := random.Perm(devices - first)
	for k, i := range newer[:len(newer)*percentFaulty/100] {
		if n := &all[first+i]; !n.has && k%2 == 0 {
			n.fault = ailing
		} else if !n.has {
			n.fault = panicking
		}
	}
	last := devices * lastTold / 100
	for _, i := range random.Perm(devices - last)[:devices*percentSlow/100] {
		all[last+i].slow = !all[last+i].has // those are installed by hand, without an agent
	}
	return all
}
