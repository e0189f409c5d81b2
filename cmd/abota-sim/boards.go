package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"abota/sim"
	"abota/sim/parts"
)

// boards plays the table of boards and cases.
func (c *command) boards(ctx context.Context, words []string) error {
	o := sim.BoardOptions{Guests: c.crashing.guests, Out: c.stdout}
	if len(words) > 0 && words[0] == "quick" {
		o.Quick, words = true, words[1:]
	}
	if o.Guests < 1 || o.Guests > 2 {
		return fmt.Errorf("%w: --guests is 1 or 2, not %d", errUsage, o.Guests)
	}
	for _, name := range words {
		kind, err := parts.FindBoard(name)
		if err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
		o.Boards = append(o.Boards, kind)
	}
	if len(words) == 0 {
		o.Boards = parts.Boards()
	}
	if c.json {
		o.Out = c.stderr
		lines := json.NewEncoder(c.stdout)
		o.Row = func(row sim.BoardRow) {
			if err := lines.Encode(row); err != nil {
				fmt.Fprintf(c.stderr, "abota-sim: print a row: %v\n", err)
			}
		}
	}
	err := sim.RunBoards(ctx, o)
	if errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	return err
}
