// Package bootscript is a model of what abota's own boot scripts, U-Boot's
// boot.cmd and GRUB's grub.cfg, do with a boot table: which slot starts, and what
// is recorded before. They follow the same rules. It is for tests and simulators
// that judge thousands of tables where a real boot loader could judge a few. No
// device runs it.
//
// # Guarantee
//
// Package sim/ubootscript holds it against the real script in the real U-Boot,
// on the same environments.
//
// # Not guaranteed
//
// It speaks of what a table can say: variables that U-Boot's environment lacks
// or that hold no number are not distinguished from their defaults.
package bootscript

import "abota/bootctl"

// Start is how a boot began.
type Start struct {
	Slot bootctl.Slot
	// Table is what the environment holds when the slot starts.
	Table bootctl.Table
	// Recorded says that the attempt was counted, and the table written.
	Recorded bool
	// Note is the value of abota.env: "", Lost or Exhausted.
	Note string
}

// The notes.
const (
	Lost      = "lost"
	Exhausted = "exhausted"
)

// factoryDefault is what starts without a table: ab_default in the script.
const factoryDefault = bootctl.A

// Boot says what starts, and false when nothing does and the board resets.
// loads says whether a slot's kernel can be loaded and is accepted; nil stands
// for all of them.
func Boot(t bootctl.Table, loads func(bootctl.Slot) bool) (Start, bool) {
	return (&boot{table: t, loads: loads}).run()
}

// BootReadOnly is Boot where no attempt can be recorded: confirmed slots start,
// and what is on trial does not.
func BootReadOnly(t bootctl.Table, loads func(bootctl.Slot) bool) (Start, bool) {
	return (&boot{table: t, loads: loads, readOnly: true}).run()
}

func (b *boot) run() (Start, bool) {
	order := b.table.Order()
	if len(order) == 0 {
		return BootLost(b.loads)
	}
	plan, spare := b.plan(order)
	if len(plan) == 0 && len(spare) > 0 {
		return b.refilled(spare)
	}
	if start, ok := b.walk(append(plan, spare...)); ok || b.confirmed {
		return start, ok
	}
	return b.lastResort(order)
}

// BootLost is Boot without a valid environment: nothing is written.
func BootLost(loads func(bootctl.Slot) bool) (Start, bool) {
	b := boot{loads: loads}
	for _, s := range []bootctl.Slot{factoryDefault, factoryDefault.Other()} {
		if b.starts(s) {
			return Start{Slot: s, Note: Lost}, true
		}
	}
	return Start{}, false
}

// boot is one run of the script.
type boot struct {
	table     bootctl.Table
	loads     func(bootctl.Slot) bool
	confirmed bool // something in the order is
	recorded  bool // an attempt was, in this boot
	readOnly  bool // none can be
}

func (b *boot) starts(s bootctl.Slot) bool { return b.loads == nil || b.loads(s) }

// step is a slot on the plan.
type step struct {
	slot    bootctl.Slot
	counted bool
}

// plan lists what is attempted first, and apart from it the confirmed slots
// whose tries are used up.
func (b *boot) plan(order []bootctl.Slot) (plan, spare []step) {
	for _, s := range order {
		st := b.table.Slots[s]
		b.confirmed = b.confirmed || st.Good
		switch {
		case st.Good && b.table.ConfirmedTries == 0:
			plan = append(plan, step{s, false})
		case st.Tries > 0:
			plan = append(plan, step{s, true})
		case st.Good:
			spare = append(spare, step{s, false})
		}
	}
	return plan, spare
}

// refilled gives every confirmed slot its tries back and begins with them.
func (b *boot) refilled(spare []step) (Start, bool) {
	for i := range spare {
		if !b.readOnly {
			b.table.Slots[spare[i].slot].Tries = b.table.ConfirmedTries
		}
		spare[i].counted = true
	}
	return b.walk(spare)
}

// walk attempts the steps. Only the first attempt that has to be counted is:
// a boot writes once. After it a trial cannot be recorded any more, and is not
// started.
func (b *boot) walk(steps []step) (Start, bool) {
	for _, s := range steps {
		now := s.counted && !b.recorded && !b.readOnly
		if now {
			b.table.Slots[s.slot].Tries--
			b.recorded = true
		}
		if !now && !b.table.Slots[s.slot].Good {
			continue
		}
		if b.starts(s.slot) {
			return Start{Slot: s.slot, Table: b.table, Recorded: b.recorded}, true
		}
	}
	return Start{}, false
}

// lastResort is for when nothing is confirmed and no attempt is left: the
// slots start uncounted, the last of the order first.
func (b *boot) lastResort(order []bootctl.Slot) (Start, bool) {
	if b.recorded {
		return Start{}, false // the next boot goes on from there
	}
	for i := len(order) - 1; i >= 0; i-- {
		if b.starts(order[i]) {
			return Start{Slot: order[i], Table: b.table, Note: Exhausted}, true
		}
	}
	return Start{}, false
}
