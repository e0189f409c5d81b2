package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"abota/bootctl"
	"abota/updater"
	"abota/updater/config"
)

// keeper is what an agent of either mode works on: a configuration that may
// change under way, and the device. The lock is held, and files are open, only
// during a step.
type keeper struct {
	c     *command
	alive func()

	mu  sync.Mutex
	cfg *config.Config
	// complaint is what was last said of the configuration, so that it is
	// said once.
	complaint string
}

// needs reports what an agent misses in its configuration.
func needs(cfg *config.Config) error {
	if cfg.Mode == config.ModeAWSIoT {
		return errors.Join(cfg.NeedSlots(), cfg.NeedAWSIoT())
	}
	return errors.Join(cfg.NeedSlots(), cfg.NeedSource())
}

// config is the configuration as it was read last.
func (k *keeper) config() *config.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.cfg
}

// refresh reads the configuration again. A broken one changes nothing.
func (k *keeper) refresh() *config.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.reload(); err != nil {
		k.complain(err.Error(), func() {
			k.c.log.Error("going on with the configuration as it was", "error", err)
		})
	}
	return k.cfg
}

func (k *keeper) reload() error {
	cfg, err := config.Load(k.c.configPaths(), k.c.environ, k.c.sets)
	if err == nil {
		err = needs(cfg)
	}
	switch {
	case err != nil:
		return err
	case cfg.StateDir != k.cfg.StateDir:
		return errors.New("state_dir has changed: restart the agent")
	case cfg.Mode != k.cfg.Mode:
		return errors.New("mode has changed: restart the agent")
	case cfg.Mode == config.ModeAWSIoT && connectionOf(cfg) != connectionOf(k.cfg):
		return errors.New("how AWS IoT is reached (aws_iot) has changed: restart the agent")
	}
	if !slices.Equal(cfg.Warnings, k.cfg.Warnings) {
		k.c.warn(cfg)
	}
	k.cfg, k.complaint = cfg, ""
	return nil
}

func (k *keeper) complain(of string, how func()) {
	if k.complaint != of {
		k.complaint = of
		how()
	}
}

// step opens the device for one step.
func (k *keeper) step(ctx context.Context, how access, do func(*device) error) error {
	cfg := k.config()
	d, err := k.c.openOn(cfg, func(d *device) error { return d.build(ctx, k.c, how) })
	if err != nil {
		return err
	}
	defer d.Close()
	k.c.rateLimit = cfg.Poll.RateLimit
	return do(d)
}

// unfinished reports whether a process that was killed left something of
// directory slots half done. What boots is for `abota boot` to finish, but no
// boot comes for folders.
func unfinished(d *device) bool {
	underWay, _, err := d.UnderWay()
	if err != nil || d.Service == nil {
		return false
	}
	if d.StartOwed() {
		return true
	}
	switch underWay.Action {
	case updater.Trial, updater.Leave, updater.FinishRollback, updater.FinishCommit:
		return !d.Judged()
	}
	return false
}

// finish takes up what was left half done.
func (k *keeper) finish(ctx context.Context) error {
	found := false
	if k.config().Slots[bootctl.A].Dir == "" {
		return nil
	}
	err := k.step(ctx, reading, func(d *device) error {
		found = unfinished(d)
		return nil
	})
	if err != nil || !found {
		return err
	}
	return k.step(ctx, writing, func(d *device) error {
		k.watchTrial(d)
		_, err := d.Boot(ctx)
		return err
	})
}

// takeUp finishes at the start, since the first look may be an hour away.
func (k *keeper) takeUp(ctx context.Context) {
	if err := k.finish(ctx); err != nil && ctx.Err() == nil {
		k.c.log.Error("the next look takes it up again", "error", err)
	}
}

// trialBeat is how often a trial shows that it goes on.
const trialBeat = 10 * time.Second

// watchTrial tells init's watchdog that a trial of directory slots goes on: it
// has deadlines of its own, which may be longer than the watchdog's.
func (k *keeper) watchTrial(d *device) {
	if d.Service == nil {
		return
	}
	prove := d.Prove
	d.Prove = func(ctx context.Context) error {
		over := make(chan struct{})
		defer close(over)
		go func() {
			beat := time.NewTicker(trialBeat)
			defer beat.Stop()
			for {
				k.alive()
				select {
				case <-over:
					return
				case <-beat.C:
				}
			}
		}()
		return prove(ctx)
	}
}
