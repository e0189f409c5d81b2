package jobs

import (
	"context"
	"log/slog"
	"time"
)

// Unknown is what becomes of jobs whose document abota does not know.
type Unknown string

// The two policies.
const (
	// Reject tells AWS IoT that this device cannot carry the job out.
	Reject Unknown = "reject"
	// Leave leaves it to another agent on this device.
	Leave Unknown = "leave"
)

// Agent is the loop.
type Agent struct {
	Device Device
	Link   Link
	Store  Store
	// Thing is what the device is called at AWS IoT.
	Thing string
	// Unknown is what becomes of jobs of others; Reject when empty.
	Unknown Unknown
	// Alive is called whenever the loop has made progress, and at least every
	// Pulse; a Pulse of 0 means only then.
	Alive func()
	Pulse time.Duration
	// Say is told what the agent does or waits for, in one line.
	Say func(line string)
	Log *slog.Logger
}

// Run works until ctx ends.
func (a *Agent) Run(ctx context.Context) { <-ctx.Done() }
