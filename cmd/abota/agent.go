package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"abota/bootctl"
	"abota/cmd/internal/cli"
	"abota/updater"
	"abota/updater/agent"
	"abota/updater/config"
	"abota/updater/hook"
	"abota/updater/release"
	"abota/updater/source"
)

// agentDevice is what the agent works with: the verbs check, install and the
// reboot.
type agentDevice struct {
	*keeper
	identity string
}

// Policy reads the configuration again. A broken one changes nothing.
func (a *agentDevice) Policy() agent.Policy {
	return policyOf(a.refresh(), a.identity)
}

// Clock is the system's, unless it shows a time at which this binary was not
// built yet.
func (a *agentDevice) Clock() time.Time { return plausibleTime() }

// policyOf is what the configuration says about time.
func policyOf(cfg *config.Config, identity string) agent.Policy {
	p := cfg.Poll
	windows := make([]agent.Window, len(p.Window))
	for i, w := range p.Window {
		windows[i] = agent.Window(w)
	}
	if cfg.Slots[bootctl.A].Dir != "" {
		// Their install restarts the service, so it is what waits for a window.
		p.Reboot = config.RebootNow
	}
	return agent.Policy{
		Interval: p.Interval, Jitter: p.Jitter, Wave: p.Wave, Windows: windows, Identity: identity,
		Reboot: map[string]agent.Reboot{
			config.RebootNow: agent.RebootNow, config.RebootInWindow: agent.RebootInWindow,
			config.RebootByApplication: agent.RebootByApplication,
		}[p.Reboot],
	}
}

// plan is what the agent has in mind, by the record that it keeps; nil when
// there is nothing. A record of an earlier system may speak of what runs now.
func plan(cfg *config.Config, s updater.Status) *agent.Plan {
	record, err := agentRecord(cfg.StateDir).Load()
	if err != nil {
		return nil
	}
	p := agent.Planned(record, policyOf(cfg, knownIdentity(cfg.StateDir)), plausibleTime())
	if p != nil && p.Do == agent.Restart.String() && !s.RebootRequired {
		return nil
	}
	return p
}

// errSuperseded: another release is offered than was to be installed.
var errSuperseded = errors.New("another release was published meanwhile")

// errOnTrial: a trial is under way, and `abota boot` decides it.
var errOnTrial = errors.New("the booted slot is on trial")

// lookTries is how often one look asks, at most: nobody waits for it, and the
// next one comes soon enough.
const lookTries = 2

// Look is `abota check`.
func (a *agentDevice) Look(ctx context.Context) agent.Outcome {
	if err := a.finish(ctx); errors.Is(err, updater.ErrNotStarted) {
		// What is offered may mend it.
		a.c.log.Error("looking all the same", "error", err)
	} else if err != nil {
		return a.outcome(ctx, failure(err), updater.Outcome{}, err)
	}
	var (
		out   updater.Outcome
		waits bool
	)
	err := a.with(ctx, reading, "", func(d *device) (err error) {
		if underWay, _, err := d.UnderWay(); err == nil && underWay.Action == updater.Trial {
			return fmt.Errorf("%w: %s", errOnTrial, underWay.Why)
		}
		out, err = d.Check(ctx, updater.InstallOptions{})
		waits = out.RebootRequired && out.Slot != d.Booted
		return err
	})
	kind := agent.Available
	switch {
	case errors.Is(err, updater.ErrNothingToDo) && waits:
		kind = agent.Waiting
	case errors.Is(err, updater.ErrRefusedRelease):
		kind = agent.Unwanted
	case err != nil:
		kind = failure(err)
	}
	return a.outcome(ctx, kind, out, err)
}

// Install is `abota install`, of one release and no other.
func (a *agentDevice) Install(ctx context.Context, want string) agent.Outcome {
	var (
		out   updater.Outcome
		waits bool
	)
	err := a.with(ctx, writing, want, func(d *device) (err error) {
		d.Progress = func(updater.Progress) { a.alive() }
		a.watchTrial(d)
		a.c.warnOfRisks(ctx, d.cfg)
		out, err = d.Install(ctx, updater.InstallOptions{})
		waits = out.RebootRequired && out.Slot != d.Booted
		return err
	})
	kind := agent.NothingNew
	switch {
	case waits && (err == nil || errors.Is(err, updater.ErrNothingToDo)):
		kind = agent.Waiting
	case err != nil:
		kind = failure(err)
	}
	return a.outcome(ctx, kind, out, err)
}

