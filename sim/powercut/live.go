package powercut

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"abota/bootctl"
	"abota/sim"
	"abota/sim/guest"
	"abota/sim/parts"
	"abota/updater"
)

// live is a board that takes one update after the other while its power goes
// at random moments.
type live struct {
	recorder
	rng    *rand.Rand
	origin Place
	next   int
	// takes is how long an update takes on this host, from power-on to the
	// verdict: the moments of the cuts are spread over it.
	takes time.Duration
	cuts  int
	// note tells the timeline.
	note func(format string, args ...any)
}

// firstLive is the first version that is published.
const firstLive = 2

// cutsEach bounds the cuts in one update, so that it comes to its end.
const cutsEach = 4

// updateLimit is far more than an update takes with all its cuts.
const updateLimit = 15 * time.Minute

// sickEvery makes every third update one whose trial fails.
const sickEvery = 3

// liveCuts plays updates until the power was cut n times. The board must be
// off, as it left the factory.
func liveCuts(ctx context.Context, w *sim.World, seed uint64, n int, note func(string, ...any)) (updates, cuts int, err error) {
	l := &live{
		recorder: recorder{world: w}, rng: rand.New(rand.NewPCG(seed, 2)),
		origin: Place{bootctl.A, sim.FactoryVersion}, next: firstLive, note: note,
	}
	began := time.Now()
	if err := l.start(ctx); err != nil {
		return 0, 0, err
	}
	up := time.Since(began)
	for l.cuts < n && err == nil {
		err = l.oneUpdate(ctx, up, min(cutsEach, n-l.cuts))
	}
	w.Board().PowerCut()
	return l.next - firstLive, l.cuts, err
}

// progress is what is known of an update that is under way.
type progress struct {
	release Release
	target  bootctl.Slot
	// armed says that the install was acknowledged, ended that the verdict
	// was seen.
	armed, ended bool
	// once says that the loader starts a trial once, and that only a restart goes
	// on after a cut in it.
	once bool
	// starts is how often the loader may have started the target: it gives a
	// trial three attempts, and after the third cut the origin is right.
	starts int
}

// may is what may run now.
func (p progress) may(origin Place) []Place {
	target := Place{p.target, p.release.Version}
	switch {
	case p.ended && p.release.Healthy():
		return []Place{target}
	case p.ended:
		return []Place{origin}
	case p.armed && p.release.Healthy() && !p.once:
		return []Place{target}
	}
	return []Place{origin, target}
}

// oneUpdate publishes a release and cuts the power until it was kept or left.
func (l *live) oneUpdate(ctx context.Context, up time.Duration, most int) error {
	b := guest.Healthy
	if l.next%sickEvery == 0 {
		b = guest.Unhealthy
	}
	ctx, cancel := context.WithTimeoutCause(ctx, updateLimit, fmt.Errorf("not at its end after %s", updateLimit))
	defer cancel()
	image, err := l.world.Publish(ctx, strconv.Itoa(l.next), b)
	if err != nil {
		return err
	}
	p := &progress{
		release: published(image, strconv.Itoa(l.next), b),
		target:  l.origin.Slot.Other(),
		once:    l.world.Kind().Loader == parts.LoaderEFI,
	}
	l.next++
	began, cutsBefore := time.Now(), l.cuts
	span := max(l.takes, 3*up)
	err = l.untilCut(ctx, span, true, func(ctx context.Context) error { return l.goOn(ctx, p) })
	for errors.Is(err, errCut) {
		l.cuts++
		p.starts++
		again := l.cuts-cutsBefore < most && p.starts < bootctl.DefaultTrialTries
		err = l.untilCut(ctx, span, again, func(ctx context.Context) error {
			if err := l.start(ctx); err != nil {
				return err
			}
			return l.goOn(ctx, p)
		})
	}
	if err != nil {
		return fmt.Errorf("update to version %s (%s) with %d cuts: %w", p.release.Version, b, l.cuts-cutsBefore, err)
	}
	if l.cuts == cutsBefore {
		l.takes = max(l.takes, up+time.Since(began))
	}
	if b == guest.Healthy {
		l.origin = Place{p.target, p.release.Version}
	}
	return nil
}

// errCut says that the power went on purpose.
var errCut = errors.New("the power was cut")

// violation is a device in a state in which it must not be. Any other error
// may come of a cut.
type violation struct{ text string }

func (v *violation) Error() string { return v.text }

func violated(format string, args ...any) error { return &violation{fmt.Sprintf(format, args...)} }

