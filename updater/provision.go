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
	// TakeOver says that the boot script is another updater's. A table that is
	// there is then what the device goes on with.
	TakeOver bool
	// Factory says that the device does not run yet, so no slot is booted.
	Factory bool
	// Version is the factory image's version, empty when it has none.
	Version string
	// Astray says why a table that was not found lies elsewhere, or is nil.
	Astray func() error
	// Digest reads the content of a slot, part by part.
	Digest func(context.Context, bootctl.Slot) ([]slot.Held, error)
}

// Provision writes the first boot table and the first journal record: the
// booted slot (at the factory: the one that shall boot first) is good.
func (e *Engine) Provision(ctx context.Context, opts ProvisionOptions) (Status, error) {
	switch table, err := e.Backend.Load(); {
	case err == nil && !opts.Force && opts.TakeOver:
		return e.takeUp(ctx, table, opts)
	case err == nil && !opts.Force:
		return Status{}, refuseProvision(table)
	case err == nil && !opts.Factory && bootctl.Situation{Table: table, Booted: e.Booted}.InTrial():
		return Status{}, &bootctl.RefusedError{Reason: fmt.Sprintf("cannot provision because slot %s is an unconfirmed trial: wait for it to be committed, or run `abota rollback`", e.Booted)}
	case err != nil && !errors.Is(err, bootctl.ErrNoTable):
		return Status{}, fmt.Errorf("read the boot table: %w", err)
	case err != nil && !opts.Force && opts.Astray != nil:
		if err := opts.Astray(); err != nil {
			return Status{}, &bootctl.RefusedError{Reason: fmt.Sprintf("cannot provision because %v, or make a new table all the same: --force", err)}
		}
	}
	order := []bootctl.Slot{e.Booted}
	if opts.Both {
		order = append(order, e.Booted.Other())
	}
	table := bootctl.Table{Generation: 1, ConfirmedTries: e.ConfirmedTries}.WithOrder(order...)
	for _, s := range order {
		table.Slots[s].Good = true
		table.Slots[s].Tries = max(e.ConfirmedTries, bootctl.DefaultTrialTries)
	}
	if err := e.firstRecord(ctx, table, opts); err != nil {
		return Status{}, err
	}
	if err := e.store(table); err != nil {
		return Status{}, err
	}
	return e.Status()
}

// firstRecord starts the journal: what the table calls good is proven as it is.
func (e *Engine) firstRecord(ctx context.Context, table bootctl.Table, opts ProvisionOptions) error {
	r := &Record{Phase: Idle, Target: e.Booted.Other()}
	for _, s := range bootctl.Slots {
		if st := table.Slots[s]; !st.Good || !st.Bootable() {
			continue
		}
		parts, err := opts.Digest(ctx, s)
		if err != nil {
			return fmt.Errorf("read slot %s: %w", s, err)
		}
		r.hold(s, Content{Release: release.ID{Version: opts.Version}, Proven: true, Confirmed: true}, parts)
	}
	if !opts.Factory {
		e.learnVersion(r, e.note())
	}
	r.LastVerified = e.Now().UTC()
	return e.save(r, table)
}

// takeUp goes on with the table that another updater left: the journal begins,
// and not one variable is changed.
func (e *Engine) takeUp(ctx context.Context, table bootctl.Table, opts ProvisionOptions) (Status, error) {
	switch st := table.Slots[e.Booted]; {
	case e.loadRecord() != nil:
		return Status{}, refuseProvision(table)
	case !st.Bootable() || !st.Good:
		return Status{}, &bootctl.RefusedError{Reason: fmt.Sprintf("cannot take over because slot %s, which is booted, is not what the boot table calls confirmed: let the updater that started it commit it or go back", e.Booted)}
	}
	if err := e.firstRecord(ctx, table, opts); err != nil {
		return Status{}, err
	}
	return e.Status()
}

func refuseProvision(table bootctl.Table) error {
	return &bootctl.RefusedError{Reason: fmt.Sprintf("cannot provision because there is a valid boot table already (order %v): to replace it, with all that it says of both slots: --force", table.Order())}
}
