package main

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"abota/bootctl"
	"abota/updater"
	"abota/updater/agent"
	"abota/updater/classic"
	"abota/updater/config"
	"abota/updater/hook"
	"abota/updater/release"
	"abota/updater/slot"
	"abota/updater/source"
)

// shelf is a web server for one agent: it says when what was asked for.
type shelf struct {
	mu       sync.Mutex
	dir      string
	since    time.Time
	asked    map[string]int
	refusing time.Duration // Retry-After, when not 0
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := path.Base(r.URL.Path)
	s.asked[name]++
	if s.refusing > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(s.refusing.Seconds())))
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	content, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, md5.Sum(content)))
	http.ServeContent(w, r, name, s.since, strings.NewReader(string(content)))
}

func (s *shelf) publish(dir string, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dir, s.since = dir, since
}

func (s *shelf) count(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[name]
}

// lone is one device with its agent, on a virtual clock.
type lone struct {
	*shelf
	t      *testing.T
	config string
	stop   func()
}

// startLone starts the agent.
func startLone(t *testing.T, web *shelf, config string) *lone {
	t.Helper()
	l := &lone{shelf: web, t: t, config: config}
	l.start()
	return l
}

func (l *lone) start() {
	ctx, cancel := context.WithCancel(l.t.Context())
	over := make(chan int, 1)
	go func() { over <- run(ctx, []string{"--config", l.config, "run"}, nil, io.Discard, io.Discard) }()
	l.stop = func() {
		cancel()
		if code := <-over; code != 0 {
			l.t.Errorf("the agent ended with exit code %d", code)
		}
	}
}

func (l *lone) installed() string {
	l.t.Helper()
	content, err := os.ReadFile(filepath.Join(filepath.Dir(l.config), "b.img"))
	must(l.t, err)
	text, _, _ := strings.Cut(string(content), "\x00")
	return text
}

// saturday is a noon, and longAgo is where a clock stands that nobody sets.
var (
	saturday = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	longAgo  = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// onShelf prepares a device and runs a story in a bubble.
func onShelf(t *testing.T, start time.Time, poll string, story func(t *testing.T, l *lone, releases []string)) {
	t.Helper()
	signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR1)
	known := identityFiles
	identityFiles = []string{filepath.Join(t.TempDir(), "id")}
	must(t, os.WriteFile(identityFiles[0], []byte("device-1\n"), 0o600))
	t.Cleanup(func() { identityFiles = known })
	web := &shelf{asked: map[string]int{}}
	server := httptest.NewUnstartedServer(web)
	server.Config.SetKeepAlivesEnabled(false)
	server.Start()
	t.Cleanup(server.Close)
	dir := t.TempDir()
	for _, name := range []string{"a.img", "b.img"} {
		must(t, os.WriteFile(filepath.Join(dir, name), make([]byte, 16<<10), 0o600))
	}
	config := filepath.Join(dir, "config.yaml")
	must(t, os.WriteFile(config, fmt.Appendf(nil, "url: %[2]s/firmware.zip\nslots: {a: %[1]s/a.img, b: %[1]s/b.img}\nstate_dir: %[1]s/state\npoll: %[3]s\n", dir, server.URL, poll), 0o600))
	var releases []string
	for _, text := range []string{"one", "two"} {
		at := filepath.Join(t.TempDir(), text)
		must(t, writeRelease(at, text, 5000))
		releases = append(releases, at)
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(start))
		story(t, startLone(t, web, config), releases)
	})
}

