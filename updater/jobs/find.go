package jobs

import (
	"context"
	"errors"
	"time"
)

// maxLooked bounds how many jobs of others one look describes, and maxForeign
// how many are remembered.
const maxLooked, maxForeign = 20, 500

// finder finds the next execution that abota can carry out.
type finder struct {
	client  *Client
	unknown Unknown
	// foreign are executions of others that were described already.
	foreign map[key]time.Time // when they were queued
}

// find is the execution that comes next, nil when there is none. Nothing is
// started by it. Where others' jobs are left alone, it passes them over.
func (f *finder) find(ctx context.Context) (*Found, error) {
	e, err := f.client.Describe(ctx, Next, 0)
	if _, gone := over(err); gone || err == nil && e == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	first := parsed(e)
	if !f.isForeign(first) {
		return first, nil
	}
	pending, err := f.client.Pending(ctx)
	if err != nil {
		return nil, err
	}
	looked := 0
	for _, p := range pending {
		queued, seen := f.foreign[key{p.Job, p.Number}]
		if seen && queued.Equal(p.Queued) || looked == maxLooked {
			continue
		}
		looked++
		e, err := f.client.Describe(ctx, p.Job, p.Number)
		if _, gone := over(err); gone {
			continue
		}
		if err != nil {
			return nil, err
		}
		if found := parsed(e); !found.Status.Over() && !f.isForeign(found) {
			return found, nil
		}
	}
	return nil, nil
}

// isForeign reports whether an execution is another agent's, and remembers it.
func (f *finder) isForeign(found *Found) bool {
	if f.unknown != Leave || !errors.Is(found.Err, ErrUnknown) {
		return false
	}
	if len(f.foreign) >= maxForeign {
		clear(f.foreign)
	}
	f.foreign[key{found.Job, found.Number}] = found.Queued
	return true
}

// parsed is an execution with its document read.
func parsed(e *Execution) *Found {
	f := &Found{Execution: *e}
	f.Parsed, f.Err = Parse(e.Document)
	return f
}
