package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"abota/updater"
	"abota/updater/health"
)

// watchdog is held during a trial where the configuration names one, and left to
// whoever holds it already: the device is reset all the same when user space
// hangs. It is held, and fed, by `abota boot` alone, so that a trial that hangs or
// crashes is reset too.
func (d *device) watchdog(log *slog.Logger) func() (updater.Watchdog, error) {
	dog := d.cfg.Watchdog
	if dog.Device == "" {
		return nil
	}
	return func() (updater.Watchdog, error) {
		if why := d.leavesWatchdog(); why != "" {
			log.Warn("the watchdog is not held in this trial", "device", dog.Device, "why", why)
			return nil, nil
		}
		held, err := health.OpenWatchdog(health.DogOptions{Path: dog.Device, Timeout: dog.Timeout, Keep: dog.Keep, Log: log})
		if errors.Is(err, health.ErrHeld) {
			log.Warn("the watchdog is left to who holds it, and the trial goes on under it", "device", dog.Device, "why", holdsWatchdog(machine, "[0-9]*"))
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		d.dog = held
		return held, nil
	}
}

// leavesWatchdog says why the watchdog is not even tried, or nothing. Opening one
// that systemd is about to take would keep it away from there for good; one that
// is never disarmed has to be fed on, and what judges a directory slot may end.
func (d *device) leavesWatchdog() string {
	switch {
	case underSystemd() && holdsWatchdog(machine, "1") == "" && systemdWantsWatchdog():
		return "systemd's RuntimeWatchdogSec is set, so it is systemd's"
	case d.Service != nil && (d.cfg.Watchdog.Keep || health.NoWayOut(d.cfg.Watchdog.Device)):
		return "it would have to be fed on after the trial of a directory slot"
	}
	return ""
}

// initHoldsWatchdog says in words that the init system resets a device that
// hangs, or nothing. That it has the device open is the evidence: what systemd's
// RuntimeWatchdogSec says is overridden in several places.
func initHoldsWatchdog(root string) string { return holdsWatchdog(root, "1") }

// holdsWatchdog says in words which process has a watchdog open, of those whose
// IDs fit the pattern.
func holdsWatchdog(root, pids string) string {
	open, _ := filepath.Glob(filepath.Join(root, "proc", pids, "fd/*"))
	for _, fd := range open {
		target, err := os.Readlink(fd)
		if err != nil || !strings.HasPrefix(target, "/dev/watchdog") {
			continue
		}
		process := filepath.Dir(filepath.Dir(fd))
		who := "process " + filepath.Base(process)
		if name, err := os.ReadFile(filepath.Join(process, "comm")); err == nil && pids != "1" {
			who += " (" + string(bytes.TrimSpace(name)) + ")"
		}
		return who + " holds " + target
	}
	return ""
}

// askSystemdFor bounds the question to systemd.
const askSystemdFor = 5 * time.Second

// systemdWantsWatchdog asks systemd itself, because what it holds may not be there
// yet, and it is configured in several places.
func systemdWantsWatchdog() bool {
	ctx, cancel := context.WithTimeout(context.Background(), askSystemdFor)
	defer cancel()
	out, err := exec.CommandContext(ctx, "systemctl", "show", "--property=RuntimeWatchdogUSec", "--value").Output()
	return err == nil && wantsWatchdog(string(out))
}

// wantsWatchdog reads a time of systemd's: 0 and infinity mean none.
func wantsWatchdog(answer string) bool {
	switch strings.TrimSpace(answer) {
	case "", "0", "infinity":
		return false
	}
	return true
}

// armedDog is a watchdog after its trial.
type armedDog interface {
	// Kept reports that it has to be fed on.
	Kept() bool
	Abandon()
}

// feedOn lives on to feed a watchdog that cannot be disarmed, until the device
// restarts. The lock and the journal are free meanwhile.
func (d *device) feedOn(ctx context.Context, init *initLink) {
	if d.dog == nil || !d.dog.Kept() {
		return
	}
	d.Close()
	init.alive()
	tick := time.NewTicker(trialBeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			d.dog.Abandon()
			return
		case <-tick.C:
			init.alive()
		}
	}
}
