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
	"abota/updater/config"
	"abota/updater/journal"
)

// agentRecordSize and jobRecordSize are the room for what the agents of the two
// modes remember, in bytes.
const (
	agentRecordSize = 4 << 10
	jobRecordSize   = 16 << 10
)

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
		if err := errors.Join(needs(cfg), cfg.Private()); err != nil {
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
		k := &keeper{c: c, cfg: cfg, alive: init.alive}
		loop := k.pollLoop
		if cfg.Mode == config.ModeAWSIoT {
			loop = k.jobLoop
		}
		work, err := loop(init, now)
		if err != nil {
			return err
		}
		return runUntil(ctx, work, init)
	}
}

// pollLoop is what `abota run` does where it looks for releases by itself.
func (k *keeper) pollLoop(init *initLink, now <-chan os.Signal) (func(context.Context), error) {
	cfg := k.config()
	a := &agent.Agent{
		Device: &agentDevice{keeper: k, identity: cmp.Or(cfg.DeviceID, deviceIdentity(cfg.StateDir, k.c.log))},
		Store:  agentRecord(cfg.StateDir), Now: now, Alive: init.alive, Pulse: init.pulse, Say: init.status, Log: k.c.log,
	}
	return func(ctx context.Context) {
		k.takeUp(ctx)
		a.Run(ctx)
	}, nil
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

// keptRecord is one that an agent keeps in the state directory. Its file is open
// only as long as it is needed.
type keptRecord struct {
	path string
	size int
}

// agentRecord is what the agent has in mind, jobRecord how its job stands.
func agentRecord(stateDir string) keptRecord {
	return keptRecord{filepath.Join(stateDir, "agent"), agentRecordSize}
}

func jobRecord(stateDir string) keptRecord {
	return keptRecord{filepath.Join(stateDir, "job"), jobRecordSize}
}

func (r keptRecord) Load() ([]byte, error) {
	f, err := journal.OpenReadOnly(r.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Load()
}

func (r keptRecord) Save(content []byte) error {
	f, err := journal.Open(r.path, r.size)
	if err != nil {
		return err
	}
	return errors.Join(f.Save(content), f.Close())
}
