package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"abota/bootctl"
	"abota/cmd/internal/cli"
	"abota/updater"
	"abota/updater/agent"
	"abota/updater/classic"
	"abota/updater/config"
	"abota/updater/hook"
	"abota/updater/jobs"
	"abota/updater/release"
	"abota/updater/source"
)

// jobDevice carries out what the jobs agent decides.
type jobDevice struct {
	*keeper
	link source.Link
	// started is when this agent was, for a window that nobody sees without a
	// clock.
	started time.Time
}

// Standing is what the journal says of the job's release. Where only the source
// knows which release that is, it stands as new: the install finds out.
func (j *jobDevice) Standing(ctx context.Context, job jobs.Job) (jobs.Standing, error) {
	j.refresh()
	if job.Cancelled {
		// Its trial is not to be finished.
	} else if err := j.finish(ctx); err != nil && !errors.Is(err, updater.ErrNotStarted) && !errors.Is(err, updater.ErrUnhealthy) {
		return jobs.Standing{}, err
	}
	var standing jobs.Standing
	err := j.step(ctx, reading, func(d *device) error {
		id, err := j.named(d, job)
		if err != nil {
			return err
		}
		standing, err = standingOf(d, id)
		return err
	})
	return standing, err
}

// named is the job's release, as far as an earlier step, or the document with
// what the journal knows, tells it.
func (j *jobDevice) named(d *device, job jobs.Job) (release.ID, error) {
	if job.Release != (release.ID{}) {
		return job.Release, nil
	}
	if f := job.Document.File; f != nil {
		by, err := signatureOf(d.cfg, *f)
		if err != nil {
			return release.ID{}, nil // the install says so
		}
		known, err := d.Known()
		for _, id := range known {
			if by.VerifyHex(id.SHA256) == nil {
				return id, nil
			}
		}
		return release.ID{Checksum: by.Checksum()}, err
	}
	s := job.Document.Source
	if s == nil {
		return release.ID{}, nil
	}
	sum, err := classic.ParseSum(s.Checksum)
	if err != nil {
		return release.ID{}, nil
	}
	return release.ID{Checksum: strings.ToLower(s.Checksum), SHA256: sum.SHA256, Version: s.Release}, nil
}

// standingOf puts a release's fate into the words of jobs.
func standingOf(d *device, id release.ID) (jobs.Standing, error) {
	fate, err := d.Fate(id)
	if err != nil {
		return jobs.Standing{}, err
	}
	underWay, _, err := d.UnderWay()
	if err != nil {
		return jobs.Standing{}, err
	}
	s, err := d.Status()
	if err != nil {
		return jobs.Standing{}, err
	}
	standing := jobs.Standing{Release: fate.Release, Reason: fate.Reason, Slot: d.Booted.Other().String()}
	if s.Slots[d.Booted].BootStatus == "good" {
		standing.Running = s.Release
	}
	switch fate.Standing {
	case updater.Waits:
		standing.State = jobs.Armed
	case updater.OnTrial:
		standing.State, standing.Slot = jobs.OnTrial, d.Booted.String()
	case updater.Confirmed:
		standing.State, standing.Slot = jobs.Confirmed, d.Booted.String()
	case updater.Condemned, updater.Withheld:
		standing.State = jobs.Failed
	default:
		standing.State = jobs.New
		if !installable(underWay.Action) {
			standing.State, standing.Reason = jobs.Busy, underWay.Why
		}
	}
	return standing, nil
}

// installable reports whether an install may begin: it takes up by itself what
// `abota boot` left, but never a trial or a rollback.
func installable(a updater.Action) bool {
	switch a {
	case updater.Trial, updater.Leave, updater.FinishRollback, updater.Stranded, updater.ArmAgain:
		return false
	}
	return true
}

