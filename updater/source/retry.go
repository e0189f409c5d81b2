package source

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// patience counts failures in a row and decides how long to go on.
type patience struct {
	retry    Retry
	budget   int
	failures int
	last     *answer
	cures    []string // that were tried since the last progress
}

// cure is what may turn a failure into success at once. It is tried once.
type cure struct {
	name string
	try  func(context.Context) error
}

// progress forgets earlier failures.
func (p *patience) progress() { p.failures, p.last, p.cures = 0, nil, nil }

func (p *patience) failed(a *answer) { p.failures, p.last = p.failures+1, a }

// persist repeats attempt, with growing pauses, until it succeeds, or fails
// for good, or the budget is used up. Failures that were noted before count.
func (p *patience) persist(ctx context.Context, attempt func() error) error {
	for {
		if p.failures >= p.budget {
			return fmt.Errorf("%w (given up after %d failures in a row)", p.last, p.failures)
		}
		if err := pause(ctx, p.delay()); err != nil {
			return err
		}
		err := p.attempt(ctx, attempt)
		var a *answer
		if ctx.Err() != nil && err != nil {
			return ctx.Err()
		}
		if !errors.As(err, &a) || a.final || a.after > p.retry.After {
			return err
		}
		p.failed(a)
	}
}

// attempt tries, and once more after each new cure.
func (p *patience) attempt(ctx context.Context, attempt func() error) error {
	for {
		err := attempt()
		var a *answer
		if !errors.As(err, &a) || a.cure == nil || slices.Contains(p.cures, a.cure.name) {
			return err
		}
		if err := a.cure.try(ctx); err != nil {
			return err // it may work later
		}
		p.cures = append(p.cures, a.cure.name)
	}
}

// delay is how long to wait after the failures so far: longer with each, and
// as long as the server asked for.
func (p *patience) delay() time.Duration {
	if p.failures == 0 {
		return 0
	}
	d := p.retry.First
	for i := 1; i < p.failures && d < p.retry.Longest; i++ {
		d *= 2
	}
	d = min(d, p.retry.Longest)
	d -= rand.N(d/2 + 1)
	if p.last != nil && p.last.after > d {
		d = p.last.after + rand.N(p.last.after/8+1)
	}
	return d
}

func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RetryAfter is how long the server that err comes from asked to be left
// alone, by its Retry-After header; 0 when it did not. It may be any time:
// what is too long to be obeyed is for the caller to decide.
func RetryAfter(err error) time.Duration {
	var a *answer
	if errors.As(err, &a) {
		return a.after
	}
	return 0
}

// maxAfter bounds a Retry-After, which must not keep a device away for good.
const maxAfter = 7 * 24 * time.Hour

// retryAfter reads the header, seconds or a date. A date is compared with the
// server's own, since this device may have no clock.
func retryAfter(header http.Header) time.Duration {
	text := header.Get("Retry-After")
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxAfter)
	}
	until, err := http.ParseTime(text)
	now, nowErr := http.ParseTime(header.Get("Date"))
	if err != nil || nowErr != nil {
		return 0
	}
	return min(max(0, until.Sub(now)), maxAfter)
}
