package health

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrHeld: another program has the watchdog open.
var ErrHeld = errors.New("another program holds it")

// A watchdog that is left armed for a reboot gets leaveTimeout where it can have
// as much, since services have time to stop; and it is fed for leaveFor, unless
// this process ends before.
const (
	leaveTimeout = 90 * time.Second
	leaveFor     = 2 * time.Minute
)

// unknownPets is how often a watchdog is petted that does not say its timeout: the
// shortest there is, a second, would still be too short for a third of it.
const unknownPets = 300 * time.Millisecond

// DogOptions say which watchdog is held, and how. Path and Timeout are required.
type DogOptions struct {
	// Path of the device, as /dev/watchdog.
	Path string
	// Timeout is asked for, rounded up to seconds. The driver may have another.
	Timeout time.Duration
	// Keep has Close feed it on instead of disarming it: for one that the boot
	// loader armed, which would be off after a trial.
	Keep bool
	// Log gets what the device really does. Nil means none.
	Log *slog.Logger
}

// Watchdog is an armed watchdog device that is being petted. It is safe for
// concurrent use.
type Watchdog struct {
	path string
	keep bool
	log  *slog.Logger
	dev  dogDevice
	// noWayOut is what the kernel said beforehand, if anything.
	noWayOut bool
	timeout  time.Duration // in force; 0 if unknown

	stop    chan struct{}
	petting sync.WaitGroup

	mu    sync.Mutex
	until time.Time // it is petted; zero means without end
	state dogState
	err   error // of the first pet that failed
}

type dogState int

const (
	dogHeld dogState = iota
	dogStarving
	dogKept
	dogLeft
	dogClosed
)

// OpenWatchdog arms the watchdog and pets it at a third of the timeout in force,
// without end until Feed sets one, and until Close or Abandon. It writes to
// nothing that is no watchdog.
func OpenWatchdog(o DogOptions) (*Watchdog, error) {
	dev, err := openDogDevice(o.Path)
	if errors.Is(err, unix.EBUSY) {
		return nil, fmt.Errorf("cannot hold the watchdog %s because %w: leave watchdog.device out of the configuration, or stop that program", o.Path, ErrHeld)
	}
	if err != nil {
		return nil, err
	}
	return holdDog(o, dev, noWayOut("/sys", o.Path)), nil
}

func holdDog(o DogOptions, dev dogDevice, noWayOut bool) *Watchdog {
	w := &Watchdog{path: o.Path, keep: o.Keep, log: o.Log, dev: dev, noWayOut: noWayOut, stop: make(chan struct{})}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	driver, magic := dev.magic()
	w.timeout = w.ask(o.Timeout)
	w.log.Info("holding the watchdog", "device", w.path, "driver", driver, "timeout", w.timeout)
	if !magic {
		w.log.Warn("this watchdog's driver disarms it whenever abota ends, also when it crashes", "device", w.path)
	}
	w.pet()
	every := w.timeout / 3
	if every == 0 {
		every = unknownPets
	}
	w.petting.Go(func() { w.petEvery(every) })
	return w
}

// ask asks for a timeout, and returns the one in force or 0 if nobody knows it.
func (w *Watchdog) ask(want time.Duration) time.Duration {
	seconds := int(math.Ceil(want.Seconds()))
	refused := w.dev.setTimeout(seconds)
	got, err := w.dev.timeout()
	switch {
	case (err != nil || got <= 0) && refused != nil:
		w.log.Warn("the watchdog neither takes a timeout nor says which it has", "device", w.path, "asked", want, "error", refused)
		return 0
	case err != nil || got <= 0:
		got = seconds
	case got != seconds:
		w.log.Warn("the watchdog has another timeout than was asked for", "device", w.path, "asked", seconds, "has", got)
	}
	return time.Duration(got) * time.Second
}

// Feed has the watchdog petted for this long from now, and then no more. Whoever
// holds it says so again before; otherwise it has hung, and is reset.
func (w *Watchdog) Feed(within time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state == dogStarving {
		w.state = dogHeld
	}
	if w.state == dogHeld {
		w.until = time.Now().Add(within)
	}
}

func (w *Watchdog) petEvery(d time.Duration) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
			w.petInTime()
		}
	}
}

func (w *Watchdog) petInTime() {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.state == dogClosed:
	case w.until.IsZero() || time.Now().Before(w.until):
		w.pet()
	case w.state == dogHeld:
		w.state = dogStarving
		w.log.Error("the trial hangs, so the watchdog is not fed any more: it will reset the device", "device", w.path)
	}
}

// pet writes any byte but the one that disarms.
func (w *Watchdog) pet() {
	if err := w.dev.write([]byte{0}); err != nil && w.err == nil {
		w.err = fmt.Errorf("cannot pet the watchdog %s: %w", w.path, err)
	}
}

// Close disarms the watchdog. One that cannot be disarmed (nowayout), or is to
// be kept, is petted on without end, and Kept says so. The error also tells of
// pets that failed.
func (w *Watchdog) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state > dogStarving {
		return nil
	}
	if why := w.staysArmed(); why != "" {
		w.pet()
		w.state, w.until = dogKept, time.Time{}
		w.log.Info("the watchdog is fed on until the device restarts", "device", w.path, "why", why)
		return w.err
	}
	w.state = dogClosed
	close(w.stop)
	err := w.dev.write([]byte("V"))
	if err != nil {
		err = fmt.Errorf("cannot disarm the watchdog %s: it will reset the device: %w", w.path, err)
	}
	return errors.Join(w.err, err, w.dev.close())
}

// staysArmed disarms it, or says why not. Drivers that know no such request
// disarm when they are closed after a 'V'.
func (w *Watchdog) staysArmed() string {
	if w.keep {
		return "watchdog.keep is set"
	}
	err := w.dev.disarm()
	if errors.Is(err, unix.EBUSY) || err != nil && w.noWayOut {
		return "its driver never disarms it (nowayout)"
	}
	return ""
}

// Kept reports that Close could not disarm the watchdog, or was not to. Whoever
// closed it must then live on until the device restarts.
func (w *Watchdog) Kept() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state == dogKept
}

// Abandon leaves the watchdog armed for a reboot: one that hangs ends in a reset.
// It gets 90 s where it can have as much, and is petted for two minutes while this
// process lives, so that services have time to stop. The device stays open until
// the process ends, since some drivers disarm when it is closed. A later Close
// does nothing.
func (w *Watchdog) Abandon() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state >= dogLeft {
		return
	}
	w.state, w.until = dogLeft, time.Now().Add(leaveFor)
	if w.timeout < leaveTimeout {
		_ = w.dev.setTimeout(int(leaveTimeout.Seconds()))
		if got, err := w.dev.timeout(); err == nil && got < int(leaveTimeout.Seconds()) {
			w.log.Warn("services have no longer than this watchdog's timeout to stop once abota was ended", "device", w.path, "seconds", got)
		}
	}
	w.pet()
}