// Install is `abota install` of the job's release.
func (j *jobDevice) Install(ctx context.Context, job jobs.Job, with jobs.Progressing) jobs.Result {
	j.refresh()
	var out updater.Outcome
	err := j.step(ctx, writing, func(d *device) (err error) {
		d.Progress = func(p updater.Progress) {
			j.alive()
			with.Progress(progressOf(job, d, p))
		}
		j.watchTrial(d)
		o := offers{c: j.c, cfg: d.cfg, link: j.link, known: d.Known, renew: with.Renew}
		if d.Engine.Release, err = o.of(job.Document); err != nil {
			return err
		}
		j.c.warnOfRisks(ctx, d.cfg)
		out, err = d.Install(ctx, updater.InstallOptions{})
		return settled(err)
	})
	return resultOf(ctx, job, out, err)
}

// settled is no error where the journal has all that there is to say: the
// release runs or waits already.
func settled(err error) error {
	if errors.Is(err, updater.ErrNothingToDo) {
		return nil
	}
	return err
}

// progressOf is how far an install is, in the words of jobs.
func progressOf(job jobs.Job, d *device, p updater.Progress) jobs.Progress {
	said := jobs.Progress{Done: p.Fetched, Total: p.Release.Size, Slot: d.Booted.Other().String(), Release: p.Release}
	f := job.Document.File
	if f == nil {
		return said
	}
	said.Total = f.Size
	if f.Protocol == jobs.MQTT {
		block := source.StreamOptions{Format: d.cfg.AWSIoT.Format, BlockSize: d.cfg.AWSIoT.BlockSize, Size: f.Size}.Block()
		said.Blocks, said.AllBlocks = int((p.Fetched+block-1)/block), int((f.Size+block-1)/block)
	}
	return said
}

// resultOf is how a step ended.
func resultOf(ctx context.Context, job jobs.Job, out updater.Outcome, err error) jobs.Result {
	r := jobs.Result{Kind: jobs.Done, Release: out.Release, RetryAfter: source.RetryAfter(err), Err: err}
	if out.Release != (release.ID{}) { // else nothing says where it would go
		r.Slot = out.Slot.String()
	}
	switch {
	case ctx.Err() != nil:
		r.Kind = jobs.Stopped
	case err != nil:
		r.Kind = kindOf(job, err)
	}
	return r
}

// jobKinds maps errors to what they are to a job; the first match counts, and
// what is nowhere here goes by its exit code.
var jobKinds = []struct {
	is   error
	kind jobs.Kind
}{
	{jobs.ErrOver, jobs.Stopped},
	{errLocked, jobs.Occupied},
	{errOnTrial, jobs.Occupied},
	{hook.ErrDeferred, jobs.Deferred},
	{updater.ErrUnhealthy, jobs.Unhealthy},
}

func kindOf(job jobs.Job, err error) jobs.Kind {
	for _, k := range jobKinds {
		if errors.Is(err, k.is) {
			return k.kind
		}
	}
	// Other verbs' refusals are about what is under way.
	if errors.As(err, new(*bootctl.RefusedError)) {
		return jobs.Occupied
	}
	if errors.Is(err, source.ErrDenied) && byURL(job.Document) {
		return jobs.Expired
	}
	switch exitCode(err) {
	case cli.ExitUntrusted:
		return jobs.Untrusted
	case cli.ExitTransport:
		return jobs.Transport
	case cli.ExitRefused:
		return jobs.Refused
	}
	return jobs.Broken
}

// byURL reports whether a document names an address, which may expire.
func byURL(d jobs.Document) bool {
	return d.File != nil && d.File.Protocol == jobs.HTTP || d.Source != nil && d.Source.URL != ""
}

// errNotRestarted: the machine runs on although it was told to restart.
var errNotRestarted = errors.New("the device did not restart")

// Restart restarts into the job's release, if that still is what the next start
// brings, and the configuration lets this agent do so now.
func (j *jobDevice) Restart(ctx context.Context, job jobs.Job) jobs.Result {
	if wait, why := j.restartWait(j.refresh()); why != "" {
		return jobs.Result{Kind: jobs.Deferred, RetryAfter: wait, Err: errors.New(why)}
	}
	err := j.step(ctx, writing, func(d *device) error {
		fate, err := d.Fate(job.Release)
		if err != nil || fate.Standing != updater.Waits {
			return err
		}
		j.watchTrial(d)
		if err := d.Restart(ctx); err != nil || d.Service != nil || ctx.Err() != nil {
			return settled(err)
		}
		return errNotRestarted
	})
	r := resultOf(ctx, job, updater.Outcome{Release: job.Release}, err)
	r.Slot = "" // it was said when it was written
	return r
}

