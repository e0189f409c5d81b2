package updater

import (
	"abota/bootctl"
	"abota/updater/release"
)

// What the engine tells of, in the words of the event log.
const (
	EventInstallBegun  = "install begun"
	EventInstallFailed = "install failed"
	EventDeferred      = "deferred"
	EventArmed         = "armed"
	EventReboot        = "reboot asked for"
	EventRestart       = "restart asked for"
	EventBoot          = "boot"
	EventTableRebuilt  = "boot table rebuilt"
	EventTrialBegun    = "trial begun"
	EventUnhealthy     = "unhealthy"
	EventCommitted     = "committed"
	EventRolledBack    = "rolled back"
	EventCondemned     = "condemned"
	EventHeld          = "held"
	EventMarked        = "marked"
	EventHookFailed    = "hook failed"
	EventWithdrawn     = "withdrawn"
)

// Event is something that happened to an update, for whoever has to
// understand later how a device came to where it is.
type Event struct {
	What    string
	Slot    bootctl.Slot
	Release release.ID
	// Code is the exit code that it ended in, 0 where it is no failure.
	Code   int
	Reason string
}

// tell passes an event on. Nothing that becomes of it changes anything.
func (e *Engine) tell(what string, slot bootctl.Slot, id release.ID, code int, reason string) {
	if e.Events != nil {
		e.Events(Event{What: what, Slot: slot, Release: id, Code: code, Reason: clip(reason)})
	}
}
