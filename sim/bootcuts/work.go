package bootcuts

import (
	"math/rand/v2"
	"slices"

	"abota/bootctl"
	"abota/bootctl/bootctltest"
)

// job is one state to boot, and what it may start. Several transitions can leave
// the same state: then it must do right by each.
type job struct {
	key    string
	state  state
	claims []claim
}

// jobs are distinct states in the order in which they were found.
type jobs struct {
	list  []*job
	known map[string]*job
	// made is how many there were before equal ones were put together.
	made int
}

func (all *jobs) add(s state, c claim) {
	all.made++
	key := s.overlay.key()
	j := all.known[key]
	if j == nil {
		if all.known == nil {
			all.known = map[string]*job{}
		}
		j = &job{key: key, state: s}
		all.known[key] = j
		all.list = append(all.list, j)
	}
	c.Made += ", " + s.cut
	j.claims = append(j.claims, c)
}

// judge is what is wrong with a boot of this state.
func (j *job) judge(o outcome) (why string, sort string) {
	for _, c := range j.claims {
		if why := c.judge(o); why != "" {
			return c.Made + ": " + why, ""
		}
	}
	return "", j.claims[0].sort(o)
}

// sample are n of them, chosen by the seed; all for zero.
func (all *jobs) sample(n int, seed uint64) []*job {
	if n == 0 || n >= len(all.list) {
		return all.list
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	some := slices.Clone(all.list)
	rng.Shuffle(len(some), func(i, k int) { some[i], some[k] = some[k], some[i] })
	return some[:n]
}

// stored are the states of all steps.
func (m image) stored(steps []step, all []bootctltest.Transition, torn func(int64) bool, seed uint64) (*jobs, error) {
	found := &jobs{}
	for i, s := range steps {
		states, err := m.states(s.before, s.log, cutting{torn: torn, seed: seed + uint64(i)})
		if err != nil {
			return nil, err
		}
		for _, st := range states {
			found.add(st, claim{all[i].From, all[i].To, "a store cut (" + all[i].Verb + ")"})
		}
	}
	return found, nil
}

// start is a whole state, from which the loader's own writes are cut.
type start struct {
	table   bootctl.Table
	overlay overlay
}

// wholes are the states after the first step to each table.
func (m image) wholes(steps []step, all []bootctltest.Transition) (starts []start, err error) {
	seen := map[bootctl.Table]bool{}
	for i, s := range steps {
		t := all[i].To
		t.Generation = 0
		if seen[t] {
			continue
		}
		seen[t] = true
		o, err := m.with(s.before, written(s.log))
		if err != nil {
			return nil, err
		}
		starts = append(starts, start{all[i].To, o})
	}
	return starts, nil
}
