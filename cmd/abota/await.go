package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// awaitEvery is how often the verdict on a trial is looked for.
const awaitEvery = time.Second

// awaitVerdict returns when the slot that runs is confirmed: what
// boot-complete.target waits for. It only looks. A trial that fails ends in a
// reboot, and this with it.
func (c *command) awaitVerdict(ctx context.Context) error {
	quiet := *c // what abota.service says once need not be said every second
	quiet.log = slog.New(slog.DiscardHandler)
	for {
		done, err := quiet.confirmed(ctx)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the verdict on the slot that runs: %w", ctx.Err())
		case <-time.After(awaitEvery):
		}
	}
}

// confirmed reports whether the slot that runs is good, and no trial under way.
// The verdict may come while the table or the journal is being written, so what
// cannot be read now is read again.
func (c *command) confirmed(ctx context.Context) (bool, error) {
	d, err := c.open(ctx, reading)
	if err != nil {
		return false, err
	}
	defer d.Close()
	s, err := d.Status()
	return err == nil && s.Slots[s.Booted].BootStatus == "good", nil
}
