package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
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
	path := filepath.Join(t.TempDir(), "watchdog")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	for _, keep := range []bool{true, false} {
		d := &device{cfg: &config.Config{Watchdog: config.Watchdog{Device: path, Timeout: time.Minute, Keep: keep}}, Engine: &updater.Engine{}}
		dog, err := d.watchdog(log)()
		if err != nil || dog == nil || d.dog == nil {
			t.Fatalf("%v, %v: %s", dog, err, &said)
		}
		if err := dog.Close(); err != nil {
			t.Fatal(err)
		}
		free := &closed{}
		d.opened = append(d.opened, free)
		ctx, restart := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			d.feedOn(ctx, connectInit(noEnviron, log))
			close(over)
		}()
		if !keep {
			<-over
			if free.times != 0 {
				t.Error("it gave up the lock, although it does not stay")
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
		if free.times != 1 {
			t.Errorf("the lock was given up %d times", free.times)
		}
		if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), "V") {
			t.Errorf("it was disarmed: %q, %v", text, err)
		}
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
	}
}

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

func TestWatchdogThatIsNotThereIsAnError(t *testing.T) {
	d := &device{cfg: &config.Config{Watchdog: config.Watchdog{Device: filepath.Join(t.TempDir(), "none"), Timeout: time.Minute}}, Engine: &updater.Engine{}}
	if dog, err := d.watchdog(slog.New(slog.DiscardHandler))(); dog != nil || err == nil {
		t.Errorf("%v, %v", dog, err)
	}
	if err := health.CheckWatchdog(d.cfg.Watchdog.Device); err == nil {
		t.Error("doctor would say nothing")
	}
}
