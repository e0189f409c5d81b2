package updater

import (
	"context"
	"errors"
	"fmt"

	"abota/bootctl"
)

// BootReport is what a boot decided, for the log and for --json.
type BootReport struct {
	Decision
	Booted bootctl.Slot
	// Committed says that the trial ended well.
	Committed bool
	// Rebuilt says that the boot table was lost and made anew.
	Rebuilt bool
}

// Boot is what init calls at every boot. Without a trial it returns at once.
// In a trial it returns when the slot is committed, or, after the reboot into
// the other slot was asked for, with ErrUnhealthy. When ctx ends first (a
// shutdown during the trial) there is no verdict: the next boot goes on.
func (e *Engine) Boot(ctx context.Context) (BootReport, error) {
	st, err := e.observe()
	rebuilt := errors.Is(err, bootctl.ErrNoTable)
	if rebuilt {
		st, err = e.rebuild()
	}
	if err != nil {
		return BootReport{Booted: e.Booted}, err
	}
	report := BootReport{Decision: st.decision, Booted: e.Booted, Rebuilt: rebuilt}
	e.Log.Info("boot", "slot", e.Booted.String(), "decision", st.decision.Action.String(), "why", st.decision.Why)
	report.Committed, err = e.act(ctx, st)
	return report, err
}

