package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"abota/updater/agent"
	"abota/updater/journal"
)

// agentRecordSize is the room for what the agent remembers, in bytes.
const agentRecordSize = 4 << 10

// stopFor is how long an agent that is told to stop ends what it does. What is
// not over by then is cut off, as by a power failure.
const stopFor = 5 * time.Second

// runAgent looks for releases, installs and starts them until ctx ends.
func runAgent(c *command, flags *flag.FlagSet) action {
	flags.BoolVar(&c.byInit, "init", false, "")
	return func(ctx context.Context, _ []string) error {
		cfg, err := c.load()
		if err != nil {
			return err
		}
		if err := errors.Join(cfg.NeedSlots(), cfg.NeedSource(), cfg.Private()); err != nil {
			return err
		}
		only, err := onlyAgent(cfg.StateDir)
		if err != nil {
			return err
		}
		defer only.Close()
		init := connectInit(os.Getenv, c.log)
		defer init.close()
		now := make(chan os.Signal, 1)
		signal.Notify(now, syscall.SIGUSR1)
		defer signal.Stop(now)
		d := &agentDevice{c: c, cfg: cfg, identity: cmp.Or(cfg.DeviceID, deviceIdentity(cfg.StateDir, c.log)), alive: init.alive}
		a := &agent.Agent{
			Device: d, Store: agentStore{cfg.StateDir},
			Now: now, Alive: init.alive, Pulse: init.pulse, Say: init.status, Log: c.log,
		}
		return runUntil(ctx, func(ctx context.Context) {
			d.takeUp(ctx)
			a.Run(ctx)
		}, init)
	}
}

// runUntil gives the agent until stopFor after the end of ctx. Being stopped
// is how an agent ends, and no failure.
func runUntil(ctx context.Context, work func(context.Context), init *initLink) error {
	over := make(chan struct{})
	init.ready()
	go func() {
		defer close(over)
		work(ctx)
	}()
	<-ctx.Done()
	init.stopping()
	select {
	case <-over:
	case <-time.After(stopFor):
		init.log.Warn("stopping in the middle of a step, which the next start takes up")
	}
	return nil
}

// onlyAgent keeps a second agent away. The lock of the state is free for other
// verbs while the agent sleeps, so this is another one.
func onlyAgent(stateDir string) (*stateLock, error) {
	held, err := openLockFile(stateDir, "agent.lock")
	if err != nil {
		return nil, err
	}
	if err := held.try(); err != nil {
		held.Close()
		return nil, fmt.Errorf("an agent runs already: %w", err)
	}
	return held, nil
}

// agentStore keeps the agent's record in the state directory. Each file is
// open only as long as it is needed.
type agentStore struct{ stateDir string }

func (s agentStore) path() string { return filepath.Join(s.stateDir, "agent") }

func (s agentStore) Load() ([]byte, error) {
	f, err := journal.OpenReadOnly(s.path())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Load()
}

func (s agentStore) Save(record []byte) error {
	f, err := journal.Open(s.path(), agentRecordSize)
	if err != nil {
		return err
	}
	return errors.Join(f.Save(record), f.Close())
}
