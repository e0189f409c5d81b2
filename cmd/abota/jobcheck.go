package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"abota/updater/config"
	"abota/updater/jobs"
	"abota/updater/mqtt"
	"abota/updater/signature"
)

// jobView asks AWS IoT beside the agent, on a connection of its own.
type jobView struct {
	link *mqtt.Link
	*jobs.Client
	end func()
}

// viewJobs makes the connection in the background.
func (c *command) viewJobs(ctx context.Context, cfg *config.Config) (*jobView, error) {
	link, err := c.connect(cfg, cfg.MQTTCheckClientID())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { link.Run(ctx) })
	client := jobs.NewClient(link, cfg.ThingName(), func() {})
	return &jobView{link, client, func() {
		client.Close()
		cancel()
		running.Wait()
	}}, nil
}

// close ends the connection.
func (v *jobView) close() { v.end() }

const (
	// lookAtLink is how often it is looked whether there is a connection yet.
	lookAtLink = 50 * time.Millisecond
	// connectFor is how long somebody waits for one.
	connectFor = 30 * time.Second
)

// connected waits for the connection, unless it is refused.
func (v *jobView) connected(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectFor)
	defer cancel()
	tick := time.NewTicker(lookAtLink)
	defer tick.Stop()
	for {
		err := v.link.Err()
		if err == nil || errors.Is(err, mqtt.ErrRefused) || errors.Is(err, mqtt.ErrTakenOver) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// jobPath is update_path where releases come as jobs: all that a job needs
// loads, the broker takes this device, and AWS IoT answers. The connection is
// made by the first attempt and serves all of one trial.
type jobPath struct {
	c     *command
	trial context.Context
	view  *jobView
}

func (p *jobPath) check(ctx context.Context, cfg *config.Config) error {
	if err := errors.Join(needs(cfg), cfg.Private()); err != nil {
		return err
	}
	if err := p.c.trusts(ctx, cfg); err != nil {
		return err
	}
	if p.view == nil {
		view, err := p.c.viewJobs(p.trial, cfg)
		if err != nil {
			return err
		}
		p.view = view
	}
	if err := p.view.connected(ctx); err != nil {
		return err
	}
	_, err := p.view.Pending(ctx)
	return err
}

func (p *jobPath) close() {
	if p.view != nil {
		p.view.close()
	}
}

// warnOfTrust says so before the first job fails for it.
func (c *command) warnOfTrust(cfg *config.Config) {
	if err := c.trusts(context.Background(), cfg); err != nil {
		c.log.Warn("no job can be carried out as things are", "error", err)
	}
}

// trusts reports why this device could take no release: what it would be
// proven by does not load, or is not there.
func (c *command) trusts(ctx context.Context, cfg *config.Config) error {
	certificates, err := signature.LoadAll(cfg.AWSIoT.Certificates)
	if err != nil {
		return err
	}
	if cfg.KeyFile != "" {
		r := c.nowhere(cfg)
		r.Warn = nil
		return r.LoadKey(ctx)
	}
	if len(certificates) == 0 && cfg.NeedSource() != nil {
		return &configError{fmt.Errorf("nothing could be installed: %s holds no certificate, and there is no key_file: add one of them to the image", cfg.AWSIoT.Certificates)}
	}
	return nil
}
