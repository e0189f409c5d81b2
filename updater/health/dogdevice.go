package health

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// dogDevice is the kernel's side of a watchdog.
//
// Sources: Documentation/watchdog/watchdog-api.rst of Linux; what nowayout and
// closing do is in drivers/watchdog/watchdog_dev.c.
type dogDevice interface {
	// write pets it, whatever the bytes are; a 'V' lets the close that follows
	// disarm it.
	write([]byte) error
	// setTimeout asks for so many seconds; timeout says how many it has.
	setTimeout(seconds int) error
	timeout() (seconds int, err error)
	// magic reports that closing disarms it only after a 'V', and the name that
	// the driver has. Drivers that do not say so count as if.
	magic() (driver string, ok bool)
	// disarm is EBUSY where the driver never disarms (nowayout).
	disarm() error
	close() error
}

// charDevice is a plain descriptor: an *os.File would be closed, and some drivers
// then disarm, when the garbage collector finds it after Abandon.
type charDevice int

// openDogDevice opens nothing but a watchdog, whose driver has to answer
// WDIOC_GETSUPPORT: what pets one overwrites a disk or flash.
func openDogDevice(path string) (dogDevice, error) {
	if err := CheckWatchdog(path); err != nil {
		return nil, err
	}
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open the watchdog %s: %w", path, err)
	}
	if _, err := unix.IoctlGetWatchdogInfo(fd); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot hold the watchdog %s because it answers no watchdog's request: name one, as /dev/watchdog: %w", path, err)
	}
	return charDevice(fd), nil
}

func (d charDevice) write(p []byte) error {
	_, err := unix.Write(int(d), p)
	return err
}

func (d charDevice) setTimeout(seconds int) error {
	return unix.IoctlSetPointerInt(int(d), unix.WDIOC_SETTIMEOUT, seconds)
}

func (d charDevice) timeout() (int, error) { return unix.IoctlGetInt(int(d), unix.WDIOC_GETTIMEOUT) }

// magicClose is WDIOF_MAGICCLOSE of linux/watchdog.h.
const magicClose = 0x100

func (d charDevice) magic() (string, bool) {
	info, err := unix.IoctlGetWatchdogInfo(int(d))
	if err != nil {
		return "unknown", true
	}
	name, _, _ := bytes.Cut(info.Identity[:], []byte{0})
	return string(name), info.Options&magicClose != 0
}

func (d charDevice) disarm() error {
	return unix.IoctlSetPointerInt(int(d), unix.WDIOC_SETOPTIONS, unix.WDIOS_DISABLECARD)
}

func (d charDevice) close() error { return unix.Close(int(d)) }

// CheckWatchdog says why the watchdog at path could not be held for a trial, as
// far as that shows without opening it, which would arm it.
func CheckWatchdog(path string) error {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("cannot hold the watchdog %s because it is not there: load its driver, or leave watchdog.device out: %w", path, err)
	case st.Mode()&os.ModeCharDevice == 0:
		return fmt.Errorf("cannot hold the watchdog %s because it is no character device: name one, as /dev/watchdog", path)
	}
	return nil
}

// NoWayOut reports that the driver of the watchdog at path never disarms it once
// it is armed. The kernel answers only if it was built to
// (CONFIG_WATCHDOG_SYSFS).
func NoWayOut(path string) bool { return noWayOut("/sys", path) }

// noWayOut knows that the first watchdog has a second name, /dev/watchdog, that
// has no entry of its own.
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
