package ota

import (
	"context"
	"fmt"
	"time"

	"abota/cmd/internal/cli"
)

// session is one invocation.
type session struct {
	*services
	out   *cli.Output
	now   func() time.Time
	every time.Duration // between looks at what goes on by itself
	dry   *dryRun       // nil when requests are really sent
	undo  []undo        // what was made so far, the last one last
}

func newSession(ctx context.Context, out *cli.Output, a Access) (*session, error) {
	s, err := connect(ctx, a, nil)
	return &session{services: s, out: out, now: time.Now, every: lookEvery}, err
}

// lookEvery is how often a job is looked at.
const lookEvery = 2 * time.Second

// warn says what works but should be known, and what is cleaned up: on stderr
// also with --json.
func (s *session) warn(format string, args ...any) {
	fmt.Fprintf(s.out.Stderr, "%s: %s\n", s.out.Name, fmt.Sprintf(format, args...))
}

// pause waits; false when ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// undo removes something that was made.
type undo struct {
	what string
	do   func(context.Context) error
}

// cleanupTime bounds how long an interrupted run still takes.
const cleanupTime = 30 * time.Second

// made notes how to remove what is about to be made.
func (s *session) made(what string, do func(context.Context) error) {
	if s.dry == nil {
		s.undo = append(s.undo, undo{what, do})
	}
}

// forget keeps what was made.
func (s *session) forget() { s.undo = nil }

// cleanUp removes what was made, the last first. It does so also when ctx
// ended, because that is how an interruption looks.
func (s *session) cleanUp(ctx context.Context, really bool) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer stop()
	for i := len(s.undo) - 1; i >= 0; i-- {
		u := s.undo[i]
		if !really {
			s.warn("left as it is: %s", u.what)
			continue
		}
		if err := u.do(ctx); err != nil {
			s.warn("cannot remove %s: %v: remove it by hand", u.what, err)
		}
	}
	s.forget()
}