// untilCut does something while the power may go at a random moment.
func (l *live) untilCut(ctx context.Context, span time.Duration, cut bool, do func(context.Context) error) error {
	if !cut {
		return do(ctx)
	}
	var mu sync.Mutex
	done, gone := false, false
	after := time.Duration(l.rng.Int64N(int64(span)))
	timer := time.AfterFunc(after, func() {
		mu.Lock()
		defer mu.Unlock()
		if !done {
			gone = true
			l.world.Board().PowerCut()
		}
	})
	err := do(ctx)
	timer.Stop()
	mu.Lock()
	defer mu.Unlock()
	done = true
	if !gone || ctx.Err() != nil {
		return err
	}
	if v := (*violation)(nil); errors.As(err, &v) {
		return err
	}
	l.note("the power fails %.1f s into it", after.Seconds())
	return errCut
}

// goOn brings an update on from wherever the device is, whose user space has
// reported, to its end.
func (l *live) goOn(ctx context.Context, p *progress) error {
	for {
		for l.leaves() {
			if p.release.Healthy() || l.booted != p.target.String() {
				return violated("slot %s is left (%s), but nothing failed there", l.booted, l.decision)
			}
			p.armed = true
			l.seen = max(l.seen, l.greeted)
			if err := l.up(ctx); err != nil {
				return err
			}
		}
		runs, err := l.look(ctx)
		if err != nil {
			return err
		}
		if may := p.may(l.origin); !slices.Contains(may, runs) {
			return violated("%s runs, but only %v may (armed: %v, verdict seen: %v)", runs, may, p.armed, p.ended)
		}
		if runs.Slot == p.target {
			p.armed = true
			return l.tried(ctx, p)
		}
		if p.armed && p.once && l.decision == updater.ArmAgain.String() {
			p.starts++
			if err := l.restart(ctx); err != nil {
				return err
			}
			continue
		}
		if p.armed {
			p.ended = true // only an unhealthy one comes here
			return l.check(ctx, p)
		}
		p.starts = 0 // nothing is armed, or it would run
		if err := l.installs(ctx, p); err != nil {
			return err
		}
	}
}

// installs brings the release into the other slot and starts it.
func (l *live) installs(ctx context.Context, p *progress) error {
	// 3: it is installed already and waits for the reboot.
	if _, err := l.run(ctx, "("+installing+") || [ $? = 3 ]"); err != nil {
		return err
	}
	p.armed = true
	p.starts++
	return l.restart(ctx)
}

func (l *live) restart(ctx context.Context) error {
	if err := l.reboot(ctx); err != nil {
		return err
	}
	return l.up(ctx)
}

// tried waits for the end of the trial that the device is in, or was.
func (l *live) tried(ctx context.Context, p *progress) error {
	if p.release.Healthy() {
		for {
			s, err := l.status(ctx)
			if err != nil {
				return err
			}
			if s.Phase == "committed" {
				p.ended = true
				return l.check(ctx, p)
			}
			if err := pause(ctx, time.Second); err != nil {
				return err
			}
		}
	}
	if err := l.console(ctx, rolledBack); err != nil {
		return err
	}
	p.ended = true
	l.seen = max(l.seen, l.greeted)
	if err := l.up(ctx); err != nil {
		return err
	}
	return l.check(ctx, p)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// deviceStatus is what is read of `abota status --json`.
type deviceStatus struct {
	Booted    string `json:"booted"`
	Primary   string `json:"primary"`
	Phase     string `json:"phase"`
	Condemned []struct {
		Release struct {
			Version string `json:"version"`
		} `json:"release"`
	} `json:"condemned"`
}

func (l *live) status(ctx context.Context) (s deviceStatus, err error) {
	got, err := l.run(ctx, "abota status --json")
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(got.Stdout), &s); err != nil {
		return s, fmt.Errorf("read the guest's status %q: %w", got.Stdout, err)
	}
	return s, nil
}

// check holds the end of an update against what the device says of itself.
func (l *live) check(ctx context.Context, p *progress) error {
	runs, err := l.look(ctx)
	if err != nil {
		return err
	}
	if may := p.may(l.origin); !slices.Contains(may, runs) {
		return violated("at the end %s runs, but only %v may", runs, may)
	}
	s, err := l.status(ctx)
	if err != nil {
		return err
	}
	if s.Booted != runs.Slot.String() || s.Primary != s.Booted {
		return violated("at the end abota takes %s for booted and %s for primary, while %s runs", s.Booted, s.Primary, runs)
	}
	if p.release.Healthy() {
		return nil
	}
	for _, c := range s.Condemned {
		if c.Release.Version == p.release.Version {
			return nil
		}
	}
	return violated("version %s failed, but is not condemned: %+v", p.release.Version, s.Condemned)
}
