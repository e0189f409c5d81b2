package fleet

import (
	"context"
	"errors"
	"sync"

	"abota/updater/jobs"
)

// device is a thing with its board.
type device struct {
	*board
	name string
	nature
	fleet *fleet

	power context.CancelFunc // nil while it is switched off
	life  sync.WaitGroup

	// what it was seen to do, guarded by the fleet's mutex.
	seen
}

// seen is what a device was seen to do, which the story waits for.
type seen struct {
	connected bool
	unplugged bool
	said      string // what the agent waits for, in its own words
	// ended are the ends of jobs that the device was told to have been taken.
	ended map[string]jobs.Status
	// gate is where it waits before its restart; nil while it does not.
	gate chan struct{}
	// broken is what no device may come to.
	broken error
	// fetched counts bytes of releases, cuts the times its power was cut, watched
	// the trials that the agent saw.
	fetched       int64
	cuts, watched int
}

// on switches the device on.
func (d *device) on(ctx context.Context) {
	ctx, d.power = context.WithCancel(ctx)
	d.fleet.tell(func() { d.unplugged = false })
	d.life.Go(func() { d.live(ctx) })
}

// shutOff switches the device off and waits until it is dark.
func (d *device) shutOff() {
	if d.power == nil {
		return
	}
	d.power()
	d.life.Wait()
	d.power = nil
}

// live is all that happens while there is power: one system after the other,
// each ended by a restart.
func (d *device) live(ctx context.Context) {
	defer d.fleet.tell(func() { d.unplugged, d.connected, d.gate = true, false, nil })
	for ctx.Err() == nil {
		booted, boots, err := d.start()
		if err != nil {
			d.fleet.tell(func() { d.broken = err })
			return
		}
		s := newSystem(ctx, d, booted, boots)
		err = s.run()
		s.end()
		if err != nil && ctx.Err() == nil {
			d.fleet.tell(func() { d.broken = err })
			return
		}
		if errors.Is(context.Cause(s.ctx), errPowerLost) {
			return
		}
	}
}