// Restart reboots, if that still starts this release.
func (a *agentDevice) Restart(ctx context.Context, want string) agent.Outcome {
	kind := agent.Failed
	err := a.with(ctx, writing, "", func(d *device) error {
		underWay, id, err := d.UnderWay()
		switch {
		case err != nil:
			return err
		case underWay.Action != updater.RebootRequired || id.Checksum != want:
			kind = agent.NothingNew
			return nil
		}
		a.watchTrial(d)
		if err := d.Restart(ctx); err != nil {
			return err
		}
		if d.Service != nil {
			kind = agent.NothingNew
			return nil
		}
		return errors.New("the device did not restart")
	})
	if err != nil {
		kind = failure(err)
	}
	return a.outcome(ctx, kind, updater.Outcome{}, err)
}

// with opens the device for one step, with the release that is offered.
func (a *agentDevice) with(ctx context.Context, how access, want string, do func(*device) error) error {
	return a.step(ctx, how, func(d *device) error {
		cfg := *d.cfg
		if how == reading {
			cfg.Retry.Open = min(cfg.Retry.Open, lookTries)
		}
		r, err := a.c.release(&cfg, nil)
		if err != nil {
			return err
		}
		d.Engine.Release = offered{r}
		if want != "" {
			d.Engine.Release = pinned{d.Engine.Release, want}
		}
		return do(d)
	})
}

func (a *agentDevice) outcome(ctx context.Context, kind agent.Kind, out updater.Outcome, err error) agent.Outcome {
	if ctx.Err() != nil {
		kind = agent.Stopped
	}
	o := agent.Outcome{Kind: kind, Release: out.Release.Checksum, Published: out.Release.Published, RetryAfter: source.RetryAfter(err), Err: err}
	if o.Release != "" {
		o.Name = out.Release.Name()
	}
	return o
}

// failures maps errors to what the agent does about them; the first match
// counts, and what is nowhere here goes by its exit code.
var failures = []struct {
	is   error
	kind agent.Kind
}{
	{errSuperseded, agent.Superseded},
	{errLocked, agent.Busy},
	{errOnTrial, agent.Busy},
	{hook.ErrDeferred, agent.Deferred},
	{updater.ErrUnhealthy, agent.Unwanted},
	{source.ErrNotFound, agent.Missing},
}

// failure is the kind of an error that a step ended in.
func failure(err error) agent.Kind {
	for _, f := range failures {
		if errors.Is(err, f.is) {
			return f.kind
		}
	}
	// The other verbs' refusals are about what is under way.
	if errors.As(err, new(*bootctl.RefusedError)) {
		return agent.Busy
	}
	switch exitCode(err) {
	case cli.ExitNothingToDo:
		return agent.NothingNew
	case cli.ExitUsage:
		return agent.Denied
	case cli.ExitUntrusted:
		return agent.Corrupt
	case cli.ExitTransport:
		return agent.Transport
	case cli.ExitRefused:
		return agent.Refused
	}
	return agent.Failed
}

// pinned is a release that counts only as long as it is the one that was
// found: another one has a time of its own.
type pinned struct {
	updater.Release
	checksum string
}

func (p pinned) Check(ctx context.Context) (release.ID, error) {
	id, err := p.Release.Check(ctx)
	if err == nil && id.Checksum != p.checksum {
		err = fmt.Errorf("%w: %s", errSuperseded, id.Name())
	}
	return id, err
}

func (p pinned) Open(ctx context.Context) (updater.Payload, error) {
	payload, err := p.Release.Open(ctx)
	if err != nil {
		return nil, err
	}
	if id := payload.ID(); id.Checksum != p.checksum {
		return nil, errors.Join(fmt.Errorf("%w: %s", errSuperseded, id.Name()), payload.Close())
	}
	return payload, nil
}