func TestAgentKeepsToItsWindow(t *testing.T) {
	onShelf(t, saturday, `{window: ["Sun 02:00-03:00 UTC"], reboot: application}`, func(t *testing.T, l *lone, releases []string) {
		l.publish(releases[0], time.Now().Add(-time.Hour))
		time.Sleep(14 * time.Hour) // to Sunday, 02:00
		var status strings.Builder
		if code := run(t.Context(), []string{"--config", l.config, "status"}, nil, &status, io.Discard); code != 0 || !strings.Contains(status.String(), "will install release") || !strings.Contains(status.String(), "not before 2026-11-29T02:") {
			t.Errorf("status ends with %d and says\n%s", code, status.String())
		}
		if l.installed() != "" || l.count("checksum.txt") < 10 {
			t.Errorf("holds %q before the window, after %d looks", l.installed(), l.count("checksum.txt"))
		}
		time.Sleep(30 * time.Minute) // the first half of the window
		if l.installed() != "one" {
			t.Errorf("holds %q in the second half of the window", l.installed())
		}
		l.stop()
	})
}

// A device that never learns the time waits a day for a window that it cannot
// see, and then does what has to be done.
func TestAgentWithoutAClock(t *testing.T) {
	onShelf(t, longAgo, `{window: ["02:00-03:00 UTC"], reboot: application}`, func(t *testing.T, l *lone, releases []string) {
		l.publish(releases[0], saturday)
		time.Sleep(24 * time.Hour)
		if l.installed() != "" || l.count("checksum.txt") < 20 {
			t.Errorf("holds %q within a day, after %d looks", l.installed(), l.count("checksum.txt"))
		}
		l.stop()
		l.start()
		// It was seen an hour after the start at the latest, and has its jitter.
		time.Sleep(70 * time.Minute)
		if l.installed() != "one" {
			t.Errorf("holds %q after a day", l.installed())
		}
		l.stop()
	})
}

// A server can know when each of its devices takes a release, by the formula
// in package agent. A restart of the agent changes nothing.
func TestAgentTakesAReleaseInItsWave(t *testing.T) {
	sum := func(t *testing.T, dir string) string {
		text, err := os.ReadFile(filepath.Join(dir, "checksum.txt"))
		must(t, err)
		return strings.TrimSpace(string(text))
	}
	share := func(release, purpose string) float64 {
		digest := sha256.Sum256([]byte("device-1" + release + purpose))
		return float64(binary.BigEndian.Uint64(digest[:8])) / (1 << 64)
	}
	onShelf(t, saturday, "{wave: 240h, reboot: application}", func(t *testing.T, l *lone, releases []string) {
		published := time.Now().Truncate(time.Second)
		l.publish(releases[0], published)
		wave := published.Add(time.Duration(share(sum(t, releases[0]), "") * float64(240*time.Hour)))
		jitter := time.Duration(share(sum(t, releases[0]), "jitter") * float64(10*time.Minute))
		due := wave.Add(jitter)
		if time.Until(wave) < 2*time.Hour {
			due = time.Now().Add(2*time.Hour + jitter) // seen only after its wave
		}
		time.Sleep(90 * time.Minute)
		l.stop()
		l.start()
		time.Sleep(time.Until(due) - time.Minute)
		if l.installed() != "" && wave.After(published.Add(2*time.Hour)) {
			t.Errorf("holds %q before its wave", l.installed())
		}
		time.Sleep(2 * time.Minute)
		if l.installed() != "one" {
			t.Errorf("holds %q after its wave", l.installed())
		}
		l.stop()
	})
}

// A release that was published in place of the one that was found is not taken
// in its stead: it has a wave of its own.
func TestAgentTakesOnlyWhatItFound(t *testing.T) {
	onShelf(t, saturday, "{interval: 24h, jitter: 0s, window: [\"18:00-19:00 UTC\"], reboot: application}", func(t *testing.T, l *lone, releases []string) {
		l.publish(releases[0], time.Now())
		time.Sleep(time.Hour)
		l.publish(releases[1], time.Now())
		time.Sleep(8 * time.Hour) // the window is over
		if l.installed() != "" || l.count("firmware.zip") != 0 {
			t.Errorf("holds %q after %d downloads, before it was found", l.installed(), l.count("firmware.zip"))
		}
		time.Sleep(24 * time.Hour) // found, and another window
		if l.installed() != "two" {
			t.Errorf("holds %q", l.installed())
		}
		l.stop()
	})
}

