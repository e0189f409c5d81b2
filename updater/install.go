package updater

import (
	"context"
	"errors"
	"fmt"
	"io"

	"abota/bootctl"
	"abota/updater/hook"
	"abota/updater/release"
	"abota/updater/slot"
	"abota/updater/source"
)

// maxStartOvers bounds how often one install begins again because the
// publisher replaced the release in mid-download.
const maxStartOvers = 5

// InstallOptions are the operator's words.
type InstallOptions struct {
	// Reinstall installs a release although it is condemned or held.
	Reinstall bool
}

// Outcome is what an install or check found or did.
type Outcome struct {
	Release release.ID
	Slot    bootctl.Slot
	// RebootRequired says that a slot is armed and waits for its first boot.
	RebootRequired bool
	// Committed says that the release runs and was found healthy: only in
	// directory slots, which need no reboot.
	Committed bool
	// SHA256 and Size are of the image that was written and read back; of
	// several parts see [slot.Together].
	SHA256 string
	Size   int64
	// Parts are what was written and read back.
	Parts []slot.Held
}

// Check says whether the source offers a release that install would take.
// ErrNothingToDo when it is the one that runs or waits for a reboot.
func (e *Engine) Check(ctx context.Context, opts InstallOptions) (Outcome, error) {
	st, err := e.observe()
	if err != nil {
		return Outcome{}, err
	}
	return e.check(ctx, st, opts)
}

func (e *Engine) check(ctx context.Context, st state, opts InstallOptions) (Outcome, error) {
	out := Outcome{Slot: e.Booted.Other(), RebootRequired: st.decision.Action == RebootRequired}
	id, err := e.Release.Check(ctx)
	if err != nil {
		return out, err
	}
	out.Release = id
	r := st.recordOrNew(e.Booted)
	if r.Slots[e.Booted].Release.Same(id) {
		out.Slot, out.Release = e.Booted, r.Slots[e.Booted].Release
		return out, fmt.Errorf("release %s runs in slot %s: %w", out.Release.Name(), e.Booted, ErrNothingToDo)
	}
	if out.RebootRequired && r.Release.Same(id) {
		out.Release = r.Release
		return out, fmt.Errorf("release %s is installed in slot %s and waits for a reboot: %w", id.Name(), r.Target, ErrNothingToDo)
	}
	return out, admit(r, st.table, id, opts)
}

// admit refuses what is condemned or held. A table remembers a failed release
// by its digest even where the journal was lost.
func admit(r *Record, table bootctl.Table, id release.ID, opts InstallOptions) error {
	if opts.Reinstall {
		return nil
	}
	v, found := r.verdict(id)
	for _, s := range bootctl.Slots {
		if failed := table.Slots[s].Failed; !found && failed != "" && failed == bootctl.ShortDigest(id.SHA256) {
			v, found = Verdict{Reason: fmt.Sprintf("it failed in slot %s", s)}, true
		}
	}
	if !found {
		return nil
	}
	return fmt.Errorf("%w: release %s: %s (to install it all the same: --reinstall)", ErrRefusedRelease, id.Name(), v.Reason)
}

// Install brings the offered release into the slot that is not booted, proves
// it, and arms it. On any error the booted slot and its place in the boot
// order are as they were, and the other slot is not bootable. In directory
// slots it goes on to the verdict, and ErrUnhealthy says that the device went
// back.
func (e *Engine) Install(ctx context.Context, opts InstallOptions) (Outcome, error) {
	if e.Service != nil {
		// The lock is kept to the end: the verdict is part of this verb.
		unlocked := e.Unlocked
		e.Unlocked = nil
		defer func() { e.Unlocked = unlocked }()
	}
	st, err := e.catchUp(ctx)
	if err != nil {
		return Outcome{}, err
	}
	e.RunOwed(ctx)
	if _, err := e.situation(st).Clear(); err != nil {
		return Outcome{}, err
	}
	if err := e.ours(st, e.Booted.Other()); err != nil {
		return Outcome{}, err
	}
	out, err := e.check(ctx, st, opts)
	var asked release.ID
	for again := 0; err == nil; again++ {
		if !out.Release.Same(asked) {
			if err = e.beforeInstall(ctx, out); err != nil {
				break
			}
		}
		asked = out.Release
		out, err = e.installOnce(ctx, out, opts)
		if !errors.Is(err, source.ErrChanged) || again == maxStartOvers {
			break
		}
		e.Log.Warn("the release changed while it was read, starting over", "error", err)
		if st, err = e.observe(); err == nil {
			out, err = e.check(ctx, st, opts)
		}
	}
	if err == nil && e.Service != nil {
		out, err = e.concluded(ctx, out)
	}
	switch {
	case errors.Is(err, hook.ErrDeferred):
		e.tell(EventDeferred, out.Slot, out.Release, e.Code(err), err.Error())
	case e.wentBack(err): // told, and noted, by the trial
	case err != nil && !errors.Is(err, ErrNothingToDo):
		e.noteFailure(err)
		e.tell(EventInstallFailed, out.Slot, out.Release, e.Code(err), err.Error())
	}
	return out, err
}

