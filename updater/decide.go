package updater

import (
	"fmt"

	"abota/bootctl"
)

// Action is what a boot has to do about an update.
type Action int

// The actions that Decide can ask for.
const (
	// DoNothing: the device runs what it should run.
	DoNothing Action = iota
	// StartOver: a write was interrupted; the next install writes it anew.
	StartOver
	// RebootRequired: a slot is armed and waits for its first boot.
	RebootRequired
	// Disarm: the armed slot leaves the boot order without a verdict on its
	// release.
	Disarm
	// ArmAgain: a one-shot loader came back without a recorded failure.
	ArmAgain
	// Condemn: the trial is over and lost; the origin runs.
	Condemn
	// Trial: the booted slot has to prove itself.
	Trial
	// FinishRollback: leave the failed slot for good.
	FinishRollback
	// FinishCommit: the table says good already; the journal follows.
	FinishCommit
	// FellBack: another confirmed slot runs than the committed one.
	FellBack
	// Stranded: a slot runs that must not, and the loader was told so. A
	// reboot would come back here, so the device stays up and reports.
	Stranded
)

var actionNames = map[Action]string{
	DoNothing: "nothing to do", StartOver: "start over", RebootRequired: "reboot required", Disarm: "disarm",
	ArmAgain: "arm again", Condemn: "condemn", Trial: "trial", FinishRollback: "finish the rollback",
	FinishCommit: "finish the commit", FellBack: "fell back", Stranded: "stranded",
}

func (a Action) String() string { return actionNames[a] }

// Seen is what the device sees of itself at boot.
type Seen struct {
	Table  bootctl.Table
	Caps   bootctl.Caps
	Booted bootctl.Slot
	// BootID tells one boot from the next (the kernel's boot_id).
	BootID string
}

// Decision is what to do and why, in words for the log.
type Decision struct {
	Action Action
	Why    string
}

// oneShotTries is how often a slot is armed with a loader that tries once.
const oneShotTries = 3

// Decide says what a boot has to do, from the journal's record (nil when it
// is lost) and from what is seen. It is pure: no clock, no I/O. Where record
// and table disagree about which transition came last, the table decides,
// and nothing is ever committed on the record's word.
func Decide(r *Record, seen Seen) Decision {
	if r == nil {
		return withoutRecord(seen, "the journal is lost")
	}
	if !inStep(r, seen) {
		return withoutRecord(seen, fmt.Sprintf("the journal is of table generation %d, the table of %d", r.Generation, seen.Table.Generation))
	}
	seen.Table = tableInTrial(r, seen)
	switch r.Phase {
	case Writing:
		return decideWriting(r, seen)
	case Armed:
		return decideArmed(r, seen)
	case Trying:
		return decideTrying(r, seen)
	case Failed:
		return decideFailed(r, seen)
	default:
		return decideSettled(r, seen)
	}
}

// inStep reports whether the record speaks of the table that is there: each
// record precedes at most one Store.
func inStep(r *Record, seen Seen) bool {
	return !seen.Caps.Generation || seen.Table.Generation-r.Generation <= 1
}

// tableInTrial corrects a table whose backend cannot keep "good": there every
// slot in the order reads as good, and only the record knows of a trial.
func tableInTrial(r *Record, seen Seen) bootctl.Table {
	t := seen.Table
	if !seen.Caps.Good && r != nil && (r.Phase == Armed || r.Phase == Trying || r.Phase == Failed) {
		t.Slots[r.Target].Good = false
	}
	return t
}

// withoutRecord decides by the table alone.
func withoutRecord(seen Seen, reason string) Decision {
	booted, other := seen.Table.Slots[seen.Booted], seen.Table.Slots[seen.Booted.Other()]
	switch {
	case !booted.Good:
		return Decision{Trial, fmt.Sprintf("%s and slot %s is unconfirmed", reason, seen.Booted)}
	case other.Bootable() && !other.Good:
		return Decision{Disarm, fmt.Sprintf("%s, so nothing proves the content of slot %s, which is armed", reason, seen.Booted.Other())}
	}
	return Decision{DoNothing, reason + ", and the booted slot is good"}
}

