package updater

import (
	"fmt"

	"abota/bootctl"
)

// Action is what a boot has to do about an update.
type Action int

// The actions that Decide can ask for.
const (
	// Unknown: nothing could be seen. Decide never returns it.
	Unknown Action = iota
	// DoNothing: the device runs what it should run.
	DoNothing
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
	// FinishRollback: the verdict is there, the pointer has to follow.
	FinishRollback
	// Leave: the booted slot is out of the boot order already; what is missing
	// is the reboot.
	Leave
	// FinishCommit: the table says good already; the journal follows.
	FinishCommit
	// FellBack: another confirmed slot runs than the committed one.
	FellBack
	// Stranded: a slot runs that must not, and the loader was told so. A
	// reboot would come back here, so the device stays up and reports.
	Stranded
)

var actionNames = map[Action]string{
	Unknown: "unknown", DoNothing: "nothing to do", StartOver: "start over", RebootRequired: "reboot required", Disarm: "disarm",
	ArmAgain: "arm again", Condemn: "condemn", Trial: "trial", FinishRollback: "finish the rollback", Leave: "leave",
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
	seen.Table = confirmedByRecord(r, seen)
	switch {
	case r == nil:
		return withoutRecord(seen, "the journal is lost")
	case !r.Phase.known():
		return withoutRecord(seen, fmt.Sprintf("a newer abota wrote the journal (phase %q)", r.Phase))
	case !inStep(r, seen):
		return withoutRecord(seen, fmt.Sprintf("the journal is of table generation %d, the table of %d", r.Generation, seen.Table.Generation))
	}
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

// confirmedByRecord corrects a table whose backend cannot keep all that is good:
// where every slot in the order reads as good, only the record knows which have
// proven themselves.
func confirmedByRecord(r *Record, seen Seen) bootctl.Table {
	t := seen.Table
	switch {
	case r == nil:
		return t
	case seen.Caps.Pointer:
		return withFormer(r, t)
	case seen.Caps.Good:
		return t
	}
	for _, s := range bootctl.Slots {
		t.Slots[s].Good = t.Slots[s].Bootable() && r.Slots[s].Confirmed
	}
	return t
}

// withFormer adds the slot that a pointer does not name: while another one is
// good, only the record knows whether there is one to go back to.
func withFormer(r *Record, t bootctl.Table) bootctl.Table {
	named, ok := t.Primary()
	if former := named.Other(); ok && t.Slots[named].Good && !t.Slots[former].Bootable() && r.Slots[former].Confirmed {
		t = t.WithOrder(named, former)
		t.Slots[former].Good = true
	}
	return t
}

// withoutRecord decides by the table alone.
func withoutRecord(seen Seen, reason string) Decision {
	booted, other := seen.Table.Slots[seen.Booted], seen.Table.Slots[seen.Booted.Other()]
	switch {
	case !booted.Bootable():
		return Decision{Stranded, fmt.Sprintf("%s, and slot %s booted although it is not in the boot order", reason, seen.Booted)}
	case !booted.Good:
		return Decision{Trial, fmt.Sprintf("%s and slot %s is unconfirmed", reason, seen.Booted)}
	case other.Bootable() && !other.Good:
		return Decision{Disarm, fmt.Sprintf("%s, so nothing proves the content of slot %s, which is armed", reason, seen.Booted.Other())}
	}
	return Decision{DoNothing, reason + ", and the booted slot is good"}
}

func decideSettled(r *Record, seen Seen) Decision {
	booted, other := seen.Table.Slots[seen.Booted], seen.Table.Slots[seen.Booted.Other()]
	next, _ := seen.Table.Primary()
	switch {
	case seen.BootID == r.BootID && other.Bootable() && next != seen.Booted && (!booted.Bootable() || r.Phase == Committed && seen.Booted != r.Target):
		return Decision{RebootRequired, fmt.Sprintf("slot %s boots next, as the operator said", seen.Booted.Other())}
	case !booted.Bootable():
		return Decision{Stranded, fmt.Sprintf("slot %s booted although it is not in the boot order", seen.Booted)}
	case !booted.Good:
		return Decision{Trial, fmt.Sprintf("slot %s is unconfirmed in the table", seen.Booted)}
	case other.Bootable() && !other.Good:
		return Decision{Disarm, fmt.Sprintf("slot %s is armed, but not by this journal", seen.Booted.Other())}
	case r.Phase == Committed && seen.Booted != r.Target:
		return Decision{FellBack, fmt.Sprintf("slot %s with release %s is committed, but slot %s booted", r.Target, r.Release.Name(), seen.Booted)}
	}
	return Decision{DoNothing, fmt.Sprintf("slot %s is confirmed", seen.Booted)}
}

// decideWriting relies on the order of an install: a slot that is still in the
// boot order was going to be written, but not one byte of it was.
func decideWriting(r *Record, seen Seen) Decision {
	target := seen.Table.Slots[r.Target]
	switch {
	case seen.Booted == r.Target && !target.Bootable():
		return Decision{Stranded, fmt.Sprintf("slot %s booted although it was being written", r.Target)}
	case seen.Booted == r.Target && target.Good:
		return Decision{DoNothing, fmt.Sprintf("slot %s booted before a write to it began, and is confirmed", r.Target)}
	case seen.Booted == r.Target:
		return Decision{Trial, fmt.Sprintf("slot %s booted before a write to it began, and is unconfirmed", r.Target)}
	}
	return Decision{StartOver, fmt.Sprintf("the write of release %s to slot %s was interrupted", r.Release.Name(), r.Target)}
}

func decideArmed(r *Record, seen Seen) Decision {
	target := seen.Table.Slots[r.Target]
	name := r.Release.Name()
	switch {
	case target.Good:
		return saysGood(r)
	case seen.Booted == r.Target && !target.Bootable():
		return Decision{Stranded, fmt.Sprintf("slot %s booted although it is not in the boot order", r.Target)}
	case seen.Booted == r.Target:
		return Decision{Trial, fmt.Sprintf("first boot of release %s in slot %s", name, r.Target)}
	case seen.Caps.OneShot && (target.Bootable() || seen.Caps.Pointer && seen.BootID != r.BootID):
		// A pointer is gone: the loader has taken it away, or it never came so far.
		return decideOneShot(r, seen)
	case !target.Bootable():
		return Decision{StartOver, fmt.Sprintf("release %s never reached the boot order", name)}
	case seen.BootID == r.BootID:
		return waits(r)
	case target.Tries >= bootctl.DefaultTrialTries:
		return ignored(r)
	}
	return Decision{Condemn, fmt.Sprintf("release %s failed before user space (%d of %d attempts used)", name, bootctl.DefaultTrialTries-target.Tries, bootctl.DefaultTrialTries)}
}

func waits(r *Record) Decision {
	return Decision{RebootRequired, fmt.Sprintf("release %s is installed in slot %s and waits for a reboot", r.Release.Name(), r.Target)}
}

func ignored(r *Record) Decision {
	return Decision{Disarm, fmt.Sprintf("the bootloader ignored the boot pointer: slot %s was never tried", r.Target)}
}

// decideOneShot is for a loader that came back to the origin by itself, as it
// does after every single attempt. At fault is only a release that was started,
// as the loader can tell, and never reached user space.
func decideOneShot(r *Record, seen Seen) Decision {
	target := seen.Table.Slots[r.Target]
	tells := seen.Caps.Tries || seen.Caps.TellsStart
	name := r.Release.Name()
	switch {
	case target.Bootable() && seen.BootID == r.BootID:
		return waits(r)
	case tells && target.Bootable() && target.Tries >= bootctl.DefaultTrialTries:
		return ignored(r)
	case !r.Slots[r.Target].Proven:
		return Decision{Disarm, fmt.Sprintf("the trial of slot %s ended without a verdict, and nothing proves its content", r.Target)}
	case r.Attempts < oneShotTries:
		return Decision{ArmAgain, fmt.Sprintf("attempt %d of %d at slot %s ended without a verdict", r.Attempts, oneShotTries, r.Target)}
	case tells && r.Phase == Armed:
		return Decision{Condemn, fmt.Sprintf("release %s failed before user space in %d attempts", name, oneShotTries)}
	}
	return Decision{Disarm, fmt.Sprintf("release %s had %d attempts without a verdict: it was never started, or ended early", name, oneShotTries)}
}

func decideTrying(r *Record, seen Seen) Decision {
	target := seen.Table.Slots[r.Target]
	name := r.Release.Name()
	switch {
	case target.Good:
		return saysGood(r)
	case seen.Booted != r.Target && seen.Caps.OneShot:
		return decideOneShot(r, seen)
	case seen.Booted != r.Target:
		// It reached user space and never had a verdict: power cuts look like
		// that, and so does a system that hangs. Nothing condemns it, but the
		// device does not go round in circles with it either.
		return Decision{Disarm, fmt.Sprintf("the trial of release %s in slot %s used up its attempts without a verdict", name, r.Target)}
	case !target.Bootable() && seen.BootID == r.BootID:
		return Decision{FinishRollback, fmt.Sprintf("slot %s left the boot order during its trial", r.Target)}
	case !target.Bootable():
		return Decision{Stranded, fmt.Sprintf("slot %s left the boot order during its trial, and the bootloader starts it all the same", r.Target)}
	case seen.BootID == r.BootID:
		return Decision{Trial, fmt.Sprintf("attempt %d of release %s goes on", r.Attempts, name)}
	}
	attempt := r.Attempts
	if !seen.Caps.OneShot { // which was counted when it was armed
		attempt++
	}
	return Decision{Trial, fmt.Sprintf("attempt %d of release %s in slot %s", attempt, name, r.Target)}
}

func decideFailed(r *Record, seen Seen) Decision {
	target := seen.Table.Slots[r.Target]
	why := fmt.Sprintf("release %s failed in slot %s", r.Release.Name(), r.Target)
	switch {
	case target.Good:
		return saysGood(r)
	case target.Bootable():
		return Decision{FinishRollback, why}
	case seen.Booted != r.Target:
		return Decision{DoNothing, why + " and was rolled back"}
	case seen.BootID == r.BootID:
		return Decision{Leave, why}
	}
	// Rebooting again would end here again.
	return Decision{Stranded, why + ", and the bootloader starts it all the same"}
}

// saysGood: the table is the commit point, whatever the record got to.
func saysGood(r *Record) Decision {
	return Decision{FinishCommit, fmt.Sprintf("the table says that slot %s with release %s is good", r.Target, r.Release.Name())}
}
