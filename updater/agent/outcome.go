package agent

import (
	"fmt"
	"maps"
	"time"
)

// Kind is what a look, an install or a restart ended in.
type Kind int

// The first group are answers, the second are causes of failure.
const (
	// NothingNew: what is offered runs already, or nothing waits for a restart.
	NothingNew Kind = iota
	// Available: the source offers a release that can be installed.
	Available
	// Waiting: the offered release is installed and waits for a restart.
	Waiting
	// Unwanted: the offered release is condemned or held here.
	Unwanted
	// Superseded: another release is offered than the one to be installed.
	Superseded
	// Stopped: the agent was told to stop.
	Stopped

	// Transport: the network or the server failed.
	Transport
	// Missing: the source offers no release.
	Missing
	// Denied: the source or the configuration has to be put right.
	Denied
	// Corrupt: what is published does not hold together.
	Corrupt
	// Refused: the release does not fit this device.
	Refused
	// Deferred: a hook put it off.
	Deferred
	// Busy: another abota is at work, or a trial is.
	Busy
	// Failed: anything else.
	Failed
)

var kindNames = [...]string{
	NothingNew: "nothing new", Available: "available", Waiting: "waiting", Unwanted: "unwanted",
	Superseded: "superseded", Stopped: "stopped", Transport: "transport", Missing: "missing", Denied: "denied", Corrupt: "corrupt",
	Refused: "refused", Deferred: "deferred", Busy: "busy", Failed: "failed",
}

func (k Kind) String() string { return kindNames[k] }

// MarshalText makes a kind the key of an object in JSON.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText takes what it does not know as Failed: a newer agent may have
// written it.
func (k *Kind) UnmarshalText(text []byte) error {
	*k = Failed
	for i, name := range kindNames {
		if name == string(text) {
			*k = Kind(i)
		}
	}
	return nil
}

// Outcome is one step's end.
type Outcome struct {
	Kind Kind
	// Release is the publisher's checksum of what is offered, Name what people
	// call it, Published when the source says it was put there.
	Release, Name string
	Published     time.Time
	// RetryAfter is how long the server asked to be left alone.
	RetryAfter time.Duration
	// Err is why it failed, for the log.
	Err error
}

// most bounds every pause, and what a server may ask for.
const most = 24 * time.Hour

// pace is how long to wait after a cause's first failure, at most; 0 means an
// interval. The pause doubles up to this many times the first.
type pace struct {
	first time.Duration
	times int
}

var paces = map[Kind]pace{
	Transport: {15 * time.Minute, 4},
	// What only people put right is not asked for all the time.
	Denied:  {0, 6},
	Missing: {0, 1},
	Corrupt: {0, 24},
	Refused: {0, 24},
	// Disks seldom heal, but are seldom broken.
	Failed:   {5 * time.Minute, 288},
	Deferred: {5 * time.Minute, 12},
	Busy:     {time.Minute, 10},
}

// Rand returns a random duration in [0,n), and 0 for 0.
type Rand func(n time.Duration) time.Duration

// Failures counts, for each cause by itself, what went wrong since the last
// success.
type Failures map[Kind]int

func (f Failures) with(cause Kind) Failures {
	next := maps.Clone(f)
	if next == nil {
		next = Failures{}
	}
	next[cause]++
	return next
}

// pause is how long to wait after the latest failure of this cause: up to half
// of it is taken off at random, so that a fleet does not come back together.
func (f Failures) pause(cause Kind, interval time.Duration, random Rand) time.Duration {
	p, ok := paces[cause]
	if !ok {
		panic(fmt.Sprintf("%v is no cause of failure", cause))
	}
	first := interval
	if p.first > 0 {
		first = min(p.first, interval)
	}
	limit := min(most, time.Duration(p.times)*first)
	if cause != Busy { // which asks no server
		limit = max(limit, interval)
	}
	d := first
	for i := 1; i < f[cause] && d < limit; i++ {
		d *= 2
	}
	d = min(d, limit)
	return d - random(d/2)
}
