package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"abota/bootctl"
	"abota/sim/awsiot"
	"abota/sim/awsiot/service"
	"abota/sim/awsiot/signer"
	"abota/updater"
	"abota/updater/jobs"
	"abota/updater/raw"
	"abota/updater/slot"
	"abota/updater/source"
)

// Options say which fleet, and where.
type Options struct {
	// Devices is how many there are, MinDevices to MaxDevices.
	Devices int
	// Seed says which of them are what.
	Seed uint64
	// Dir is an existing, empty work folder.
	Dir string
	// Publisher is the path of abota-publish.
	Publisher string
	// Out gets the tables.
	Out io.Writer
}

// The fewest devices with which every kind is there, and the most that have
// names in order.
const (
	MinDevices = 100
	MaxDevices = 4000
)

// What a device has open: two slots, and both ends of its connection. The rest
// is what installs, the store and the broker take.
const (
	filesEach  = 4
	filesOther = 500
)

func (o Options) check() error {
	if o.Devices < MinDevices || o.Devices > MaxDevices {
		return fmt.Errorf("cannot simulate %d devices: use %d to %d", o.Devices, MinDevices, MaxDevices)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("ask how many files may be open: %w", err)
	}
	if need := uint64(o.Devices*filesEach + filesOther); limit.Cur < need {
		return fmt.Errorf("cannot simulate %d devices because this process may have %d files open, and they take %d: use fewer, or raise the limit (ulimit -n)", o.Devices, limit.Cur, need)
	}
	return nil
}

// The names in the cloud.
const (
	group    = "fleet"
	profile  = "firmware_signing"
	certName = "firmware-signing.pem"
	role     = "OTARole"
)

// installs is how many devices may fetch and write at a time: each takes 5 MiB
// for it.
const installs = 16

// patience is how long nothing may be heard of any device that is waited for,
// in real time. It ends what would never end, and is no measure of anything.
const patience = 3 * time.Minute

// fleet is the devices and their cloud.
type fleet struct {
	Options
	random  *rand.Rand
	cloud   *awsiot.Cloud
	devices []*device
	byName  map[string]*device

	host                 slot.Host
	broker, certificates string
	installing           chan struct{}

	mu      sync.Mutex    // guards what was seen of all devices
	changed chan struct{} // closed with every change
}

