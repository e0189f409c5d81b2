package main

import (
	"context"
	"errors"
	"fmt"

	"abota/sim/bootcuts"
)

// bootcuts boots what power cuts leave of boot tables: a sample when the first
// word is "quick", all otherwise, of the loaders that the words name.
func (c *command) bootcuts(ctx context.Context, words []string) error {
	if err := c.crashing.check(); err != nil {
		return err
	}
	o := bootcuts.Options{
		Seed: c.crashing.seed, State: c.crashing.stateFor("bootcuts"), Guests: c.crashing.guests, Out: c.stdout,
	}
	if len(words) > 0 && words[0] == "quick" {
		o.Quick, words = true, words[1:]
	}
	o.Loaders = words
	err := bootcuts.Run(ctx, o)
	if errors.Is(err, bootcuts.ErrUnknown) {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	return err
}
