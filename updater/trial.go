package updater

import (
	"context"
	"errors"
	"fmt"
	"time"

	"abota/bootctl"
	"abota/updater/hook"
)

// judgeWithin is how long the lock, the journal and the pointer may take around a
// verdict before the trial counts as hung, in which case the watchdog bites.
const judgeWithin = 2 * time.Minute

// trial proves the booted slot, then keeps it or goes back.
func (e *Engine) trial(ctx context.Context, st state) (bool, error) {
	unlike := e.unlikeLink(st)
	dog, err := e.watch()
	if err != nil {
		e.Log.Error("cannot hold the watchdog during the trial", "error", err)
	}
	e.beginTrial(st)
	if e.ProveWithin > 0 {
		dog.Feed(e.ProveWithin + judgeWithin)
	}
	var verdict error
	if err := e.unlocked(ctx, func() { verdict = e.prove(ctx, unlike) }); err != nil {
		dog.Abandon()
		return false, err
	}
	dog.Feed(judgeWithin)
	if ctx.Err() != nil {
		dog.Abandon()
		return false, fmt.Errorf("trial of slot %s interrupted without a verdict, the next boot goes on: %w", e.Booted, ctx.Err())
	}
	if st, err = e.observe(); err != nil {
		dog.Abandon()
		return false, err
	}
	if st.decision.Action != Trial {
		e.Log.Warn("the trial was decided meanwhile", "by", st.decision.Why)
		return false, dog.Close()
	}
	st.record, st.stale = e.beginTrial(st), false
	if verdict != nil {
		e.Log.Error("the trial is unhealthy", "slot", e.Booted.String(), "why", verdict)
		e.tell(EventUnhealthy, e.Booted, st.record.Release, e.Code(ErrUnhealthy), verdict.Error())
		return false, e.giveUp(ctx, st, dog, verdict.Error())
	}
	if err := e.commit(st); err != nil {
		dog.Abandon()
		return false, err
	}
	return true, dog.Close()
}

// prove is the trial's verdict. What runs from a directory slot is restarted
// first, unless it is known to have been started from there.
func (e *Engine) prove(ctx context.Context, unlike bool) error {
	if unlike {
		if err := e.restart(ctx); err != nil {
			return err
		}
	}
	return e.Prove(ctx)
}

// beginTrial notes the attempt: once for each boot.
func (e *Engine) beginTrial(st state) *Record {
	r := st.recordOrNew(e.Booted)
	// A release that never got as far as being armed is not the one that runs.
	if r.Target != e.Booted || r.Phase != Armed && r.Phase != Trying {
		r.Target, r.Release = e.Booted, r.Slots[e.Booted].Release
	}
	if r.Phase == Trying && r.BootID == e.BootID {
		return r
	}
	if !e.Backend.Caps().OneShot {
		if r.Phase != Trying {
			r.Attempts = 0
		}
		r.Attempts++
	}
	r.Phase, r.BootID = Trying, e.BootID
	e.saveAnyway(r, st.table)
	e.tell(EventTrialBegun, e.Booted, r.Release, 0, "")
	return r
}

// unlocked runs what takes long without the lock.
func (e *Engine) unlocked(ctx context.Context, do func()) error {
	if e.Unlocked == nil {
		do()
		return nil
	}
	return e.Unlocked(ctx, do)
}

// giveUp ends an unhealthy trial. Where there is nothing to go back to, a
// reboot would come back here: the device then stays up, because being
// reachable is all that is left, and the next boot tries again.
func (e *Engine) giveUp(ctx context.Context, st state, dog Watchdog, reason string) error {
	if _, err := e.situation(st).Rollback(""); err != nil {
		return errors.Join(fmt.Errorf("slot %s: %w, but there is no way back: %s: %w", e.Booted, ErrUnhealthy, reason, err), dog.Close())
	}
	if e.Service != nil { // which is restarted; the device is not
		return errors.Join(e.rollBack(ctx, st, reason), dog.Close())
	}
	dog.Abandon()
	return e.rollBack(ctx, st, reason)
}

// noWatchdog stands in where none is configured.
type noWatchdog struct{}

func (noWatchdog) Feed(time.Duration) {}
func (noWatchdog) Close() error       { return nil }
func (noWatchdog) Abandon()           {}

func (e *Engine) watch() (Watchdog, error) {
	if e.Watchdog == nil {
		return noWatchdog{}, nil
	}
	dog, err := e.Watchdog()
	if err != nil || dog == nil {
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
	r.LastError, r.Unstarted = nil, ""
	if r.Target == e.Booted {
		n := e.note()
		e.learnVersion(r, n)
		r.raiseFloor(n)
	}
	e.owe(r, hook.AfterCommit, r.Target, r.Release, "")
	e.saveAnyway(r, st.table)
	e.tell(EventCommitted, r.Target, r.Release, 0, "")
}

// rollBack leaves the booted slot, whose trial failed: the verdict first, or
// a power cut would try a known-bad release again; then the pointer, whether
// or not the verdict could be written; then the reboot.
func (e *Engine) rollBack(ctx context.Context, st state, reason string) error {
	r := st.recordOrNew(e.Booted)
	r.Phase, r.BootID = Failed, e.BootID
	if e.Service != nil {
		r.Unstarted = e.BootID
	}
	r.condemn(r.Release, reason, e.Now().UTC())
	r.Slots[e.Booted].Confirmed = false
	r.LastError = e.problem(e.Code(ErrUnhealthy), reason)
	e.owe(r, hook.AfterRollback, e.Booted.Other(), r.Release, reason)
	e.saveAnyway(r, st.table)
	next, err := e.situation(st).Rollback(bootctl.ShortDigest(r.Release.SHA256))
	if err != nil {
		return err
	}
	if err := e.store(next); err != nil {
		return err
	}
	what := "rolled back, rebooting"
	if e.Service != nil {
		what = "rolled back"
	}
	e.Log.Warn(what, "to", e.Booted.Other().String())
	e.tell(EventRolledBack, e.Booted, r.Release, e.Code(ErrUnhealthy), reason)
	return e.leave(ctx, reason)
}

// leave reboots into the other slot.
func (e *Engine) leave(ctx context.Context, reason string) error {
	if e.Service != nil {
		return e.goBack(ctx, reason)
	}
	if err := e.RestartAnyway(ctx); err != nil {
		return fmt.Errorf("reboot after the rollback: %w", err)
	}
	return fmt.Errorf("slot %s: %w: %s", e.Booted, ErrUnhealthy, reason)
}
