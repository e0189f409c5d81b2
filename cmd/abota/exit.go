package main

import (
	"context"
	"errors"

	"abota/bootctl"
	"abota/updater"
	"abota/updater/classic"
	"abota/updater/config"
	"abota/updater/slot"
	"abota/updater/source"
)

// The exit codes. They are part of the interface: scripts and agents branch
// on them.
const (
	exitDone           = 0
	exitFailed         = 1
	exitUsage          = 2
	exitNothingToDo    = 3
	exitRebootRequired = 4
	exitUntrusted      = 5
	exitTransport      = 6
	exitRefused        = 7
	exitUnhealthy      = 8
	exitLocked         = 9
)

// errRebootRequired is success that the caller asked to see in the exit code.
var errRebootRequired = errors.New("installed, reboot required")

// codes maps what an error is to the code it ends in; the first match counts.
// What is nowhere here is exitFailed.
var codes = []struct {
	is   error
	code int
}{
	{errRebootRequired, exitRebootRequired},
	{errLocked, exitLocked},
	{updater.ErrNothingToDo, exitNothingToDo},
	{updater.ErrRefusedRelease, exitRefused},
	{classic.ErrCorrupt, exitUntrusted},
	{classic.ErrKeyFile, exitUsage},
	{source.ErrTransport, exitTransport},
	{source.ErrChanged, exitTransport},
	{source.ErrDenied, exitUsage},
	{slot.ErrFull, exitRefused},
	{slot.ErrInUse, exitRefused},
	{slot.ErrSameDevice, exitUsage},
	{bootctl.ErrNoTable, exitUsage},
	{context.Canceled, exitFailed},
}

func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	var (
		wrongUse    *usageError
		wrongConfig *config.Error
		wrongDevice *configError
		refused     *bootctl.RefusedError
	)
	switch {
	case errors.Is(err, updater.ErrUnhealthy):
		return exitUnhealthy
	case errors.As(err, &wrongUse), errors.As(err, &wrongConfig), errors.As(err, &wrongDevice):
		return exitUsage
	case errors.As(err, &refused):
		return exitRefused
	}
	for _, c := range codes {
		if errors.Is(err, c.is) {
			return c.code
		}
	}
	return exitFailed
}