func decideSettled(r *Record, seen Seen) Decision {
	switch {
	case !seen.Table.Slots[seen.Booted].Good:
		return Decision{Trial, fmt.Sprintf("slot %s is unconfirmed in the table", seen.Booted)}
	case r.Phase == Committed && seen.Booted != r.Target:
		return Decision{FellBack, fmt.Sprintf("slot %s with release %s is committed, but slot %s booted", r.Target, r.Release.Name(), seen.Booted)}
	}
	return Decision{DoNothing, fmt.Sprintf("slot %s is confirmed", seen.Booted)}
}

func decideWriting(r *Record, seen Seen) Decision {
	if seen.Booted == r.Target {
		return Decision{Stranded, fmt.Sprintf("slot %s booted although it was being written", r.Target)}
	}
	return Decision{StartOver, fmt.Sprintf("the write of release %s to slot %s was interrupted", r.Release.Name(), r.Target)}
}

func decideArmed(r *Record, seen Seen) Decision {
	target := seen.Table.Slots[r.Target]
	name := r.Release.Name()
	switch {
	case target.Good:
		return Decision{FinishCommit, fmt.Sprintf("the table says that slot %s with release %s is good", r.Target, name)}
	case seen.Booted == r.Target:
		return Decision{Trial, fmt.Sprintf("first boot of release %s in slot %s", name, r.Target)}
	case !target.Bootable():
		return Decision{StartOver, fmt.Sprintf("release %s never reached the boot order", name)}
	case seen.BootID == r.BootID:
		return Decision{RebootRequired, fmt.Sprintf("release %s is installed in slot %s and waits for a reboot", name, r.Target)}
	case seen.Caps.OneShot && r.Attempts < oneShotTries:
		return Decision{ArmAgain, fmt.Sprintf("attempt %d of %d at slot %s ended without a verdict", r.Attempts, oneShotTries, r.Target)}
	case seen.Caps.OneShot:
		return Decision{Condemn, fmt.Sprintf("release %s did not start in %d attempts", name, oneShotTries)}
	case target.Tries >= bootctl.DefaultTrialTries:
		return Decision{Disarm, fmt.Sprintf("the bootloader ignored the boot pointer: slot %s was never tried", r.Target)}
	}
	return Decision{Condemn, fmt.Sprintf("release %s failed before user space (%d of %d attempts used)", name, bootctl.DefaultTrialTries-target.Tries, bootctl.DefaultTrialTries)}
}

func decideTrying(r *Record, seen Seen) Decision {
	target := seen.Table.Slots[r.Target]
	name := r.Release.Name()
	switch {
	case target.Good:
		return Decision{FinishCommit, fmt.Sprintf("the table says that slot %s with release %s is good", r.Target, name)}
	case seen.Booted != r.Target:
		return Decision{Condemn, fmt.Sprintf("the trial of release %s in slot %s ended without becoming healthy", name, r.Target)}
	case !target.Bootable():
		return leave(r, seen, fmt.Sprintf("slot %s left the boot order during its trial", r.Target))
	case seen.BootID == r.BootID:
		return Decision{Trial, fmt.Sprintf("attempt %d of release %s goes on", r.Attempts, name)}
	}
	return Decision{Trial, fmt.Sprintf("attempt %d of release %s in slot %s", r.Attempts+1, name, r.Target)}
}

func decideFailed(r *Record, seen Seen) Decision {
	why := fmt.Sprintf("release %s failed in slot %s", r.Release.Name(), r.Target)
	switch {
	case seen.Table.Slots[r.Target].Bootable():
		return Decision{FinishRollback, why}
	case seen.Booted == r.Target:
		return leave(r, seen, why)
	}
	return Decision{DoNothing, why + " and was rolled back"}
}

// leave is for a booted slot that is out of the boot order already: what is
// missing is the reboot, unless this boot came after it.
func leave(r *Record, seen Seen, why string) Decision {
	if seen.BootID == r.BootID {
		return Decision{FinishRollback, why}
	}
	return Decision{Stranded, why + ", and the bootloader starts it all the same"}
}
