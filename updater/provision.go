package updater

import (
	"context"
	"errors"
	"fmt"

	"abota/bootctl"
	"abota/updater/release"
	"abota/updater/slot"
)

// ProvisionOptions say what the factory put on the device.
type ProvisionOptions struct {
	// Both says that both slots hold an image that may be booted.
	Both bool
	// Force replaces a boot table that is there and valid.
	Force bool
	// Factory says that the device does not run yet, so no slot is booted.
	Factory bool
	// Version is the factory image's version, empty when it has none.
	Version string
	// Digest reads the content of a slot, part by part.
	Digest func(context.Context, bootctl.Slot) ([]slot.Held, error)
}

// Provision writes the first boot table and the first journal record: the
// booted slot (at the factory: the one that shall boot first) is good.
func (e *Engine) Provision(ctx context.Context, opts ProvisionOptions) (Status, error) {
	switch table, err := e.Backend.Load(); {
	case err == nil && !opts.Force:
		return Status{}, refuseProvision(table)
	case err == nil && !opts.Factory && bootctl.Situation{Table: table, Booted: e.Booted}.InTrial():
		return Status{}, &bootctl.RefusedError{Reason: fmt.Sprintf("cannot provision because slot %s is an unconfirmed trial: wait for it to be committed, or run `abota rollback`", e.Booted)}
	case err != nil && !errors.Is(err, bootctl.ErrNoTable):
		return Status{}, fmt.Errorf("read the boot table: %w", err)
	}
	order := []bootctl.Slot{e.Booted}
	if opts.Both {
		order = append(order, e.Booted.Other())
	}
	table := bootctl.Table{Generation: 1, ConfirmedTries: e.ConfirmedTries}.WithOrder(order...)
	r := &Record{Phase: Idle, Target: e.Booted.Other()}
	for _, s := range order {
		parts, err := opts.Digest(ctx, s)
		if err != nil {
			return Status{}, fmt.Errorf("read slot %s: %w", s, err)
		}
		table.Slots[s].Good = true
		table.Slots[s].Tries = max(e.ConfirmedTries, bootctl.DefaultTrialTries)
		r.hold(s, Content{Release: release.ID{Version: opts.Version}, Proven: true, Confirmed: true}, parts)
	}
	if !opts.Factory {
		e.learnVersion(r, e.note())
	}
	r.LastVerified = e.Now().UTC()
	if err := e.save(r, table); err != nil {
		return Status{}, err
	}
	if err := e.store(table); err != nil {
		return Status{}, err
	}
	return e.Status()
}

func refuseProvision(table bootctl.Table) error {
	return &bootctl.RefusedError{Reason: fmt.Sprintf("cannot provision because there is a valid boot table already (order %v): to replace it, with all that it says of both slots: --force", table.Order())}
}
