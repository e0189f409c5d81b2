package hostile

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"abota/bootctl"
	"abota/sim/cutdisk"
	"abota/updater"
	"abota/updater/slot"
)

// act is one thing that a device does, which faults may fall into.
type act struct {
	name string
	// before brings a device from the factory to where the act begins.
	before func(*world) error
	do     func(*world) error
	// leaves: the running slot loses its place when the act succeeds.
	leaves bool
	// trial: the running slot is unconfirmed.
	trial bool
	// lost: there is no boot table when the act begins.
	lost bool
	// goesOn: a journal that fails must not stop it.
	goesOn bool
	// wants is what success of the act has to mean, whatever failed.
	wants func(*world, bootctl.Table) error
	// runs names the release that has to run in the end, empty for any. An
	// operator who was told of an error has to say it again.
	runs   string
	byHand bool
	// strict: no wrong reading excuses a success that is none.
	strict bool
	// counted: needs a loader that counts attempts.
	counted bool
}

// The releases of the acts.
const (
	factory = "v1"
	second  = "v2"
	third   = "v3"
	later   = "v9"
	sick    = "v4 unhealthy"
	crashes = "v5 panics"
)

func names() []string { return []string{factory, second, third, later, sick, crashes} }

func acts() []act {
	return []act{
		{name: "first install", before: idle, do: install(third), wants: armed, runs: third, strict: true},
		{name: "install over a good slot", before: ready, do: install(third), wants: armed, runs: third, strict: true},
		{name: "install over an armed slot", before: armedWith(sick), do: install(third), wants: armed, runs: third, strict: true},
		{name: "commit", before: trying(third), do: boot, trial: true, goesOn: true, wants: confirmed, runs: third},
		{name: "roll back", before: trying(sick), do: boot, trial: true, leaves: true, goesOn: true, wants: left, runs: second},
		{name: "finish a rollback", before: failing, do: boot, trial: true, leaves: true, goesOn: true, wants: left, runs: second},
		{name: "condemn", before: trying(crashes), do: boot, goesOn: true, wants: dropped, runs: second, counted: true},
		{name: "boot", before: booted, do: boot, goesOn: true, wants: stays, runs: second},
		{name: "boot without a table", before: tableLost, do: boot, lost: true, goesOn: true, wants: stays},
		{name: "boot without a journal", before: journalLost, do: boot, goesOn: true, wants: stays, runs: second},
		{name: "rollback by the operator", before: ready, do: operator(rollback), leaves: true, goesOn: true, wants: prefers, runs: factory, byHand: true},
		{name: "rollback in a trial", before: trying(third), do: operator(rollback), trial: true, leaves: true, goesOn: true, wants: left},
		{name: "mark good in a trial", before: trying(third), do: operator(markGood), trial: true, wants: confirmed, runs: third},
		{name: "mark bad", before: ready, do: operator(markBad), wants: dropped, runs: second, byHand: true},
		{name: "mark active", before: ready, do: operator(markActive), wants: prefers, runs: factory, byHand: true},
	}
}

// How acts begin.

func idle(w *world) error {
	w.images[bootctl.A] = w.image(factory)
	_, err := w.engine().Provision(context.Background(), updater.ProvisionOptions{
		Version: factory,
		Digest: func(context.Context, bootctl.Slot) ([]slot.Held, error) {
			return []slot.Held{{SHA256: w.image(factory).id().Checksum, Size: int64(len(w.image(factory).data))}}, nil
		},
	})
	return errors.Join(err, w.powerOn())
}

func ready(w *world) error { return errors.Join(idle(w), w.update(w.image(second))) }

func booted(w *world) error { return errors.Join(ready(w), w.powerOn()) }

func armedWith(name string) func(*world) error {
	return func(w *world) error { return errors.Join(ready(w), install(name)(w)) }
}

func trying(name string) func(*world) error {
	return func(w *world) error { return errors.Join(ready(w), install(name)(w), w.powerOn()) }
}

// failing has the verdict in its journal, but could not move the pointer.
func failing(w *world) error {
	if err := trying(sick)(w); err != nil {
		return err
	}
	w.disks[onTable].Fail(cutdisk.Fault{Op: cutdisk.Write, Err: syscall.EIO})
	if err := boot(w); !errors.Is(err, syscall.EIO) {
		return fmt.Errorf("the rollback was not kept back: %w", err)
	}
	w.heal()
	return w.powerOn()
}

func tableLost(w *world) error { return errors.Join(ready(w), w.wipe(onTable), w.powerOn()) }

func journalLost(w *world) error { return errors.Join(ready(w), w.wipe(onJournal), w.powerOn()) }

func (w *world) wipe(m medium) error {
	w.disks[m] = cutdisk.New(w.disks[m].Size())
	return nil
}

// What acts do.

func install(name string) func(*world) error {
	return func(w *world) error {
		w.offer = w.image(name)
		_, err := w.engine().Install(context.Background(), updater.InstallOptions{})
		return err
	}
}

func boot(w *world) error {
	_, err := w.engine().Boot(context.Background())
	return err
}

type verb func(*updater.Engine, bootctl.Slot) (updater.MarkResult, error)

func operator(do verb) func(*world) error {
	return func(w *world) error {
		_, err := do(w.engine(), w.booted)
		return err
	}
}

func rollback(e *updater.Engine, _ bootctl.Slot) (updater.MarkResult, error) { return e.Rollback() }

func markGood(e *updater.Engine, booted bootctl.Slot) (updater.MarkResult, error) {
	return e.MarkGood(booted)
}

func markBad(e *updater.Engine, booted bootctl.Slot) (updater.MarkResult, error) {
	return e.MarkBad(booted.Other())
}

func markActive(e *updater.Engine, booted bootctl.Slot) (updater.MarkResult, error) {
	return e.MarkActive(booted.Other())
}

// What success means.

func armed(w *world, t bootctl.Table) error {
	if primary, _ := t.Primary(); primary == w.booted || w.look() != w.offer {
		return fmt.Errorf("order %v and slot %s holds %s", t.Order(), w.booted.Other(), w.look().title())
	}
	return nil
}

func confirmed(w *world, t bootctl.Table) error {
	if primary, _ := t.Primary(); primary != w.booted || !t.Slots[primary].Good {
		return fmt.Errorf("order %v with slot %s %+v", t.Order(), w.booted, t.Slots[w.booted])
	}
	return nil
}

func left(w *world, t bootctl.Table) error {
	if t.Slots[w.booted].Bootable() || !t.Slots[w.booted.Other()].Good {
		return fmt.Errorf("order %v", t.Order())
	}
	return nil
}

func dropped(w *world, t bootctl.Table) error {
	if t.Slots[w.booted.Other()].Bootable() {
		return fmt.Errorf("order %v", t.Order())
	}
	return nil
}

func stays(w *world, t bootctl.Table) error {
	if !t.Slots[w.booted].Bootable() {
		return fmt.Errorf("order %v", t.Order())
	}
	return nil
}

func prefers(w *world, t bootctl.Table) error {
	if primary, _ := t.Primary(); primary == w.booted {
		return fmt.Errorf("order %v", t.Order())
	}
	return nil
}

func (w *world) image(name string) *image {
	for _, i := range w.all {
		if i.name == name {
			return i
		}
	}
	panic("there is no image " + name)
}

func (i *image) title() string {
	if i == nil {
		return "nothing whole"
	}
	return i.name
}
