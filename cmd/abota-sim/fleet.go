package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"abota/sim"
	"abota/sim/awsiot/fleet"
	"abota/sim/store"
)

// fleetDevices is how many agents there are where nobody says.
const fleetDevices = 1000

// fleet plays a rollout that stops itself, and the fix, to many agents.
func (c *command) fleet(ctx context.Context, words []string) (err error) {
	devices := fleetDevices
	if len(words) > 0 {
		devices, err = strconv.Atoi(words[0])
		if err != nil || devices < fleet.MinDevices || devices > fleet.MaxDevices {
			return fmt.Errorf("%w: fleet takes %d to %d devices, not %q", errUsage, fleet.MinDevices, fleet.MaxDevices, words[0])
		}
	}
	dir, err := os.MkdirTemp("", "abota-fleet-")
	if err != nil {
		return fmt.Errorf("make a work folder: %w", err)
	}
	err = c.fleetIn(ctx, dir, devices)
	if c.keep {
		fmt.Fprintf(c.stderr, "The work folder is kept: %s\n", dir)
		return err
	}
	return errors.Join(err, os.RemoveAll(dir))
}

func (c *command) fleetIn(ctx context.Context, dir string, devices int) error {
	if err := store.Fetch(ctx); err != nil { // which takes minutes once, and can be interrupted
		return err
	}
	m, err := sim.FindModule(ctx)
	if err != nil {
		return err
	}
	publisher, err := m.Build(ctx, "abota-publish", "", dir)
	if err != nil {
		return err
	}
	o := fleet.Options{Devices: devices, Seed: c.crashing.seed, Dir: dir, Publisher: publisher, Out: c.stdout}
	err = fleet.Run(ctx, o)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, "PASS  fleet")
	return nil
}