// newFleet starts the cloud and makes the devices, which are switched off.
func newFleet(ctx context.Context, o Options) (_ *fleet, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	f := &fleet{
		Options: o, random: rand.New(rand.NewPCG(o.Seed, o.Seed)), byName: map[string]*device{},
		installing: make(chan struct{}, installs), changed: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if f.host, err = newHost(filepath.Join(o.Dir, "board")); err != nil {
		return nil, err
	}
	f.cloud, err = awsiot.Start(ctx, awsiot.Options{Dir: o.Dir, Clock: service.NewClock(time.Now(), 0), Pause: time.Millisecond})
	if err != nil {
		return nil, err
	}
	f.broker, f.certificates = f.cloud.Endpoints().MQTT, f.cloud.Endpoints().Certs
	if _, err := f.cloud.Signer().Put(signer.Profile{
		Name: profile, Platform: "AmazonFreeRTOS-Default", Parameters: map[string]string{"certname": certName},
		Material: &signer.Material{CertificateARN: "arn:aws:acm:" + f.cloud.Endpoints().Region + ":" + awsiot.Account + ":certificate/fleet"},
	}); err != nil {
		return nil, err
	}
	return f, f.makeDevices()
}

func (f *fleet) makeDevices() error {
	model := f.cloud.Service()
	if _, err := model.CreateThingGroup(service.CreateThingGroupInput{ThingGroupName: group}); err != nil {
		return err
	}
	for i, n := range natures(f.Devices, badVersion, f.random) {
		name := fmt.Sprintf("pump-%04d", i)
		if _, err := model.CreateThing(service.CreateThingInput{ThingName: name}); err != nil {
			return err
		}
		if err := model.AddThingToThingGroup(service.GroupMemberInput{ThingGroupName: group, ThingName: name}); err != nil {
			return err
		}
		b, err := newBoard(f.factory())
		if err != nil {
			return err
		}
		d := &device{board: b, name: name, nature: n, fleet: f, seen: seen{unplugged: true, ended: map[string]jobs.Status{}}}
		if n.fault == panicking {
			b.panics = n.bad
		}
		f.devices, f.byName[name] = append(f.devices, d), d
	}
	return nil
}

// close switches everything off.
func (f *fleet) close() error {
	f.eachAtOnce(f.devices, (*device).shutOff)
	var errs []error
	for _, d := range f.devices {
		errs = append(errs, d.close())
	}
	if f.cloud != nil {
		errs = append(errs, f.cloud.Close())
	}
	return errors.Join(errs...)
}

// eachAtOnce does something for several devices, side by side.
func (f *fleet) eachAtOnce(devices []*device, do func(*device)) {
	var all sync.WaitGroup
	for _, d := range devices {
		all.Go(func() { do(d) })
	}
	all.Wait()
}

// pick are the devices with a property.
func (f *fleet) pick(is func(*device) bool) []*device {
	return slices.DeleteFunc(slices.Clone(f.devices), func(d *device) bool { return !is(d) })
}

// publish puts an image into the bucket, and into the work folder.
func (f *fleet) publish(ctx context.Context, i image) error {
	if err := os.WriteFile(filepath.Join(f.Dir, i.file()), i.data, 0o600); err != nil {
		return fmt.Errorf("keep the firmware: %w", err)
	}
	return f.cloud.Store().Put(ctx, awsiot.Bucket, i.file(), bytes.NewReader(i.data), int64(len(i.data)), nil)
}

// installByHand brings an image onto a device that is switched off, from a file,
// as somebody with a stick would.
func (f *fleet) installByHand(ctx context.Context, d *device, i image) error {
	for n, do := range []func(*system) error{
		func(s *system) error {
			dir, err := source.NewDir(f.Dir)
			if err != nil {
				return err
			}
			s.engine.Release = offeredRaw{&raw.Release{Source: dir, Object: i.file(), Size: int64(len(i.data))}}
			_, err = s.engine.Install(ctx, updater.InstallOptions{})
			return err
		},
		func(s *system) error {
			report, err := s.engine.Boot(ctx)
			if err == nil && (!report.Committed || s.engine.Booted != bootctl.B) {
				err = fmt.Errorf("the trial was not committed: %+v", report)
			}
			return err
		},
	} {
		booted, boots, err := d.start()
		if err != nil {
			return err
		}
		s := newSystem(ctx, d, booted, boots)
		err = do(s)
		s.stop(nil)
		if err != nil {
			return fmt.Errorf("install %s by hand on %s, step %d: %w", i.file(), d.name, n, err)
		}
	}
	return nil
}

// tell makes a change that somebody may wait for.
func (f *fleet) tell(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

// until waits for all of these devices to have come somewhere.
func (f *fleet) until(ctx context.Context, where string, devices []*device, there func(*device) bool) error {
	quiet := time.NewTimer(patience)
	defer quiet.Stop()
	for {
		missing, next, err := f.missing(devices, there)
		if err != nil || len(missing) == 0 {
			return err
		}
		quiet.Reset(patience)
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		case <-quiet.C:
			return fmt.Errorf("nothing was heard for %s while %d devices were to be %s: %s", patience, len(missing), where, f.describe(missing))
		}
	}
}

// missing are those of the devices that are not there, and what is closed when
// that may have changed.
func (f *fleet) missing(devices []*device, there func(*device) bool) (missing []*device, next <-chan struct{}, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range f.devices {
		if d.broken != nil {
			return nil, nil, d.broken
		}
	}
	for _, d := range devices {
		if !there(d) {
			missing = append(missing, d)
		}
	}
	return missing, f.changed, nil
}

// describe says what a few devices are at.
func (f *fleet) describe(devices []*device) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	const few = 5
	var text string
	for _, d := range devices[:min(few, len(devices))] {
		text += fmt.Sprintf("%s (off %t, connected %t): %s; ", d.name, d.unplugged, d.connected, d.said)
	}
	return text
}

// mayInstall waits for a place among those that install.
func (f *fleet) mayInstall(ctx context.Context) (leave func(), err error) {
	select {
	case f.installing <- struct{}{}:
		return func() { <-f.installing }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// mayRestart waits until the story lets a device restart.
func (f *fleet) mayRestart(ctx context.Context, d *device) error {
	gate := make(chan struct{})
	f.tell(func() { d.gate = gate })
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// letRestart opens a device's gate.
func (f *fleet) letRestart(d *device) {
	f.tell(func() {
		close(d.gate)
		d.gate = nil
	})
}
