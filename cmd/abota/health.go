package main

import (
	"context"
	"time"

	"abota/updater/config"
	"abota/updater/health"
)

// updatePathTimeout bounds one attempt of the built-in check.
const updatePathTimeout = 30 * time.Second

// prove runs the configured checks and, unless it is switched off, the one
// that this release could be updated again.
func (d *device) prove(ctx context.Context, c *command) error {
	gate := d.gate(c)
	if d.cfg.Health.UpdatePath {
		byJobs := &jobPath{c: c, trial: ctx}
		defer byJobs.close()
		gate.Checks[len(gate.Checks)-1].Run = func(ctx context.Context) error { return c.updatePath(ctx, byJobs) }
	}
	return gate.Prove(ctx)
}

// gate is what a trial has to pass. The built-in check comes last, and does
// nothing yet.
func (d *device) gate(c *command) health.Gate {
	h := d.cfg.Health
	gate := health.Gate{Deadline: h.Deadline, StableFor: h.StableFor, Log: c.log}
	for _, check := range h.Checks {
		if check.HTTP != "" {
			gate.Checks = append(gate.Checks, health.HTTP(check.HTTP, check.Timeout))
		} else {
			gate.Checks = append(gate.Checks, health.Exec(check.Exec, check.Timeout))
		}
	}
	if h.UpdatePath {
		gate.Checks = append(gate.Checks, health.Check{Name: "update_path", Timeout: updatePathTimeout, Deadline: h.UpdatePathDeadline})
	}
	return gate
}

// updatePath is the built-in check: the configuration parses, the key loads,
// and the source answers and shows a release, or AWS IoT shows its jobs. A
// release that fails it could never be replaced from afar.
func (c *command) updatePath(ctx context.Context, byJobs *jobPath) error {
	cfg, err := config.Load(c.configPaths(), c.environ, c.sets)
	if err != nil {
		return err
	}
	if cfg.Mode == config.ModeAWSIoT {
		return byJobs.check(ctx, cfg)
	}
	r, err := c.release(cfg, nil)
	if err != nil {
		return err
	}
	r.Warn = nil // the install warned already
	if err := r.LoadKey(ctx); err != nil {
		return err
	}
	_, err = r.Check(ctx)
	return err
}