func (e *Engine) act(ctx context.Context, st state) (committed bool, err error) {
	switch st.decision.Action {
	case Trial:
		return e.trial(ctx, st)
	case FinishCommit:
		return true, e.finishCommit(st)
	case Condemn:
		return false, e.condemnTarget(st)
	case FinishRollback:
		return false, e.finishRollback(st)
	case Disarm:
		return false, e.disarm(st)
	case ArmAgain:
		return false, e.armAgain(st)
	case FellBack, Stranded:
		e.report(st)
	case DoNothing:
		e.settle(st)
	case StartOver, RebootRequired:
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
	return e.decide(state{record: record}, table), nil
}

// rebuiltTable is pure. A booted slot that the journal knows as unconfirmed
// gets an ordinary trial, if there is a confirmed slot to go back to.
// Otherwise it is all the device has, and counts as good.
func rebuiltTable(r *Record, booted bootctl.Slot, confirmedTries int) bootctl.Table {
	other := booted.Other()
	t := bootctl.Table{ConfirmedTries: confirmedTries}.WithOrder(booted)
	t.Generation = 2
	otherGood := false
	if r != nil {
		t.Generation = r.Generation + 2
		otherGood = r.Slots[other].Confirmed
	}
	full := max(confirmedTries, bootctl.DefaultTrialTries)
	t.Slots[booted].Good, t.Slots[booted].Tries = true, full
	if !otherGood {
		return t
	}
	t.Slots[other].Good, t.Slots[other].Tries = true, full
	switch {
	case !r.Slots[booted].Confirmed:
		t.Slots[booted].Good, t.Slots[booted].Tries = false, bootctl.DefaultTrialTries
		return t.WithOrder(booted, other)
	case r.Phase == Committed && r.Target == other:
		return t.WithOrder(other, booted)
	}
	return t.WithOrder(booted, other)
}

// trial proves the booted slot, then keeps it or goes back.
func (e *Engine) trial(ctx context.Context, st state) (bool, error) {
	r := st.recordOrNew(e.Booted)
	if st.record == nil || r.Target != e.Booted {
		r.Origin, r.Target, r.Release = e.Booted.Other(), e.Booted, r.Slots[e.Booted].Release
	}
	if r.Phase != Trying || r.BootID != e.BootID {
		if r.Phase != Trying {
			r.Attempts = 0
		}
		r.Phase, r.BootID = Trying, e.BootID
		r.Attempts++
		e.saveAnyway(r, st.table)
	}
	st.record = r
	dog, err := e.watch()
	if err != nil {
		e.Log.Error("cannot hold the watchdog during the trial", "error", err)
	}
	verdict := e.Prove(ctx)
	switch {
	case ctx.Err() != nil:
		dog.Abandon()
		e.Log.Info("trial interrupted without a verdict; the next boot goes on")
		return false, nil
	case verdict != nil:
		dog.Abandon()
		e.Log.Error("the trial is unhealthy", "slot", e.Booted.String(), "why", verdict)
		return false, e.rollBack(st, verdict.Error())
	}
	if err := e.commit(st); err != nil {
		dog.Abandon()
		return false, err
	}
	return true, dog.Close()
}

// noWatchdog stands in where none is configured.
type noWatchdog struct{}

func (noWatchdog) Close() error { return nil }
func (noWatchdog) Abandon()     {}

func (e *Engine) watch() (Watchdog, error) {
	if e.Watchdog == nil {
		return noWatchdog{}, nil
	}
	dog, err := e.Watchdog()
	if err != nil {
		return noWatchdog{}, err
	}
	return dog, nil
}

// commit confirms the booted slot: the table is the commit point, the journal
// follows.
func (e *Engine) commit(st state) error {
	next, err := e.situation(st).MarkGood(e.Booted)
	if err != nil {
		return err
	}
	if err := e.store(next); err != nil {
		return err
	}
	st.table = next
	e.noteCommit(st)
	e.Log.Info("committed", "slot", e.Booted.String(), "release", st.record.Release.Name())
	return nil
}

// noteCommit is the journal's side of a commit.
func (e *Engine) noteCommit(st state) {
	r := st.record
	r.Phase = Committed
	r.Slots[r.Target].Confirmed = true
	r.acquit(r.Release)
	r.Held, r.LastError = nil, nil
	e.saveAnyway(r, st.table)
}

// finishCommit is for a power cut between table and journal.
func (e *Engine) finishCommit(st state) error {
	e.noteCommit(st)
	return e.refill(st)
}

// rollBack leaves the booted slot, whose trial failed: the verdict first, or
// a power cut would try a known-bad release again; then the pointer, whether
// or not the verdict could be written; then the reboot.
func (e *Engine) rollBack(st state, reason string) error {
	r := st.recordOrNew(e.Booted)
	r.Phase, r.BootID = Failed, e.BootID
	r.condemn(r.Release, reason, e.Now().UTC())
	r.Slots[e.Booted].Confirmed = false
	r.LastError = e.problem(e.Code(ErrUnhealthy), reason)
	e.saveAnyway(r, st.table)
	next, err := e.situation(st).Rollback(bootctl.ShortDigest(r.Release.SHA256))
	if err != nil {
		// A reboot would come back here, so the device stays up: it can be
		// reached, and that is all that is left.
		return fmt.Errorf("slot %s: %w, but there is no way back: %s: %w", e.Booted, ErrUnhealthy, reason, err)
	}
	if err := e.store(next); err != nil {
		return err
	}
	e.Log.Warn("rolled back, rebooting", "to", e.Booted.Other().String())
	if err := e.Reboot(); err != nil {
		return fmt.Errorf("reboot after the rollback: %w", err)
	}
	return fmt.Errorf("slot %s: %w: %s", e.Booted, ErrUnhealthy, reason)
}

// finishRollback is for a power cut between verdict, pointer and reboot.
func (e *Engine) finishRollback(st state) error {
	r := st.record
	if e.Booted != r.Target {
		return e.dropTarget(st, bootctl.ShortDigest(r.Release.SHA256))
	}
	reason := st.decision.Why
	if r.Phase == Failed && r.LastError != nil {
		reason = r.LastError.Reason
	}
	return e.rollBack(st, reason)
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
	e.saveAnyway(r, st.table)
	return e.dropTarget(st, bootctl.ShortDigest(r.Release.SHA256))
}

// disarm takes an armed slot out of the order without a verdict. The release
// is held: doing the same again would end the same.
func (e *Engine) disarm(st state) error {
	r := st.recordOrNew(e.Booted)
	reason := st.decision.Why
	r.LastError = e.problem(1, reason)
	if st.record != nil {
		r.Held = &Verdict{Release: r.Release, Reason: clip(reason), At: e.Now().UTC()}
	}
	r.Phase = Idle
	e.saveAnyway(r, st.table)
	st.record = r
	return e.dropTarget(st, "")
}

// dropTarget takes the slot that is not booted out of the order, then settles
// the journal.
func (e *Engine) dropTarget(st state, failed string) error {
	next, err := e.situation(st).MarkBad(e.Booted.Other(), failed)
	if err != nil {
		return err
	}
	if err := e.store(next); err != nil {
		return err
	}
	st.table = next
	st.record.Phase = Idle
	e.saveAnyway(st.record, next)
	return e.refill(st)
}

func (e *Engine) armAgain(st state) error {
	next, err := e.situation(st).Arm()
	if err != nil {
		return err
	}
	st.record.Attempts++
	st.record.BootID = e.BootID
	e.saveAnyway(st.record, st.table)
	return e.store(next)
}

// report notes once that another slot runs than should.
func (e *Engine) report(st state) {
	r := st.record
	if r.LastError != nil && r.LastError.Reason == clip(st.decision.Why) {
		return
	}
	r.LastError = e.problem(1, st.decision.Why)
	r.Held = &Verdict{Release: r.Release, Reason: clip(st.decision.Why), At: e.Now().UTC()}
	e.saveAnyway(r, st.table)
}

// settle brings the journal up to a table that has nothing under way: it ends
// a rollback, starts a journal that was lost, and takes up one that was out of
// step.
func (e *Engine) settle(st state) {
	r := st.recordOrNew(e.Booted)
	settled := r.Phase == Idle || r.Phase == Committed
	if st.record != nil && settled && inStep(r, e.seen(st.table)) {
		return
	}
	if !settled {
		r.Phase = Idle
	}
	e.saveAnyway(r, st.table)
}

// refill answers the loader that counted this boot of a confirmed slot.
func (e *Engine) refill(st state) error {
	next := e.situation(st).Refill()
	if next == st.table {
		return nil
	}
	return e.store(next)
}
