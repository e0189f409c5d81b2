package fleet

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
)

// The versions of the story: what all devices run at first, what goes wrong,
// and the fix.
const (
	factoryVersion = "1"
	badVersion     = "2"
	fixedVersion   = "3"
)

// badCriteria grow by how many were told: from a hundredth of the fleet a
// minute, twice as fast after every twentieth of it, a fifth of it at most. The
// job is aborted when 8 % have failed.
func badCriteria(devices int) criteria {
	return criteria{base: devices / 100, tenths: 20, every: devices / 20, most: devices / 5, percent: 8, least: devices / 20}
}

// fixedCriteria grow by how many have succeeded, with the same abort.
func fixedCriteria(devices int) criteria {
	c := badCriteria(devices)
	c.success, c.tenths, c.most = true, 15, devices/4
	return c
}

// Run plays the whole story. It returns nil when everything came out as it was
// calculated, and every device's own truth is the service's.
func Run(ctx context.Context, o Options) (err error) {
	began := time.Now()
	f, err := newFleet(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.prepare(ctx); err != nil {
		return err
	}
	f.lap(began, "%d devices are ready, of which %d run version %s already and %d are switched off", o.Devices,
		len(f.pick(func(d *device) bool { return d.has })), badVersion, len(f.pick(func(d *device) bool { return d.offline })))
	bad, err := f.goWrong(ctx)
	if err != nil {
		return err
	}
	if err := f.judgeBad(ctx, bad); err != nil {
		return err
	}
	f.lap(began, "version %s was stopped", badVersion)
	if err := f.mend(ctx); err != nil {
		return err
	}
	f.lap(began, "version %s is everywhere", fixedVersion)
	f.total()
	return nil
}

func (f *fleet) lap(began time.Time, format string, args ...any) {
	fmt.Fprintf(f.Out, "\n%6.1f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
}

// firmware is the image of a version.
func (f *fleet) firmware(version string) image { return newImage(version, imageSize, f.Seed) }

// factory is the image that every device is made with, short because each has
// its own.
func (f *fleet) factory() image {
	return newImage(factoryVersion, len(imageMagic)+len(factoryVersion)+1, f.Seed)
}

// prepare publishes both versions, brings the first onto the devices that have
// it, and switches the fleet on.
func (f *fleet) prepare(ctx context.Context) error {
	for _, v := range []string{badVersion, fixedVersion} {
		if err := f.publish(ctx, f.firmware(v)); err != nil {
			return err
		}
	}
	for _, d := range f.pick(func(d *device) bool { return d.has }) {
		if err := f.installByHand(ctx, d, f.firmware(badVersion)); err != nil {
			return err
		}
	}
	return f.switchOn(ctx)
}

// switchOn switches all devices on but those that are left out, and waits for
// their connections.
func (f *fleet) switchOn(ctx context.Context) error {
	on := f.pick(func(d *device) bool { return !d.offline })
	for _, d := range on {
		d.on(ctx)
	}
	return f.until(ctx, "connected", on, func(d *device) bool { return d.connected })
}

// goWrong rolls out the version that the boards' second revision does not take.
func (f *fleet) goWrong(ctx context.Context) (*rollout, error) {
	r, err := f.newRollout(ctx, f.firmware(badVersion), badCriteria(f.Devices))
	if err != nil {
		return nil, err
	}
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	if !r.plan.aborted || r.plan.notified == f.Devices || len(r.resting) == 0 {
		return nil, fmt.Errorf("the seed %d tells no story: aborted %t, %d devices told, %d of them switched off: take another", f.Seed, r.plan.aborted, r.plan.notified, len(r.resting))
	}
	return r, r.showCounts(ctx)
}

// judgeBad judges every device after that.
func (f *fleet) judgeBad(ctx context.Context, r *rollout) error {
	bad, factory := f.firmware(badVersion), f.factory()
	return r.judge(ctx, bad, func(d *device) image {
		if d.has {
			return bad
		}
		return factory
	})
}

// mend rolls out the fix, and switches on who was switched off.
func (f *fleet) mend(ctx context.Context) error {
	if err := f.switchOn(ctx); err != nil {
		return err
	}
	fix := f.firmware(fixedVersion)
	r, err := f.newRollout(ctx, fix, fixedCriteria(f.Devices))
	if err != nil {
		return err
	}
	if err := r.run(ctx); err != nil {
		return err
	}
	late := r.resting
	r.resting = nil
	for _, d := range late {
		d.on(ctx)
	}
	fmt.Fprintf(f.Out, "%8s the %d that were switched off come back\n", "", len(late))
	if err := r.bring(ctx, late); err != nil {
		return err
	}
	r.row(0)
	if err := r.compare(0); err != nil {
		return err
	}
	if status, c := r.expected(0); status != completed || c.Succeeded != f.Devices {
		return fmt.Errorf("not every device has the fix: %s, %s", status, c)
	}
	if err := r.showCounts(ctx); err != nil {
		return err
	}
	return r.judge(ctx, fix, func(*device) image { return image{} })
}

// showCounts has `ota show` say how the job stands, and compares.
func (r *rollout) showCounts(ctx context.Context) error {
	s, err := r.show(ctx, r.job)
	if err != nil {
		return err
	}
	status, want := r.expected(0)
	if s.Status != status || s.Counts != want || len(s.Executions) != r.plan.notified {
		return fmt.Errorf("ota show says %s with %s and %d executions, and it has to be %s with %s and %d",
			s.Status, s.Counts, len(s.Executions), status, want, r.plan.notified)
	}
	fmt.Fprintf(r.Out, "\n$ abota-publish ota show %s\n%s: %s\n", r.job, strings.TrimSpace(s.Status+" "+s.Reason), s.Counts)
	return nil
}

// total says what it took.
func (f *fleet) total() {
	var fetched int64
	var boots, cuts, watched int
	for _, d := range f.devices {
		fetched, boots, cuts, watched = fetched+d.fetched, boots+d.boots, cuts+d.cuts, watched+d.watched
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintf(f.Out, "total: seed %d, %d devices, %d starts, %d power cuts in mid-download, %d trials that the agent saw, %.1f MiB through MQTT streams, %.0f MiB of memory from the system\n",
		f.Seed, len(f.devices), boots, cuts, watched, float64(fetched)/(1<<20), float64(m.Sys)/(1<<20))
}
