package source

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// patience counts failures in a row and decides how long to go on.
type patience struct {
	retry    Retry
	budget   int
	failures int
	last     *answer
}

// progress forgets earlier failures.
func (p *patience) progress() { p.failures, p.last = 0, nil }

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
		err := attempt()
		var a *answer
		if ctx.Err() != nil && err != nil {
			return ctx.Err()
		}
		if !errors.As(err, &a) || a.final {
			return err
		}
		p.failed(a)
	}
}

// delay is how long to wait after the failures so far.
func (p *patience) delay() time.Duration {
	if p.failures == 0 {
		return 0
	}
	d := p.retry.First
	for i := 1; i < p.failures && d < p.retry.Longest; i++ {
		d *= 2
	}
	d = min(d, p.retry.Longest)
	return d - rand.N(d/2+1)
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
