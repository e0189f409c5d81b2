package updater

import (
	"context"
	"errors"
	"fmt"

	"abota/bootctl"
	"abota/updater/hook"
	"abota/updater/release"
)

// BootReport is what a boot decided, for the log and for --json.
type BootReport struct {
	Decision
	// Booted is the slot that runs in the end.
	Booted bootctl.Slot
	// Committed says that the trial ended well.
	Committed bool
	// Rebuilt says that the boot table was lost and made anew.
	Rebuilt bool
}

// Boot is what init calls at every boot. Without a trial it returns at once.
// In a trial it returns when the slot is committed, or, after the reboot into
// the other slot was asked for, with ErrUnhealthy. When ctx ends first (a
// shutdown during the trial) there is no verdict but an error, and the next
// boot goes on.
// The report is valid beside an error too, unless its Action is Unknown.
func (e *Engine) Boot(ctx context.Context) (BootReport, error) {
	report := BootReport{Booted: e.Booted, Decision: Decision{Action: Unknown}}
	st, err := e.observeToChange()
	if errors.Is(err, bootctl.ErrNoTable) {
		if e.TableSeen {
			return report, fmt.Errorf("%w where the configuration looks, though the boot loader found one in this boot: mount its file system or correct `bootloader` in the configuration, and reboot", bootctl.ErrNoTable)
		}
		report.Rebuilt = true
		st, err = e.rebuild()
	}
	if err != nil {
		return report, err
	}
	report.Decision = st.decision
	e.Log.Info("boot", "slot", e.Booted.String(), "decision", st.decision.Action.String(), "why", st.decision.Why)
	e.tell(EventBoot, e.Booted, st.recordOrNew(e.Booted).Slots[e.Booted].Release, 0, st.decision.Action.String()+": "+st.decision.Why)
	report.Committed, err = e.act(ctx, st)
	if err == nil {
		err = e.startOwed(ctx, st.decision.Action)
	}
	report.Booted = e.Booted
	if err == nil || e.wentBack(err) {
		e.RunOwed(ctx)
	}
	return report, err
}

func (e *Engine) act(ctx context.Context, st state) (committed bool, err error) {
	switch st.decision.Action {
	case Trial:
		if e.Service != nil && e.Judged != nil && e.Judged() {
			e.Log.Info("another process is judging the slot already")
			return false, nil
		}
		return e.trial(ctx, st)
	case FinishCommit:
		return e.Booted == st.record.Target, e.finishCommit(st)
	case Condemn:
		return false, e.condemnTarget(st)
	case FinishRollback:
		return false, e.finishRollback(ctx, st)
	case Leave:
		return false, e.leave(ctx, st.decision.Why)
	case Disarm:
		return false, e.disarm(st)
	case ArmAgain:
		return false, e.armAgain(st)
	case StartOver:
		return false, e.startOver(st)
	case FellBack, Stranded:
		e.report(st)
	case DoNothing:
		e.settle(st)
	case RebootRequired:
		if e.Service != nil {
			committed, err = e.takeOver(ctx, st)
			if !errors.Is(err, hook.ErrDeferred) {
				return committed, err
			}
			e.Log.Info("the restart is deferred", "error", err)
		}
	case Unknown:
	}
	return false, e.refill(st)
}

// rebuild makes a lost boot table anew: what runs, and what the journal says
// was confirmed. The generation is set out of step, so that the record's
// phase decides nothing.
func (e *Engine) rebuild() (state, error) {
	record := e.loadRecord()
	table := rebuiltTable(record, e.Booted, e.ConfirmedTries)
	e.Log.Warn("the boot table is lost; making it anew from journal and booted slot", "booted", e.Booted.String())
	if err := e.store(table); err != nil {
		return state{}, err
	}
	e.tell(EventTableRebuilt, e.Booted, release.ID{}, 0, "")
	st := e.decide(record, table)
	if !table.Slots[e.Booted].Bootable() {
		st.decision = Decision{Leave, fmt.Sprintf("slot %s booted without a boot table, but holds nothing that may be tried", e.Booted)}
	}
	return st, nil
}

// rebuiltTable is pure. A confirmed slot is good. A booted slot that the
// journal knows as unconfirmed gets an ordinary trial when its content is
// proven and not condemned, and otherwise leaves the order, if there is a
// confirmed slot to go back to. If there is none, the booted slot is all that
// the device has, and counts as good.
func rebuiltTable(r *Record, booted bootctl.Slot, confirmedTries int) bootctl.Table {
	other := booted.Other()
	full := max(confirmedTries, bootctl.DefaultTrialTries)
	t := bootctl.Table{ConfirmedTries: confirmedTries, Generation: 2}
	t.Slots[booted].Good, t.Slots[booted].Tries = true, full
	if r != nil {
		t.Generation = r.Generation + 2
	}
	if r == nil || !r.Slots[other].Confirmed {
		return t.WithOrder(booted)
	}
	t.Slots[other].Good, t.Slots[other].Tries = true, full
	holds := r.Slots[booted]
	_, condemned := r.verdict(holds.Release)
	switch {
	case holds.Confirmed && r.Phase == Committed && r.Target == other:
		return t.WithOrder(other, booted)
	case holds.Confirmed:
		return t.WithOrder(booted, other)
	case holds.Proven && !condemned:
		t.Slots[booted].Good, t.Slots[booted].Tries = false, bootctl.DefaultTrialTries
		return t.WithOrder(booted, other)
	}
	t.Slots[booted] = bootctl.State{}
	return t.WithOrder(other)
}

