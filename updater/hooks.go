package updater

import (
	"context"
	"errors"

	"abota/bootctl"
	"abota/updater/hook"
	"abota/updater/release"
)

// Hooks are the device maker's own programs at the turns of an update.
type Hooks interface {
	Has(name hook.Name) bool
	// Run returns hook.ErrDeferred when the hook asks for another time.
	Run(ctx context.Context, name hook.Name, about hook.About) error
}

// Owed is an after-hook that has to run, because what it stands for happened.
// It leaves the journal when the hook ended, however it ended: so it runs once
// for each outcome, but for a power cut while it ran. An operator who chooses
// what boots next, before it ran, takes it back.
type Owed struct {
	Hook    hook.Name    `json:"hook"`
	Slot    bootctl.Slot `json:"slot"`
	Release release.ID   `json:"release"`
	Reason  string       `json:"reason,omitempty"`
}

func about(slot bootctl.Slot, id release.ID, reason string) hook.About {
	return hook.About{Slot: slot.String(), Version: id.Version, SHA256: id.SHA256, Checksum: id.Checksum, Reason: reason}
}

// beforeInstall asks the hook for leave to write.
func (e *Engine) beforeInstall(ctx context.Context, out Outcome) error {
	if e.Hooks == nil {
		return nil
	}
	return e.Hooks.Run(ctx, hook.BeforeInstall, about(out.Slot, out.Release, ""))
}

// Restart reboots into the slot that boots next, unless the before_reboot hook
// defers it (hook.ErrDeferred). A hook that fails in another way is logged and
// holds nothing up: a broken one must not keep a device on an old release.
// Directory slots need no reboot: see Follow.
func (e *Engine) Restart(ctx context.Context) error {
	if e.Service != nil {
		_, err := e.Follow(ctx)
		return err
	}
	next, id := e.bootsNext()
	if err := e.beforeReboot(ctx, next, id); err != nil {
		e.tell(EventDeferred, next, id, e.Code(err), err.Error())
		return err
	}
	e.tell(EventReboot, next, id, 0, "")
	return e.Reboot(ctx)
}

// RestartAnyway is Restart for a rollback: the hook has its deadline, but no
// say.
func (e *Engine) RestartAnyway(ctx context.Context) error {
	next, id := e.bootsNext()
	if err := e.beforeReboot(ctx, next, id); err != nil {
		e.Log.Warn("a rollback is not deferred, rebooting", "error", err)
	}
	e.tell(EventReboot, next, id, 0, "")
	return e.Reboot(ctx)
}

// bootsNext is the loader's first choice and what it holds, as far as table
// and journal can be read.
func (e *Engine) bootsNext() (bootctl.Slot, release.ID) {
	next := e.Booted.Other()
	if table, err := e.Backend.Load(); err == nil {
		if first, ok := table.Primary(); ok {
			next = first
		}
	}
	if r := e.loadRecord(); r != nil {
		return next, r.Slots[next].Release
	}
	return next, release.ID{}
}

// beforeReboot returns an error only when the hook defers the reboot, or when
// ctx ended before it had its say.
func (e *Engine) beforeReboot(ctx context.Context, next bootctl.Slot, id release.ID) error {
	if e.Hooks == nil {
		return nil
	}
	err := e.Hooks.Run(ctx, hook.BeforeReboot, about(next, id, ""))
	if err == nil || errors.Is(err, hook.ErrDeferred) || ctx.Err() != nil {
		return err
	}
	e.Log.Error("rebooting all the same", "error", err)
	e.tell(EventHookFailed, next, id, 0, err.Error())
	return nil
}

// owe notes an after-hook in a record that is about to be saved. Whether there
// is such a hook is for the system to say in which it would run.
func (e *Engine) owe(r *Record, name hook.Name, slot bootctl.Slot, id release.ID, reason string) {
	if e.Hooks == nil || name == hook.AfterCommit && !e.Hooks.Has(name) {
		return
	}
	r.Owed = &Owed{Hook: name, Slot: slot, Release: id, Reason: clip(reason)}
}

// RunOwed runs the after-hook that the journal says is owed in this slot. What
// becomes of it changes nothing. When ctx ends first it stays owed.
func (e *Engine) RunOwed(ctx context.Context) {
	st, err := e.observe()
	if err != nil || st.record == nil || !st.record.Phase.known() {
		return
	}
	owed := st.record.Owed
	if e.Hooks == nil || owed == nil || owed.Slot != e.Booted {
		return
	}
	if err := e.Hooks.Run(ctx, owed.Hook, about(owed.Slot, owed.Release, owed.Reason)); err != nil {
		if ctx.Err() != nil {
			e.Log.Warn("an after-hook was interrupted, the next boot runs it again", "error", err)
			return
		}
		e.Log.Error("an after-hook failed, which changes nothing", "error", err)
		e.tell(EventHookFailed, owed.Slot, owed.Release, 0, err.Error())
	}
	r := st.recordOrNew(e.Booted)
	r.Owed = nil
	e.saveAnyway(r, st.table)
}
