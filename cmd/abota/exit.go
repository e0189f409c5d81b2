package main

import (
	"context"
	"errors"

	"abota/bootctl"
	"abota/cmd/internal/cli"
	"abota/updater"
	"abota/updater/classic"
	"abota/updater/config"
	"abota/updater/hook"
	"abota/updater/jobs"
	"abota/updater/mqtt"
	"abota/updater/raw"
	"abota/updater/signature"
	"abota/updater/slot"
	"abota/updater/source"
	"abota/updater/tree"
)

// errRebootRequired is success that the caller asked to see in the exit code.
var errRebootRequired = errors.New("installed, reboot required")

// codes maps what an error is to the code it ends in; the first match counts.
// What is nowhere here is cli.ExitFailed.
var codes = []struct {
	is   error
	code int
}{
	{errRebootRequired, cli.ExitRebootRequired},
	{errLocked, cli.ExitLocked},
	{updater.ErrNothingToDo, cli.ExitNothingToDo},
	{hook.ErrDeferred, cli.ExitTransport},
	{errAtRisk, cli.ExitRefused},
	{updater.ErrRefusedRelease, cli.ExitRefused},
	{classic.ErrCorrupt, cli.ExitUntrusted},
	{raw.ErrCorrupt, cli.ExitUntrusted},
	{signature.ErrUntrusted, cli.ExitUntrusted},
	{source.ErrTooLarge, cli.ExitUntrusted},
	{source.ErrMismatch, cli.ExitUntrusted},
	{classic.ErrKeyFile, cli.ExitUsage},
	{source.ErrTransport, cli.ExitTransport},
	{source.ErrChanged, cli.ExitTransport},
	{source.ErrDenied, cli.ExitUsage},
	{source.ErrMismatch, cli.ExitUntrusted},
	{mqtt.ErrRefused, cli.ExitUsage},
	{mqtt.ErrOffline, cli.ExitTransport},
	{mqtt.ErrUnanswered, cli.ExitTransport},
	{mqtt.ErrTakenOver, cli.ExitTransport},
	{jobs.ErrNoReply, cli.ExitTransport},
	{slot.ErrFull, cli.ExitRefused},
	{tree.ErrFull, cli.ExitRefused},
	{tree.ErrRefused, cli.ExitUntrusted},
	{tree.ErrPlace, cli.ExitUsage},
	{slot.ErrInUse, cli.ExitRefused},
	{slot.ErrSameDevice, cli.ExitUsage},
	{slot.ErrPlace, cli.ExitUsage},
	{bootctl.ErrNoTable, cli.ExitUsage},
	{context.Canceled, cli.ExitFailed},
}

func exitCode(err error) int {
	if err == nil {
		return cli.ExitDone
	}
	var (
		wrongUse    *cli.UsageError
		wrongConfig *config.Error
		wrongDevice *configError
		refused     *bootctl.RefusedError
		rejected    *jobs.RejectedError
	)
	switch {
	case errors.Is(err, updater.ErrUnhealthy):
		return cli.ExitUnhealthy
	case errors.As(err, &wrongUse), errors.As(err, &wrongConfig), errors.As(err, &wrongDevice):
		return cli.ExitUsage
	case errors.As(err, &refused):
		return cli.ExitRefused
	case errors.As(err, &rejected) && (rejected.Code == jobs.CodeThrottled || rejected.Code == jobs.CodeInternal):
		return cli.ExitTransport
	}
	for _, c := range codes {
		if errors.Is(err, c.is) {
			return c.code
		}
	}
	return cli.ExitFailed
}
