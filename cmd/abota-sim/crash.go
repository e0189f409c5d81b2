package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"path/filepath"

	"abota/sim/powercut"
)

// crashOptions are what only the verbs crash and bootcuts take.
type crashOptions struct {
	seed   uint64
	guests int
	state  string
}

// add makes them options of the command line.
func (o *crashOptions) add(flags *flag.FlagSet) {
	const defaultGuests = 2
	flags.Uint64Var(&o.seed, "seed", 1, "")
	flags.IntVar(&o.guests, "guests", defaultGuests, "")
	flags.StringVar(&o.state, "state", "", "")
}

func (o *crashOptions) check() error {
	if o.guests < 1 || o.guests > 2 {
		return fmt.Errorf("%w: --guests is 1 or 2, not %d", errUsage, o.guests)
	}
	return nil
}

// stateFor is where a verb keeps its results.
func (o *crashOptions) stateFor(verb string) string {
	return cmp.Or(o.state, filepath.Join("build", verb))
}

// crash does the crash proof in one of its forms.
func (c *command) crash(ctx context.Context, form string) error {
	forms := map[string]powercut.Form{powercut.Short.Name: powercut.Short, powercut.Long.Name: powercut.Long}
	chosen, known := forms[form]
	if !known {
		return fmt.Errorf("%w: crash takes short or long, not %q", errUsage, form)
	}
	if err := c.crashing.check(); err != nil {
		return err
	}
	return powercut.Prove(ctx, powercut.Options{
		Form: chosen, Board: c.board, Seed: c.crashing.seed, State: c.crashing.stateFor("crash"), Guests: c.crashing.guests, Out: c.stdout,
	})
}
