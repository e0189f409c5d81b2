package health

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoWayOut: the watchdog cannot be disarmed once it is armed. Holding it
// for a trial would reset the device soon after the trial ended well.
var ErrNoWayOut = errors.New("its driver never disarms it (nowayout)")

// Watchdog is an armed watchdog device that is being petted.
type Watchdog struct {
	path     string
	fd       int
	warnings []string
	stop     chan struct{}
	petting  sync.WaitGroup
	petErr   error
	once     sync.Once
	closeErr error
}

// OpenWatchdog arms the watchdog at path, asks for this timeout (rounded up to
// seconds), and pets it at a third of the timeout in force until Close or
// Abandon. A device known to have no way out is not opened: ErrNoWayOut.
func OpenWatchdog(path string, timeout time.Duration) (*Watchdog, error) {
	return openWatchdog("/sys", path, timeout)
}

func openWatchdog(sys, path string, timeout time.Duration) (*Watchdog, error) {
	if noWayOut(sys, path) {
		return nil, fmt.Errorf("cannot hold the watchdog %s because %w: let the init system hold it all the time instead", path, ErrNoWayOut)
	}
	// A plain descriptor: an *os.File would be closed, and some drivers then
	// disarm, when the garbage collector finds it after Abandon.
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EBUSY) {
		return nil, fmt.Errorf("cannot hold the watchdog %s because another program holds it: leave watchdog.device out of the configuration, or stop that program: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open the watchdog %s: %w", path, err)
	}
	w := &Watchdog{path: path, fd: fd, stop: make(chan struct{})}
	timeout = w.setTimeout(timeout)
	w.pet()
	w.petting.Go(func() { w.petEvery(timeout / 3) })
	return w, nil
}

// CheckWatchdog says why the watchdog at path could not be held for a trial, as
// far as that shows without opening it, which would arm it.
func CheckWatchdog(path string) error { return checkWatchdog("/sys", path) }

func checkWatchdog(sys, path string) error {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("cannot hold the watchdog %s because it is not there: load its driver, or leave watchdog.device out: %w", path, err)
	case st.Mode()&os.ModeCharDevice == 0:
		return fmt.Errorf("cannot hold the watchdog %s because it is no character device: name one, as /dev/watchdog", path)
	case noWayOut(sys, path):
		return fmt.Errorf("cannot hold the watchdog %s because %w: let the init system hold it all the time instead", path, ErrNoWayOut)
	}
	return nil
}

// noWayOut asks the kernel, which answers only if it was built to. The first
// watchdog has a second name, /dev/watchdog, that has no entry of its own.
func noWayOut(sys, path string) bool {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return false
	}
	number := fmt.Sprintf("%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
	const firstAlias = "10:130"
	dir := filepath.Join(sys, "dev", "char", number)
	if number == firstAlias {
		dir = filepath.Join(sys, "class", "watchdog", "watchdog0")
	}
	data, err := os.ReadFile(filepath.Join(dir, "nowayout"))
	return err == nil && strings.TrimSpace(string(data)) == "1"
}

// setTimeout asks for a timeout and returns the one in force.
func (w *Watchdog) setTimeout(want time.Duration) time.Duration {
	seconds := int(math.Ceil(want.Seconds()))
	if err := unix.IoctlSetPointerInt(w.fd, unix.WDIOC_SETTIMEOUT, seconds); err != nil {
		w.warn("cannot set the timeout of the watchdog %s to %d s: %v", w.path, seconds, err)
	}
	got, err := unix.IoctlGetInt(w.fd, unix.WDIOC_GETTIMEOUT)
	if err != nil || got <= 0 {
		return time.Duration(seconds) * time.Second
	}
	if got != seconds {
		w.warn("the watchdog %s resets the device after %d s, not after %d s as asked", w.path, got, seconds)
	}
	return time.Duration(got) * time.Second
}

func (w *Watchdog) warn(format string, args ...any) {
	w.warnings = append(w.warnings, fmt.Sprintf(format, args...))
}

// Warnings says what the device does otherwise than asked.
func (w *Watchdog) Warnings() []string { return w.warnings }

func (w *Watchdog) petEvery(d time.Duration) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
			w.pet()
		}
	}
}

// pet writes any byte but the one that disarms.
func (w *Watchdog) pet() {
	if _, err := unix.Write(w.fd, []byte{0}); err != nil && w.petErr == nil {
		w.petErr = fmt.Errorf("cannot pet the watchdog %s: %w", w.path, err)
	}
}

// Close disarms the watchdog. The error also tells of pets that failed.
func (w *Watchdog) Close() error {
	w.once.Do(func() {
		close(w.stop)
		w.petting.Wait()
		if _, err := unix.Write(w.fd, []byte("V")); err != nil {
			w.closeErr = fmt.Errorf("cannot disarm the watchdog %s: it will reset the device: %w", w.path, err)
		}
		w.closeErr = errors.Join(w.petErr, w.closeErr, unix.Close(w.fd))
	})
	return w.closeErr
}

// Abandon stops petting and leaves the watchdog armed, so that a reboot which
// hangs ends in a reset. The device stays open until the process ends, since
// some drivers disarm when it is closed. A later Close does nothing.
func (w *Watchdog) Abandon() {
	w.once.Do(func() {
		close(w.stop)
		w.petting.Wait()
	})
}
