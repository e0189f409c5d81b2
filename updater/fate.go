package updater

import (
	"fmt"
	"slices"

	"abota/bootctl"
	"abota/updater/release"
)

// Standing is how one release stands on this device.
type Standing int

// The ways in which a release can stand.
const (
	// Unfamiliar: nothing is under way with it, nothing is held against it, and
	// it is not what runs.
	Unfamiliar Standing = iota
	// Waits: the next restart starts it: it is armed, or confirmed already.
	Waits
	// OnTrial: it runs or is tried again, and has no verdict yet.
	OnTrial
	// Confirmed: it runs and has proven itself.
	Confirmed
	// Condemned: its trial failed, or the operator rejected it.
	Condemned
	// Withheld: it would not do better when tried again, though nobody knows a
	// fault in it.
	Withheld
)

var standingNames = [...]string{
	Unfamiliar: "unknown here", Waits: "waits for a restart", OnTrial: "on trial", Confirmed: "confirmed",
	Condemned: "condemned", Withheld: "held",
}

func (s Standing) String() string { return standingNames[s] }

// Fate is what became of a release, as journal and boot table know it together.
type Fate struct {
	Standing Standing
	// Reason says why, where something is held against it.
	Reason string
	// Release is the one that was asked for, with all that is known of it.
	Release release.ID
}

// Fate says what became of a release. It changes nothing; a verdict that a boot
// would reach now counts already, whether or not `abota boot` has come to it.
func (e *Engine) Fate(id release.ID) (Fate, error) {
	st, err := e.observe()
	if err != nil {
		return Fate{}, err
	}
	return fateOf(id, st.recordOrNew(e.Booted), st.table, e.Booted, st.decision), nil
}

// Latest is what became of the release that this device had to do with last.
func (e *Engine) Latest() (Fate, error) {
	st, err := e.observe()
	if err != nil {
		return Fate{}, err
	}
	r := st.recordOrNew(e.Booted)
	return fateOf(r.Release, r, st.table, e.Booted, st.decision), nil
}

// fateOf is pure. What is under way comes before what is held against a
// release, because the operator may have had it installed all the same.
func fateOf(id release.ID, r *Record, table bootctl.Table, booted bootctl.Slot, d Decision) Fate {
	underWay := r.Release
	if d.Action == Trial && r.Target != booted {
		underWay = r.Slots[booted].Release
	}
	if underWay.Same(id) {
		if f, known := fateUnderWay(r, booted, d); known {
			f.Release = underWay
			return f
		}
	}
	if f, found := fateByVerdict(id, r, table); found {
		return f
	}
	runs := r.Slots[booted].Release
	switch {
	case runs.Same(id) && table.Slots[booted].Good:
		return Fate{Standing: Confirmed, Release: runs}
	case runs.Same(id) && d.Action == RebootRequired:
		// A trial that was withdrawn, and is still to be left.
		return Fate{Standing: OnTrial, Release: runs}
	}
	return Fate{Standing: Unfamiliar, Release: id}
}

// fateUnderWay reads the decision about the release that it speaks of.
func fateUnderWay(r *Record, booted bootctl.Slot, d Decision) (Fate, bool) {
	switch d.Action {
	case RebootRequired: // a trial, or what the operator chose
		return Fate{Standing: Waits}, r.Phase == Armed || r.Phase != Idle && r.Target != booted
	case Trial, ArmAgain:
		return Fate{Standing: OnTrial}, true
	case FinishCommit:
		if booted != r.Target { // the operator confirmed it before it ran
			return Fate{Standing: Waits}, r.Phase == Armed
		}
		return Fate{Standing: Confirmed}, true
	case Condemn:
		return Fate{Standing: Condemned, Reason: d.Why}, true
	case FinishRollback, Leave:
		if r.LastError != nil && r.Phase == Failed {
			return Fate{Standing: Condemned, Reason: r.LastError.Reason}, true
		}
		return Fate{Standing: Condemned, Reason: d.Why}, true
	case Disarm, FellBack:
		return Fate{Standing: Withheld, Reason: d.Why}, true
	}
	return Fate{}, false
}

// fateByVerdict is what is held against a release. A table remembers a failed
// one by its digest even where the journal was lost.
func fateByVerdict(id release.ID, r *Record, table bootctl.Table) (Fate, bool) {
	for _, v := range r.Condemned {
		if v.Release.Same(id) {
			return Fate{Condemned, v.Reason, v.Release}, true
		}
	}
	if r.Held != nil && r.Held.Release.Same(id) {
		return Fate{Withheld, r.Held.Reason, r.Held.Release}, true
	}
	for _, s := range bootctl.Slots {
		if failed := table.Slots[s].Failed; failed != "" && failed == bootctl.ShortDigest(id.SHA256) {
			return Fate{Condemned, fmt.Sprintf("it failed in slot %s", s), id}, true
		}
	}
	return Fate{}, false
}

// Known lists the releases that journal and boot table can tell apart by their
// digest: what runs, what waits, what is condemned or held. A release whose
// publisher names no digest, but signs it, is recognised among them.
func (e *Engine) Known() ([]release.ID, error) {
	st, err := e.observe()
	if err != nil {
		return nil, err
	}
	r := st.recordOrNew(e.Booted)
	all := []release.ID{r.Slots[e.Booted].Release, r.Release, r.Slots[e.Booted.Other()].Release}
	for _, v := range r.Condemned {
		all = append(all, v.Release)
	}
	if r.Held != nil {
		all = append(all, r.Held.Release)
	}
	var known []release.ID
	for _, id := range all {
		if id.SHA256 != "" && !slices.ContainsFunc(known, id.Same) {
			known = append(known, id)
		}
	}
	return known, nil
}
