package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"abota/updater"
	"abota/updater/config"
	"abota/updater/health"
)

func TestWatchdogOfInit(t *testing.T) {
	for name, row := range map[string]struct{ fd, target, want string }{
		"held":            {"proc/1/fd/3", "/dev/watchdog", "process 1 holds /dev/watchdog"},
		"by number":       {"proc/1/fd/41", "/dev/watchdog1", "process 1 holds /dev/watchdog1"},
		"by another":      {"proc/12/fd/3", "/dev/watchdog", ""},
		"something else":  {"proc/1/fd/3", "/dev/null", ""},
		"nothing of init": {"proc/2/fd/3", "/dev/null", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := initHoldsWatchdog(system(t, map[string]string{row.fd + "@": row.target})); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestWhoHoldsTheWatchdogIsNamed(t *testing.T) {
	root := system(t, map[string]string{"proc/87/fd/4@": "/dev/watchdog0", "proc/87/comm": "feeder\n", "proc/9/fd/4@": "/dev/null"})
	if got := holdsWatchdog(root, "[0-9]*"); got != "process 87 (feeder) holds /dev/watchdog0" {
		t.Errorf("got %q", got)
	}
}

func TestWatchdogThatSystemdWants(t *testing.T) {
	for answer, want := range map[string]bool{"": false, "0\n": false, "infinity\n": false, "30s\n": true, "1min 30s\n": true} {
		if got := wantsWatchdog(answer); got != want {
			t.Errorf("%q: %v", answer, got)
		}
	}
}

// A watchdog that is fed on after a trial keeps `abota boot` alive, without the
// lock, until the device restarts.
func TestBootLivesOnForAWatchdogThatIsKept(t *testing.T) {
	for _, kept := range []bool{true, false} {
		dog, free := &trialDog{kept: kept}, &closed{}
		d := &device{Engine: &updater.Engine{}, dog: dog}
		d.opened = append(d.opened, free)
		ctx, restart := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			d.feedOn(ctx, connectInit(noEnviron, slog.New(slog.DiscardHandler)))
			close(over)
		}()
		if !kept {
			<-over
			if free.times != 0 || dog.abandoned {
				t.Error("it gave up the lock or the watchdog, although it does not stay")
			}
			restart()
			continue
		}
		select {
		case <-over:
			t.Fatal("it did not live on")
		case <-time.After(50 * time.Millisecond):
		}
		restart()
		<-over
		d.Close()
		if free.times != 1 || !dog.abandoned {
			t.Errorf("the lock was given up %d times, and the watchdog left for the restart: %v", free.times, dog.abandoned)
		}
	}
}

type trialDog struct{ kept, abandoned bool }

func (d *trialDog) Kept() bool { return d.kept }
func (d *trialDog) Abandon()   { d.abandoned = true }

type closed struct{ times int }

func (c *closed) Close() error {
	c.times++
	return nil
}

func noEnviron(string) string { return "" }

// What judges a directory slot may end, and nobody would feed the watchdog.
func TestWatchdogThatIsKeptIsNotHeldForAFolder(t *testing.T) {
	d := &device{cfg: &config.Config{Watchdog: config.Watchdog{Device: os.DevNull, Timeout: time.Minute, Keep: true}}, Engine: &updater.Engine{Service: service{}}}
	dog, err := d.watchdog(slog.New(slog.DiscardHandler))()
	if dog != nil || err != nil || d.dog != nil {
		t.Errorf("%v, %v", dog, err)
	}
}

// The trial goes on without it, and doctor says so beforehand.
func TestWhatIsNoWatchdogIsAnError(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir()} {
		d := &device{cfg: &config.Config{Watchdog: config.Watchdog{Device: path, Timeout: time.Minute}}, Engine: &updater.Engine{}}
		if dog, err := d.watchdog(slog.New(slog.DiscardHandler))(); dog != nil || err == nil || d.dog != nil {
			t.Errorf("%s: %v, %v", path, dog, err)
		}
		if err := health.CheckWatchdog(path); err == nil {
			t.Errorf("%s: doctor would say nothing", path)
		}
	}
}
