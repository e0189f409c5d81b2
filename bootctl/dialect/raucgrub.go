package dialect

import (
	"errors"
	"fmt"
	"slices"

	"abota/bootctl"
)

// raucGRUB is RAUC's in GRUB.
type raucGRUB struct{ names [2]string }

const grubOrder = "ORDER"

func (raucGRUB) Name() string { return "rauc" }

// Caps: a slot is started once until somebody answers. What is on trial looks
// like what is confirmed.
func (raucGRUB) Caps() bootctl.Caps { return bootctl.Caps{Tries: true, OneShot: true} }

func (r raucGRUB) ok(s bootctl.Slot) string  { return r.names[s] + "_OK" }
func (r raucGRUB) try(s bootctl.Slot) string { return r.names[s] + "_TRY" }

func (r raucGRUB) Read(v Variables) (t bootctl.Table, err error) {
	order := v(grubOrder)
	listed := slotsIn(order, r.names)
	switch {
	case order == "":
		return t, fmt.Errorf("%w: the boot environment has no %s, which RAUC's boot script goes by: is this the file that it reads, and is bootloader.variables right?", bootctl.ErrNoTable, grubOrder)
	case len(listed) == 0:
		return t, fmt.Errorf("%s is %q, which names neither slot A (%s) nor slot B (%s): set bootloader.names to their bootnames in RAUC's system.conf", grubOrder, order, r.names[0], r.names[1])
	}
	startable := slices.DeleteFunc(listed, func(s bootctl.Slot) bool { return leading(v(r.ok(s))) != 1 })
	if len(startable) == 0 {
		return t, fmt.Errorf("%w: neither slot may be started: %s and %s are not 1", bootctl.ErrNoTable, r.ok(bootctl.A), r.ok(bootctl.B))
	}
	t = t.WithOrder(startable...)
	for _, s := range startable {
		t.Slots[s].Good = true
		if leading(v(r.try(s))) == 0 {
			t.Slots[s].Tries = bootctl.DefaultTrialTries
		}
	}
	return t, nil
}

func (r raucGRUB) Write(t bootctl.Table, v Variables) ([]Variable, error) {
	former := v(grubOrder)
	if len(slotsIn(former, r.names)) == 0 {
		_, err := r.Read(v)
		return nil, fmt.Errorf("cannot store the boot table because %w", err)
	}
	order := t.Order()
	if len(order) == 0 {
		return nil, errors.New("cannot store a boot table without a bootable slot because RAUC's boot script would start its rescue entry")
	}
	all := order
	for _, s := range bootctl.Slots {
		// The script wants both in the order; what must not start is not OK.
		if !slices.Contains(order, s) {
			all = append(all, s)
		}
	}
	vars := []Variable{{grubOrder, ordered(all, r.names, former)}}
	for _, s := range bootctl.Slots {
		st := t.Slots[s]
		ok, try := "0", "0"
		if st.Bootable() {
			ok = "1"
		}
		if st.Bootable() && st.Tries == 0 {
			try = "1"
		}
		vars = append(vars, Variable{r.ok(s), ok}, Variable{r.try(s), try})
	}
	return vars, nil
}

func (raucGRUB) Doubts(Variables) []string {
	return []string{"the boot script made for RAUC wants an answer to every boot: a device that is switched off once before `abota boot` ran starts its other slot next, and stays there"}
}