const (
	// closedWindow is why something waits for one.
	closedWindow = "outside of the maintenance windows (poll.window)"
	// askAgain is how long until it is looked again whether somebody else
	// restarted the device.
	askAgain = 10 * time.Minute
)

// folders reports whether an install restarts a service, and not the device.
func folders(cfg *config.Config) bool { return cfg.Slots[bootctl.A].Dir != "" }

// restartWait is why a restart may not be now, and how long to wait.
func (j *jobDevice) restartWait(cfg *config.Config) (time.Duration, string) {
	if cfg.Poll.Reboot == config.RebootByApplication && !folders(cfg) {
		return askAgain, "the application restarts the device (poll.reboot)"
	}
	return j.untilOpen(cfg)
}

// Wait is how long an install may not begin. With poll.reboot: window only the
// restart waits, but in folders the install is the restart.
func (j *jobDevice) Wait() (time.Duration, string) {
	cfg := j.config()
	if cfg.Poll.Reboot == config.RebootInWindow && !folders(cfg) {
		return 0, ""
	}
	return j.untilOpen(cfg)
}

// untilOpen is how long it takes until a window opens. Without a clock nobody
// sees one, so it is waited for a while and then gone on.
func (j *jobDevice) untilOpen(cfg *config.Config) (wait time.Duration, why string) {
	windows := policyOf(cfg, "").Windows
	now := plausibleTime()
	switch {
	case len(windows) == 0:
	case now.IsZero():
		wait = max(0, agent.BlindFor-time.Since(j.started))
	default:
		wait = agent.UntilOpen(windows, now)
	}
	if wait > 0 {
		why = closedWindow
	}
	return wait, why
}

// Disarm takes back what the job installed, where it is not confirmed.
func (j *jobDevice) Disarm(ctx context.Context, job jobs.Job) error {
	err := j.step(ctx, writing, func(d *device) error {
		id, err := j.named(d, job)
		if err != nil {
			return err
		}
		leave, err := d.Withdraw(id, fmt.Sprintf("job %s does not stand any more", job.ID))
		switch {
		case errors.Is(err, updater.ErrNothingToDo):
			return nil
		case err != nil || !leave:
			return err
		case d.Service != nil:
			_, err := d.Follow(ctx)
			return err
		}
		return d.RestartAnyway(ctx)
	})
	if errors.As(err, new(*bootctl.RefusedError)) {
		return fmt.Errorf("%w: %w", jobs.ErrCannotDisarm, err)
	}
	return err
}

// startup is what loader, kernel and init may take from a reset to `abota boot`.
const startup = 3 * time.Minute

// RestartBudget is how long a restart and a trial may take, at most, with all
// the attempts that it has.
func (j *jobDevice) RestartBudget() time.Duration {
	cfg := j.config()
	h, hooks := cfg.Health, cfg.Hooks.Timeout
	if folders(cfg) {
		return hooks + cfg.Bootloader.RestartTimeout + trialOf(h)
	}
	attempt := orderlyFor + syncFor + startup + trialOf(h)
	return hooks + bootctl.DefaultTrialTries*attempt
}

// trialOf is how long the health checks may take, see health.Gate.
func trialOf(h config.Health) time.Duration {
	deadline, timeout := h.Deadline, time.Duration(0)
	for _, c := range h.Checks {
		timeout = max(timeout, c.Timeout)
	}
	if h.UpdatePath {
		deadline, timeout = max(deadline, h.UpdatePathDeadline), max(timeout, updatePathTimeout)
	}
	return deadline + h.StableFor + timeout + 2*time.Second
}