// catchUp does first what `abota boot` may not have come to yet, so that no
// verdict is lost because an install came before it.
func (e *Engine) catchUp(ctx context.Context) (state, error) {
	st, err := e.observeToChange()
	if err != nil {
		return st, err
	}
	switch st.decision.Action {
	case Condemn:
		err = e.condemnTarget(st)
	case Disarm:
		err = e.disarm(st)
	case FinishCommit:
		err = e.finishCommit(st)
	default:
		if e.Service == nil || st.decision.Action == Trial && e.Judged != nil && e.Judged() {
			return st, nil
		}
		_, err = e.act(ctx, st)
	}
	if err != nil {
		return st, err
	}
	// A release that cannot be started may be what the install is to mend.
	if err := e.startOwed(ctx, st.decision.Action); err != nil {
		e.Log.Error("going on with the install", "error", err)
	}
	return e.observe()
}

// noteFailure leaves the reason of a failed install in the journal.
func (e *Engine) noteFailure(err error) {
	st, readErr := e.observe()
	if readErr != nil {
		e.Log.Error("cannot note the failure", "error", readErr)
		return
	}
	r := st.recordOrNew(e.Booted)
	if r.Phase == Writing {
		r.Phase = Idle
	}
	r.LastError = e.problem(e.Code(err), err.Error())
	e.saveAnyway(r, st.table)
}

func (e *Engine) installOnce(ctx context.Context, out Outcome, opts InstallOptions) (Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	payload, err := e.Release.Open(ctx)
	if err != nil {
		return out, err
	}
	defer payload.Close()
	first, err := firstPart(payload.Next())
	if err != nil {
		return out, err
	}
	target, err := e.openTarget(out.Slot)
	if err != nil {
		return out, err
	}
	defer target.Close()
	if err := target.Accept(first); err != nil {
		return out, err
	}
	st, err := e.begin(payload.ID(), out.Slot)
	if err != nil {
		return out, err
	}
	parts, err := target.Fill(first, &watched{ctx: ctx, Payload: payload, show: e.Progress, at: Progress{Release: payload.ID()}})
	if err != nil {
		return out, err
	}
	proof := slot.Together(parts)
	out.Release, out.SHA256, out.Size, out.Parts = payload.ID(), proof.SHA256, proof.Size, parts
	if err := admit(st.record, st.table, out.Release, opts); err != nil {
		// Known by its digest alone: the next time its checksum will do.
		st.record.condemn(out.Release, "it failed here before", e.Now().UTC())
		e.saveAnyway(st.record, st.table)
		return out, err
	}
	return e.arm(st, out)
}

// firstPart is what a release begins with.
func firstPart(part release.Part, err error) (release.Part, error) {
	if errors.Is(err, io.EOF) {
		return part, fmt.Errorf("%w: the release is empty", ErrRefusedRelease)
	}
	return part, err
}

// begin notes what will be written, then takes the target out of the boot
// order: in this order, so that a slot that lost its place is explained.
func (e *Engine) begin(id release.ID, target bootctl.Slot) (state, error) {
	st, err := e.observe()
	if err != nil {
		return st, err
	}
	next, err := e.situation(st).Clear()
	if err != nil {
		return st, err
	}
	r := st.recordOrNew(e.Booted)
	r.Phase, r.Target, r.Release = Writing, target, id
	r.BootID, r.Attempts = e.BootID, 0
	r.hold(target, Content{}, nil)
	if r.Owed != nil && r.Owed.Slot == target {
		r.Owed = nil
	}
	e.tell(EventInstallBegun, target, id, 0, "")
	// Twice, so that neither copy of the journal still proves the slot.
	for range 2 {
		if err := e.save(r, st.table); err != nil {
			return st, err
		}
	}
	if err := e.store(next); err != nil {
		return st, err
	}
	return state{table: next, record: r}, nil
}

// watched is a payload that shows its progress and can be interrupted.
type watched struct {
	Payload
	ctx  context.Context
	show func(Progress)
	at   Progress
}

func (r *watched) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, fmt.Errorf("install interrupted, the slot stays unbootable until the next install: %w", err)
	}
	n, err := r.Payload.Read(p)
	r.at.Written += int64(n)
	r.at.Fetched = r.Payload.Fetched()
	r.show(r.at)
	return n, err
}

// arm is the end of an install: the journal first, then the one commit point.
func (e *Engine) arm(st state, out Outcome) (Outcome, error) {
	r := st.record
	r.Phase, r.Release, r.Attempts = Armed, out.Release, 1
	r.hold(out.Slot, Content{Release: out.Release, Proven: true}, out.Parts)
	r.LastVerified = e.Now().UTC()
	r.LastError = nil
	next, err := e.situation(st).Arm()
	if err != nil {
		return out, err
	}
	if err := e.save(r, st.table); err != nil {
		return out, err
	}
	if err := e.store(next); err != nil {
		return out, err
	}
	out.RebootRequired = true
	e.tell(EventArmed, out.Slot, out.Release, 0, "")
	return out, nil
}