func TestAgentObeysRetryAfter(t *testing.T) {
	onShelf(t, saturday, "{interval: 10m, jitter: 1m}", func(t *testing.T, l *lone, _ []string) {
		l.shelf.mu.Lock()
		l.refusing = 6 * time.Hour
		l.shelf.mu.Unlock()
		time.Sleep(6 * time.Hour)
		if n := l.count("checksum.txt"); n != 1 {
			t.Errorf("asked %d times within its Retry-After", n)
		}
		time.Sleep(time.Hour)
		if n := l.count("checksum.txt"); n < 2 {
			t.Errorf("asked %d times after its Retry-After", n)
		}
		l.stop()
	})
}

// What an error makes the agent do.
func TestEveryFailureHasItsKind(t *testing.T) {
	for _, row := range []struct {
		err  error
		want agent.Kind
	}{
		{fmt.Errorf("x: %w", source.ErrTransport), agent.Transport},
		{source.ErrChanged, agent.Transport},
		{source.ErrDenied, agent.Denied},
		{source.ErrNotFound, agent.Missing},
		{classic.ErrCorrupt, agent.Corrupt},
		{classic.ErrKeyFile, agent.Denied},
		{&configError{errors.New("x")}, agent.Denied},
		{updater.ErrRefusedRelease, agent.Refused},
		{updater.ErrUnhealthy, agent.Unwanted},
		{updater.ErrNothingToDo, agent.NothingNew},
		{&bootctl.RefusedError{Reason: "in a trial"}, agent.Busy},
		{errLocked, agent.Busy},
		{errOnTrial, agent.Busy},
		{hook.ErrDeferred, agent.Deferred},
		{errSuperseded, agent.Superseded},
		{slot.ErrFull, agent.Refused},
		{errors.New("input/output error"), agent.Failed},
	} {
		if got := failure(row.err); got != row.want {
			t.Errorf("%v is %s, want %s", row.err, got, row.want)
		}
	}
}

// changing is a release that is replaced between its check and its download.
type changing struct {
	updater.Release
	checks []string
}

func (c *changing) Check(context.Context) (release.ID, error) {
	next := c.checks[0]
	c.checks = c.checks[1:]
	return release.ID{Checksum: next}, nil
}

func (c *changing) Open(ctx context.Context) (updater.Payload, error) {
	id, err := c.Check(ctx)
	return opened{id: id}, err
}

type opened struct {
	updater.Payload
	id release.ID
}

func (o opened) ID() release.ID { return o.id }
func (o opened) Close() error   { return nil }

func TestPinnedReleaseIsNoOther(t *testing.T) {
	p := pinned{&changing{checks: []string{"1", "1", "2", "2"}}, "1"}
	if id, err := p.Check(t.Context()); err != nil || id.Checksum != "1" {
		t.Errorf("the same: %v, %v", id, err)
	}
	if payload, err := p.Open(t.Context()); err != nil || payload.ID().Checksum != "1" {
		t.Errorf("opens the same: %v", err)
	}
	if _, err := p.Check(t.Context()); !errors.Is(err, errSuperseded) {
		t.Errorf("another: %v", err)
	}
	if _, err := p.Open(t.Context()); !errors.Is(err, errSuperseded) {
		t.Errorf("opens another: %v", err)
	}
}

// With folders the install is the restart, so it is what a window holds up.
func TestPolicyOfFolders(t *testing.T) {
	cfg := &config.Config{Poll: config.Poll{Reboot: config.RebootInWindow}}
	if p := policyOf(cfg, ""); p.Reboot != agent.RebootInWindow {
		t.Errorf("with devices: %v", p.Reboot)
	}
	cfg.Slots[bootctl.A].Dir = "/opt/app/a"
	if p := policyOf(cfg, ""); p.Reboot != agent.RebootNow {
		t.Errorf("with folders: %v", p.Reboot)
	}
}
