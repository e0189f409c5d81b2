package main

import "abota/updater/hook"

// hooks are the device maker's own programs at the turns of an update.
func (d *device) hooks() hook.Set {
	h := d.cfg.Hooks
	return hook.Set{
		Programs: map[hook.Name][]string{
			hook.BeforeInstall: h.BeforeInstall, hook.BeforeReboot: h.BeforeReboot,
			hook.AfterCommit: h.AfterCommit, hook.AfterRollback: h.AfterRollback,
		},
		Timeout: h.Timeout, DeviceID: d.cfg.DeviceID, Group: d.cfg.Group,
	}
}
