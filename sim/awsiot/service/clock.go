package service

import (
	"sync"
	"time"
)

// Clock says what time it is for the service. It may be faster than the
// world's, or stand still until it is moved.
type Clock interface {
	Now() time.Time
}

// VirtualClock is a [Clock] that runs at a speed of its own.
// It is safe for concurrent use.
type VirtualClock struct {
	mu    sync.Mutex
	base  time.Time // what the clock showed
	real  time.Time // at this moment of the world
	speed float64
}

// NewClock makes a clock that shows start now and goes speed times as fast as
// the world's: 1 is real time, 60 an hour in a minute, 0 stands still until
// [VirtualClock.Advance].
func NewClock(start time.Time, speed float64) *VirtualClock {
	return &VirtualClock{base: start, real: time.Now(), speed: max(speed, 0)}
}

// Now is what the clock shows.
func (c *VirtualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now(time.Now())
}

func (c *VirtualClock) now(real time.Time) time.Time {
	return c.base.Add(time.Duration(float64(real.Sub(c.real)) * c.speed))
}

// Advance moves the clock forward; it never goes back. What is due by then
// happens at the service's next [Service.Tick] or request.
func (c *VirtualClock) Advance(by time.Duration) {
	c.rebase(func() { c.base = c.base.Add(max(by, 0)) })
}

// SetSpeed has the clock go speed times as fast as the world's from now on.
func (c *VirtualClock) SetSpeed(speed float64) {
	c.rebase(func() { c.speed = max(speed, 0) })
}

// Speed is how many times faster than the world's the clock goes.
func (c *VirtualClock) Speed() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.speed
}

func (c *VirtualClock) rebase(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	real := time.Now()
	c.base, c.real = c.now(real), real
	change()
}
