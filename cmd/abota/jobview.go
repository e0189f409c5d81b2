package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"abota/cmd/internal/cli"
	"abota/updater"
	"abota/updater/config"
	"abota/updater/jobs"
)

// byJobs reports whether a verb without a SOURCE is about the jobs of AWS IoT.
func byJobs(cfg *config.Config, args []string) bool {
	return cfg.Mode == config.ModeAWSIoT && len(args) == 0
}

// errTakesJobs: nobody installs a job by hand, since AWS IoT has to hear of it.
func errTakesJobs() error {
	return cli.Usage("releases come as jobs of AWS IoT here (mode: aws-iot), which `abota run` takes by itself: start that, or give a SOURCE")
}

// pendingJobs is what AWS IoT has for this device.
type pendingJobs struct {
	Result string       `json:"result"`
	Jobs   []pendingJob `json:"jobs"`
	// Next is the one that the agent would take first.
	Next *nextJob `json:"next,omitempty"`
}

type pendingJob struct {
	Job       string `json:"job"`
	Execution int64  `json:"execution"`
	Started   bool   `json:"started"`
}

type nextJob struct {
	pendingJob
	// Offers is what its document names, without addresses; Problem why it
	// would not be taken.
	Offers  string `json:"offers,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// checkJobs says what is pending, and starts nothing.
func (c *command) checkJobs(ctx context.Context, cfg *config.Config) error {
	if err := errors.Join(needs(cfg), cfg.Private()); err != nil {
		return err
	}
	view, err := c.viewJobs(ctx, cfg)
	if err != nil {
		return err
	}
	defer view.close()
	c.warnOfTrust(cfg)
	if err := view.connected(ctx); err != nil {
		return err
	}
	pending, err := view.pending(ctx)
	if err != nil {
		return err
	}
	c.showPending(pending)
	if len(pending.Jobs) == 0 {
		return fmt.Errorf("AWS IoT has no job for %s: %w", cfg.ThingName(), updater.ErrNothingToDo)
	}
	return nil
}

func (v *jobView) pending(ctx context.Context) (pendingJobs, error) {
	p := pendingJobs{Result: "nothing to do", Jobs: []pendingJob{}}
	all, err := v.Pending(ctx)
	if err != nil || len(all) == 0 {
		return p, err
	}
	p.Result = "pending"
	for _, s := range all {
		p.Jobs = append(p.Jobs, pendingJob{s.Job, s.Number, !s.Started.IsZero()})
	}
	next, err := v.Describe(ctx, jobs.Next, 0)
	if err != nil || next == nil {
		return p, err
	}
	p.Next = &nextJob{pendingJob: pendingJob{next.Job, next.Number, next.Status == jobs.InProgress}}
	if doc, err := jobs.Parse(next.Document); err != nil {
		p.Next.Problem = err.Error()
	} else {
		p.Next.Offers = offeredBy(doc)
	}
	return p, nil
}

func (c *command) showPending(p pendingJobs) {
	for _, j := range p.Jobs {
		state := "is queued"
		if j.Started {
			state = "is under way"
		}
		c.Say("job %s (execution %d) %s", j.Job, j.Execution, state)
	}
	if n := p.Next; n != nil && n.Problem != "" {
		c.Say("the next one is %s, which would not be taken: %s", n.Job, oneLine(n.Problem))
	} else if n != nil {
		c.Say("the next one is %s, which offers %s", n.Job, oneLine(n.Offers))
	}
	if c.JSON {
		c.Result(p)
	}
}

// offeredBy is what a document offers, for people: without what opens it.
func offeredBy(d jobs.Document) string {
	if f := d.File; f != nil {
		from := "stream " + f.Stream
		if f.Protocol == jobs.HTTP {
			from = hostOf(f.URL)
		}
		return fmt.Sprintf("a file of %s from %s, signed with %s", cli.Size(f.Size), from, f.Certificate)
	}
	s, from := d.Source, ""
	if from = hostOf(s.URL); s.URL == "" {
		from = fmt.Sprintf("s3://%s/%s", s.Bucket, s.Prefix)
	}
	if s.Release != "" {
		return fmt.Sprintf("release %s from %s", s.Release, from)
	}
	return "a release from " + from
}

func hostOf(address jobs.URL) string {
	u, err := url.Parse(address.Reveal())
	if err != nil {
		return "an address that is none"
	}
	return u.Host
}
