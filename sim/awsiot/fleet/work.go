package fleet

import (
	"context"
	"errors"
	"strings"
	"time"

	"abota/updater"
	"abota/updater/jobs"
	"abota/updater/mqtt"
	"abota/updater/raw"
	"abota/updater/release"
	"abota/updater/signature"
	"abota/updater/source"
)

// blockSize has an image come in several messages.
const blockSize = 16 << 10

// offeredRaw and offeredSigned adapt releases to what the engine asks for.
type (
	offeredRaw    struct{ *raw.Release }
	offeredSigned struct{ *signature.Release }
)

func (o offeredRaw) Open(ctx context.Context) (updater.Payload, error) { return o.Release.Open(ctx) }

func (o offeredSigned) Open(ctx context.Context) (updater.Payload, error) { return o.Release.Open(ctx) }

// signed is the signature in a document, by a certificate that the device
// trusts.
func (s *system) signed(f jobs.File) (*signature.Detached, error) {
	return signature.New(s.fleet.certificates, f.Certificate, string(f.Algorithm), f.Signature)
}

// offer is the release of a job.
func (s *system) offer(doc jobs.Document) (updater.Release, error) {
	f := doc.File
	if f == nil {
		return nil, errors.New("the job is not about a file")
	}
	by, err := s.signed(*f)
	if err != nil {
		return nil, err
	}
	stream, err := source.NewStream(source.StreamOptions{
		Link: s.streamLink(), Thing: s.name, Stream: f.Stream, FileID: f.ID, Size: f.Size, BlockSize: blockSize,
	})
	if err != nil {
		return nil, err
	}
	image := offeredRaw{&raw.Release{Source: stream, Object: "the file", Part: raw.PartName(f.Path), Size: f.Size}}
	return offeredSigned{&signature.Release{
		Look: image.Check, By: by, Known: s.engine.Known,
		Artifact: func(ctx context.Context) (signature.Payload, error) { return image.Open(ctx) },
	}}, nil
}

// named is the release of a job, as far as the journal knows it.
func (s *system) named(job jobs.Job) (release.ID, error) {
	if job.Release != (release.ID{}) || job.Document.File == nil {
		return job.Release, nil
	}
	by, err := s.signed(*job.Document.File)
	if err != nil {
		return release.ID{}, err
	}
	known, err := s.engine.Known()
	for _, id := range known {
		if by.VerifyHex(id.SHA256) == nil {
			return id, nil
		}
	}
	return release.ID{Checksum: by.Checksum()}, err
}

var states = map[updater.Standing]jobs.State{
	updater.Waits: jobs.Armed, updater.OnTrial: jobs.OnTrial, updater.Confirmed: jobs.Confirmed,
	updater.Condemned: jobs.Failed, updater.Withheld: jobs.Failed, updater.Unfamiliar: jobs.New,
}

// Standing is what the journal says of a job's release.
func (s *system) Standing(_ context.Context, job jobs.Job) (jobs.Standing, error) {
	id, err := s.named(job)
	if err != nil {
		return jobs.Standing{}, err
	}
	fate, err := s.engine.Fate(id)
	if err != nil {
		return jobs.Standing{}, err
	}
	st := jobs.Standing{State: states[fate.Standing], Release: fate.Release, Reason: fate.Reason, Slot: s.engine.Booted.Other().String()}
	if st.State == jobs.Confirmed || st.State == jobs.OnTrial {
		st.Slot = s.engine.Booted.String()
	}
	return st, nil
}

