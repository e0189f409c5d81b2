package sim

import (
	"errors"
	"fmt"
	"strings"

	"abota/sim/loader"
	"abota/sim/parts"
)

// What scenarios want of the boot loader. What it does not say, the table has to
// show.

// triedWith is a trial whose attempt was counted.
func triedWith(slot string, left int) loader.Seen {
	return loader.Seen{Event: loader.Trial, Slot: slot, Left: left}
}

// confirmedWith is a confirmed slot whose boot was counted.
func confirmedWith(slot string, left int) loader.Seen {
	return loader.Seen{Event: loader.Confirmed, Slot: slot, Left: left}
}

// spent is a trial without attempts left.
func spent(slot string) loader.Seen { return loader.Seen{Event: loader.Spent, Slot: slot} }

// confirmed is a confirmed slot, counted or not.
func confirmed(slot string) loader.Seen { return loader.Seen{Event: loader.Passed, Slot: slot} }

// unloadable is a slot that cannot be loaded.
func unloadable(slot string) loader.Seen { return loader.Seen{Event: loader.Unloadable, Slot: slot} }

// untold is a slot that starts although there is no table.
func untold(slot string) loader.Seen { return loader.Seen{Event: loader.Untold, Slot: slot} }

// lost is a table that is not there.
func lost() loader.Seen { return loader.Seen{Event: loader.Lost} }

// loads holds what is wanted of the loader against its words, or against the
// table where it has none.
func (want expected) loads(l loader.Loader, said []string, s status) error {
	for _, seen := range want.loader {
		words, some := l.Says(seen)
		trial, _ := l.Counts()
		switch {
		case some && !strings.Contains(strings.Join(said, "\n"), words):
			return fmt.Errorf("the boot loader did not say %q but:\n%s", words, strings.Join(said, "\n"))
		case some, seen.Event != loader.Trial, !trial:
		case s.tries(seen.Slot) != seen.Left:
			return fmt.Errorf("abota status says that slot %s has %d attempts left, not %d", seen.Slot, s.tries(seen.Slot), seen.Left)
		}
	}
	return nil
}

// suits says why a scenario is not for a kind of board; nil when it is.
type suits func(kind parts.Board) error

// forUBoot is for scenarios about what only U-Boot has.
func forUBoot(kind parts.Board) error {
	if kind.Loader != parts.LoaderUBoot {
		return errors.New("it is about U-Boot's environment")
	}
	return nil
}

// forCounting is for scenarios that count a trial's attempts down.
func forCounting(kind parts.Board) error {
	if trial, _ := loader.For(kind).Counts(); !trial {
		return errors.New("its boot loader counts no attempts: it tries once and goes back")
	}
	return nil
}

// Suits says why the scenario cannot be played on a kind of board, or nothing.
func (s Scenario) Suits(kind parts.Board) error {
	if s.suits == nil {
		return nil
	}
	if err := s.suits(kind); err != nil {
		return fmt.Errorf("cannot play scenario %s on %s: %w", s.Name, kind.Name, err)
	}
	return nil
}