// finishCommit is for a power cut between table and journal.
func (e *Engine) finishCommit(st state) error {
	e.noteCommit(st)
	return e.refill(st)
}

// finishRollback is for a power cut between verdict and pointer.
func (e *Engine) finishRollback(ctx context.Context, st state) error {
	r := st.record
	if e.Booted != r.Target {
		next, err := e.situation(st).MarkBad(r.Target, bootctl.ShortDigest(r.Release.SHA256))
		return e.dropTarget(st, next, err)
	}
	reason := st.decision.Why
	if r.Phase == Failed && r.LastError != nil {
		reason = r.LastError.Reason
	}
	return e.giveUp(ctx, st, noWatchdog{}, reason)
}

// condemnTarget ends a trial that the origin finds lost.
func (e *Engine) condemnTarget(st state) error {
	reason := st.decision.Why
	if e.Evidence != nil {
		if found := e.Evidence(); found != "" {
			reason += "; " + found
		}
	}
	r := st.record
	r.Phase = Failed
	r.condemn(r.Release, reason, e.Now().UTC())
	r.LastError = e.problem(e.Code(ErrUnhealthy), reason)
	e.owe(r, hook.AfterRollback, e.Booted, r.Release, reason)
	e.saveAnyway(r, st.table)
	e.tell(EventCondemned, r.Target, r.Release, e.Code(ErrUnhealthy), reason)
	next, err := e.situation(st).MarkBad(r.Target, bootctl.ShortDigest(r.Release.SHA256))
	return e.dropTarget(st, next, err)
}

// disarm takes an armed slot out of the order without a verdict. The release
// is held: doing the same again would end the same.
func (e *Engine) disarm(st state) error {
	r := st.recordOrNew(e.Booted)
	if other := e.Booted.Other(); r.Phase == Trying && r.Target == other {
		e.owe(r, hook.AfterRollback, e.Booted, r.Release, st.decision.Why)
	}
	e.hold(r, r.Slots[e.Booted.Other()].Release, st.decision.Why)
	e.saveAnyway(r, st.table)
	st.record = r
	next, err := e.situation(st).Disarm()
	return e.dropTarget(st, next, err)
}

// hold notes why a release is not tried again by itself.
func (e *Engine) hold(r *Record, id release.ID, reason string) {
	r.LastError = e.problem(1, reason)
	r.Held = &Verdict{Release: id, Reason: r.LastError.Reason, At: r.LastError.At}
	e.tell(EventHeld, e.Booted.Other(), id, 1, reason)
}

// dropTarget takes the slot that is not booted out of the order, then settles
// the journal.
func (e *Engine) dropTarget(st state, next bootctl.Table, refused error) error {
	if refused != nil {
		return refused
	}
	if err := e.store(next); err != nil {
		return err
	}
	st.table = next
	st.record.Phase = Idle
	e.saveAnyway(st.record, next)
	return e.refill(st)
}

// startOver makes sure that a slot whose write was interrupted is not booted.
func (e *Engine) startOver(st state) error {
	next, err := e.situation(st).Clear()
	if err != nil {
		return err
	}
	if !st.table.Slots[e.Booted.Other()].Bootable() {
		// It left the order when the write began. Another transition at every
		// boot would only wear the medium.
		return e.refill(st)
	}
	// Or the record would be out of step, and no longer explain the slot.
	e.saveAnyway(st.record, st.table)
	return e.store(next)
}

// armAgain keeps the phase, which says whether user space was ever reached.
// What cannot be counted is not tried again, or it would be without end.
func (e *Engine) armAgain(st state) error {
	next, err := e.situation(st).Arm()
	if err != nil {
		return err
	}
	st.record.BootID = e.BootID
	st.record.Attempts++
	if err := e.save(st.record, st.table); err != nil {
		st.decision.Why += ", and it cannot be counted: " + err.Error()
		return e.disarm(st)
	}
	return e.store(next)
}

// report notes once that another slot runs than should.
func (e *Engine) report(st state) {
	r := st.recordOrNew(e.Booted)
	if r.LastError != nil && r.LastError.Reason == clip(st.decision.Why) {
		return
	}
	e.hold(r, r.Release, st.decision.Why)
	e.saveAnyway(r, st.table)
}

// settle brings the journal up to a table that has nothing under way: it ends
// a rollback, starts a journal that was lost, takes up one that was out of
// step, and names a release that had no name.
func (e *Engine) settle(st state) {
	r := st.recordOrNew(e.Booted)
	if !r.Phase.known() {
		return
	}
	named := r.Slots[e.Booted].Release.Version == "" && e.learnVersion(r, e.note())
	if st.record != nil && !st.stale && r.Phase.settled() && !named {
		return
	}
	if !r.Phase.settled() {
		r.Phase = Idle
	}
	e.saveAnyway(r, st.table)
}

// refill answers the loader that counted this boot of a confirmed slot, and
// tells it how many it may count.
func (e *Engine) refill(st state) error {
	sit, caps := e.situation(st), e.Backend.Caps()
	if caps.Generation {
		sit.Table.ConfirmedTries = e.ConfirmedTries
	}
	next := sit.Refill()
	if caps.Keep(next) == caps.Keep(st.table) {
		return nil // the storage need not even be writable
	}
	return e.store(next)
}