// Install fetches a job's release, proves it and arms it.
func (s *system) Install(ctx context.Context, job jobs.Job, with jobs.Progressing) jobs.Result {
	leave, err := s.fleet.mayInstall(ctx)
	if err != nil {
		return jobs.Result{Kind: jobs.Stopped, Err: err}
	}
	defer leave()
	if s.engine.Release, err = s.offer(job.Document); err != nil {
		return jobs.Result{Kind: jobs.Untrusted, Err: err}
	}
	var before int64
	s.engine.Progress = func(p updater.Progress) {
		with.Progress(jobs.Progress{Done: p.Fetched, Total: job.Document.File.Size, Slot: s.engine.Booted.Other().String(), Release: p.Release})
		s.fetches(p.Fetched - before)
		before = p.Fetched
	}
	out, err := s.engine.Install(ctx, updater.InstallOptions{})
	return resultOf(ctx, out, err)
}

// fetches counts what came.
func (s *system) fetches(n int64) { s.fleet.tell(func() { s.fetched += n }) }

// blocksLit is how many blocks of its first download come to a dark device
// before its power goes; there are four.
const blocksLit = 2

// darkLink is the link of a device that is going to lose its power. Blocks are
// read ahead of everything else, so it is here that some of them are missing.
type darkLink struct {
	*mqtt.Link
	of *system
}

func (l darkLink) Subscribe(filter string, deliver func(topic string, payload []byte)) (stop func()) {
	blocks := 0
	return l.Link.Subscribe(filter, func(topic string, payload []byte) {
		if strings.Contains(topic, "/streams/") && strings.Contains(topic, "/data/") {
			if blocks++; blocks > blocksLit && l.of.losesPower() {
				return
			}
		}
		deliver(topic, payload)
	})
}

// losesPower takes the power away, once.
func (s *system) losesPower() (gone bool) {
	s.fleet.tell(func() {
		if gone = s.cuts == 0; gone {
			s.cuts++
		}
	})
	if gone {
		s.cutPower()
	}
	return gone
}

// streamLink is what streams are read by.
func (s *system) streamLink() source.Link {
	if s.dark && s.cuts == 0 {
		return darkLink{s.link, s}
	}
	return s.link
}

func resultOf(ctx context.Context, out updater.Outcome, err error) jobs.Result {
	r := jobs.Result{Kind: jobs.Done, Release: out.Release, Slot: out.Slot.String(), Err: err}
	switch {
	case ctx.Err() != nil:
		r.Kind = jobs.Stopped
	case err == nil, errors.Is(err, updater.ErrNothingToDo):
	case errors.Is(err, source.ErrTransport):
		r.Kind, r.RetryAfter = jobs.Transport, source.RetryAfter(err)
	case errors.Is(err, updater.ErrRefusedRelease):
		r.Kind = jobs.Refused
	case errors.Is(err, signature.ErrUntrusted), errors.Is(err, raw.ErrCorrupt):
		r.Kind = jobs.Untrusted
	default:
		r.Kind = jobs.Broken
	}
	return r
}

// Restart restarts into a job's release, when the story lets it.
func (s *system) Restart(ctx context.Context, job jobs.Job) jobs.Result {
	if err := s.fleet.mayRestart(ctx, s.device); err != nil {
		return jobs.Result{Kind: jobs.Stopped, Err: err}
	}
	fate, err := s.engine.Fate(job.Release)
	if err == nil && fate.Standing == updater.Waits {
		err = s.engine.Restart(ctx)
	}
	return resultOf(ctx, updater.Outcome{Release: job.Release, Slot: s.engine.Booted.Other()}, err)
}

// Disarm takes back what a job installed.
func (s *system) Disarm(ctx context.Context, job jobs.Job) error {
	id, err := s.named(job)
	if err != nil {
		return err
	}
	leave, err := s.engine.Withdraw(id, "job "+job.ID+" does not stand any more")
	switch {
	case errors.Is(err, updater.ErrNothingToDo):
		return nil
	case err != nil || !leave:
		return err
	}
	return s.engine.RestartAnyway(ctx)
}

// RestartBudget is more than a restart takes here.
func (s *system) RestartBudget() time.Duration { return time.Minute }

// Wait is never: there are no windows.
func (s *system) Wait() (time.Duration, string) { return 0, "" }
