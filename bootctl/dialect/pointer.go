package dialect

import (
	"fmt"
	"strconv"
	"strings"

	"abota/bootctl"
)

// pointer is a scheme of one slot's name and a flag that it is on trial.
type pointer struct {
	dialect string
	// slot is the variable with the name of a slot, trial the flag, count the
	// number of its starts, state a note for others. The last two may be empty.
	slot, trial, count, state string
	// names are the values of slot.
	names [2]string
	// also is another variable that names the slot, by alsoNames. It is written
	// where it is there already.
	also      string
	alsoNames [2]string
	// ends says why the loader could not end a trial, if it could not.
	ends func(Variables) error
}

// The values of a trial's flag.
const (
	noTrial = "0"
	onTrial = "1"
	// started is what scripts that go by SWUpdate's ustate make of onTrial.
	started = "2"
)

func (p *pointer) Name() string { return p.dialect }

func (p *pointer) Caps() bootctl.Caps {
	return bootctl.Caps{Tries: true, ConfirmedUncounted: true, OneShot: true, Good: true, Pointer: true}
}

func (p *pointer) Read(v Variables) (t bootctl.Table, err error) {
	slot, err := p.named(v)
	if err != nil {
		return t, err
	}
	flag := strings.TrimSpace(v(p.trial))
	if flag != onTrial && flag != started {
		t.Slots[slot].Good = true
		return t.WithOrder(slot), nil
	}
	t.Slots[slot.Other()].Good = true
	if flag == onTrial && (p.count == "" || leading(v(p.count)) == 0) {
		t.Slots[slot].Tries = bootctl.DefaultTrialTries
	}
	return t.WithOrder(slot, slot.Other()), nil
}

// named is the slot that the loader starts.
func (p *pointer) named(v Variables) (bootctl.Slot, error) {
	value := strings.TrimSpace(v(p.slot))
	for _, s := range bootctl.Slots {
		if value == p.names[s] {
			return s, nil
		}
	}
	if value == "" {
		return bootctl.A, fmt.Errorf("%w: the boot environment has no %s, which %s's boot script goes by: is this the environment that it reads, and are bootloader.variables and names right?", bootctl.ErrNoTable, p.slot, p.dialect)
	}
	return bootctl.A, fmt.Errorf("%s is %q, which names neither slot A (%s) nor slot B (%s): set bootloader.names to what the boot script calls them", p.slot, value, p.names[bootctl.A], p.names[bootctl.B])
}

func (p *pointer) Write(t bootctl.Table, v Variables) ([]Variable, error) {
	if _, err := p.named(v); err != nil {
		// What the script does not have it may not know.
		return nil, fmt.Errorf("cannot store the boot table because %w", err)
	}
	first, ok := t.Primary()
	if !ok {
		return nil, fmt.Errorf("cannot store a boot table without a bootable slot because %s must name one", p.slot)
	}
	vars := []Variable{{p.slot, p.names[first]}}
	if p.also != "" && v(p.also) != "" {
		vars = append(vars, Variable{p.also, p.alsoNames[first]})
	}
	if t.Slots[first].Good {
		vars = append(vars, Variable{p.trial, noTrial})
		if p.state != "" {
			vars = append(vars, Variable{p.state, noTrial})
		}
		return vars, nil
	}
	if other := t.Slots[first.Other()]; !other.Good || !other.Bootable() {
		return nil, fmt.Errorf("cannot store a boot table with slot %s on trial and nothing to go back to", first)
	}
	if err := p.ends(v); err != nil {
		return nil, fmt.Errorf("cannot arm slot %s because %w", first, err)
	}
	return append(vars, p.onTrial(t.Slots[first].Tries > 0)...), nil
}

// onTrial are the variables that say so of the slot that is named.
func (p *pointer) onTrial(fresh bool) []Variable {
	flag, count := onTrial, "0"
	if !fresh {
		count = "1"
	}
	if !fresh && p.count == "" {
		flag = started
	}
	vars := []Variable{{p.trial, flag}}
	if p.count != "" {
		vars = append(vars, Variable{p.count, count})
	}
	if p.state != "" {
		vars = append(vars, Variable{p.state, onTrial})
	}
	return vars
}

func (p *pointer) Doubts(v Variables) (all []string) {
	if _, err := p.named(v); err != nil {
		return nil // the table says that
	}
	if err := p.ends(v); err != nil {
		all = append(all, err.Error())
	}
	if v(p.trial) == "" {
		all = append(all, fmt.Sprintf("the boot environment has no %s: is its name right?", p.trial))
	}
	return all
}

// leading is the number at the beginning of a text, as U-Boot reads it: none is
// zero.
func leading(text string) uint64 {
	text = strings.TrimSpace(text)
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		text = text[:end]
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil && text != "" {
		return 1<<64 - 1
	}
	return n
}
