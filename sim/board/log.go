package board

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Kind is what sort of event was seen.
type Kind uint8

// The kinds of events.
const (
	// Console is a line on the serial console, without control sequences.
	Console Kind = iota
	// Hello is the guest's agent reporting from a booted user space; the
	// text is the kernel's boot ID.
	Hello
	// PowerOn and PowerOff are the emulator's start and end.
	PowerOn
	PowerOff
)

// Event is one thing that was seen of the board.
type Event struct {
	At   time.Time
	Kind Kind
	Text string
}

// Mark is a place in a log.
type Mark int

// Log is the ordered list of everything that was seen of a board.
type Log struct {
	silence time.Duration

	mu      sync.Mutex
	events  []Event
	heard   time.Time
	watch   func(Event)
	changed chan struct{}
}

func newLog(silence time.Duration) *Log {
	return &Log{silence: silence, changed: make(chan struct{})}
}

// Watch calls f for every event from now on, in their order. f must not call
// the log.
func (l *Log) Watch(f func(Event)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watch = f
}

// Mark is the log's end as of now.
func (l *Log) Mark() Mark {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Mark(len(l.events))
}

// Since returns the events after a mark.
func (l *Log) Since(from Mark) []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Event{}, l.events[from:]...)
}

func (l *Log) add(kind Kind, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := Event{At: time.Now(), Kind: kind, Text: text}
	l.events = append(l.events, e)
	l.heard = e.At
	if l.watch != nil {
		l.watch(e)
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// alive notes a sign of life that is no event.
func (l *Log) alive() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = time.Now()
}

// Wait returns the place after the first event since from that match accepts.
// It ends early with ErrOff when the board goes off first, ErrSilent when
// nothing is heard of it for too long, or the context's error.
func (l *Log) Wait(ctx context.Context, from Mark, match func(Event) bool) (Event, Mark, error) {
	var found Event
	next, err := l.waitAny(ctx, from, func(e Event) bool {
		found = e
		return match(e) || e.Kind == PowerOff
	})
	if err == nil && found.Kind == PowerOff && !match(found) {
		err = fmt.Errorf("%w: %s", ErrOff, found.Text)
	}
	return found, next, err
}

func (l *Log) waitAny(ctx context.Context, from Mark, match func(Event) bool) (Mark, error) {
	l.mu.Lock()
	l.heard = time.Now()
	l.mu.Unlock()
	for {
		l.mu.Lock()
		fresh, changed := l.events[from:], l.changed
		left := l.silence - time.Since(l.heard)
		l.mu.Unlock()
		for _, e := range fresh {
			from++
			if match(e) {
				return from, nil
			}
		}
		if left <= 0 {
			return from, fmt.Errorf("%w for %s", ErrSilent, l.silence)
		}
		timer := time.NewTimer(left)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return from, context.Cause(ctx)
		}
		timer.Stop()
	}
}
