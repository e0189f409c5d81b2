package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const (
	soakAgents = 200
	// soakMost is the longest soak in hours.
	soakMost = 48
)

var soakHours = flag.Int("soak.hours", 12, "virtual hours of TestSoak, at most 48")

// soakWave is the wave that the devices are configured with.
func soakWave() time.Duration { return time.Duration(*soakHours) * time.Hour / 8 }

// flapping is an S3 server with a fault for every hour, on the devices' clock.
// It counts who asked when.
type flapping struct {
	// minute is how many minutes have passed for the devices.
	minute atomic.Int64

	mu    sync.Mutex
	dir   string
	since time.Time
	// asked counts requests by agent and hour, fleet the agents that asked in
	// a minute, installs the downloads that began in an hour.
	asked    [soakAgents][soakMost]int
	fleet    [soakMost * 60]int
	installs [soakMost]int
	// agents are known by their access keys, and last is the minute in which
	// each was counted.
	agents map[string]int
	last   [soakAgents]int
}

// faults are what the server does, hour by hour, over and over.
var faults = []struct {
	name string
	do   func(http.ResponseWriter)
}{
	{"", nil},
	{"", nil},
	{"", nil},
	{"503", func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }},
	{"", nil},
	{"429, Retry-After 40 min", func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "2400")
		w.WriteHeader(http.StatusTooManyRequests)
	}},
	{"", nil},
	{"connection cut", hangUp},
	{"connection cut", hangUp},
	{"", nil},
	{"", nil},
	{"403 AccessDenied", func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, "<Error><Code>AccessDenied</Code></Error>")
	}},
}

func hangUp(w http.ResponseWriter) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		conn.Close()
	}
}

func (f *flapping) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	minute := min(int(f.minute.Load()), *soakHours*60-1)
	who, _, _ := strings.Cut(r.Header.Get("Authorization"), "/")
	f.mu.Lock()
	defer f.mu.Unlock()
	agent, known := f.agents[who]
	if !known {
		http.Error(w, "who is this?", http.StatusBadRequest)
		return
	}
	f.asked[agent][minute/60]++
	if f.last[agent] != minute+1 {
		f.last[agent] = minute + 1
		f.fleet[minute]++
	}
	if fault := faults[minute/60%len(faults)]; fault.do != nil {
		fault.do(w)
		return
	}
	name := path.Base(r.URL.Path)
	if name == "firmware.zip" && r.Header.Get("Range") == "" {
		f.installs[minute/60]++
	}
	content, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(content)))
	w.Header().Set("Last-Modified", f.since.UTC().Format(http.TimeFormat))
	http.ServeContent(w, r, name, f.since, strings.NewReader(string(content)))
}

func (f *flapping) publish(dir string, since time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dir, f.since = dir, since
}

// holdings is what a process holds on to.
type holdings struct {
	heap              uint64
	descriptors, gors int
}

func measure(t *testing.T) holdings {
	t.Helper()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	open, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return holdings{m.HeapAlloc, len(open), runtime.NumGoroutine()}
}

// TestSoak: 200 devices are switched on together and left alone for two days
// with `abota run`, a server that fails in a different way every few hours, and
// two releases; without -soak.hours=48 the days are shorter. Everything is the
// real command, from its arguments to files, locks and sockets; only the clock
// is virtual.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute")
	}
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		t.Setenv("TMPDIR", "/dev/shm") // where a flush costs nothing
	}
	// Before the bubble, since the runtime's own goroutine for signals is none
	// of the devices.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR1)
	known := identityFiles
	identityFiles = nil // each draws its own
	t.Cleanup(func() { identityFiles = known })

	server := &flapping{agents: map[string]int{}}
	web := httptest.NewUnstartedServer(server)
	web.Config.SetKeepAlivesEnabled(false)
	web.Start()
	t.Cleanup(web.Close)
	devices := make([]string, soakAgents)
	for i := range devices {
		devices[i] = soakDevice(t, i, web.URL)
		server.agents["AWS4-HMAC-SHA256 Credential=AGENT"+fmt.Sprint(i)] = i
	}
	var releases []string
	for _, text := range []string{"factory", "first", "second"} {
		dir := filepath.Join(t.TempDir(), text)
		must(t, writeRelease(dir, "system "+text, 5000))
		releases = append(releases, dir)
	}
	var begin, end holdings
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)))
		start := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		var over sync.WaitGroup
		for i, config := range devices {
			over.Go(func() {
				args := []string{"--config", config, "run"}
				if code := run(ctx, args, nil, io.Discard, io.Discard); code != 0 {
					t.Errorf("agent %d ended with exit code %d", i, code)
				}
			})
		}
		for minute := range *soakHours * 60 {
			server.minute.Store(int64(minute))
			switch minute {
			case 0:
				server.publish(releases[0], start.Add(-100*time.Hour))
			case 60:
				begin = measure(t)
			case *soakHours * 60 / 4:
				server.publish(releases[1], time.Now())
			case *soakHours * 60 / 2:
				server.publish(releases[2], time.Now())
			}
			time.Sleep(time.Minute)
		}
		end = measure(t)
		stop()
		over.Wait()
	})
	server.judge(t, begin, end, time.Since(began))
	for i, config := range devices {
		soakStatus(t, i, config)
	}
}

// soakDevice makes a device that is known to the server by its access key.
func soakDevice(t *testing.T, i int, endpoint string) (config string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"a.img", "b.img"} {
		must(t, os.WriteFile(filepath.Join(dir, name), make([]byte, 16<<10), 0o600))
	}
	config = filepath.Join(dir, "config.yaml")
	must(t, os.WriteFile(config, fmt.Appendf(nil, `
accesskey: AGENT%d
secretkey: SK
bucket: b
endpoint: %s
slots: {a: %[3]s/a.img, b: %[3]s/b.img}
state_dir: %[3]s/state
poll: {interval: 1h, jitter: 10m, wave: %s, reboot: application}
`, i, endpoint, dir, soakWave()), 0o600))
	return config
}

// soakStatus: in the end each device has the last release, and waits for its
// restart.
func soakStatus(t *testing.T, i int, config string) {
	t.Helper()
	var out strings.Builder
	if code := run(t.Context(), []string{"--config", config, "--json", "status"}, nil, &out, io.Discard); code != 0 {
		t.Fatalf("agent %d: status ends with %d", i, code)
	}
	var s struct {
		Phase   string
		Primary string
		Reboot  bool `json:"reboot_required"`
	}
	must(t, json.Unmarshal([]byte(out.String()), &s))
	content, err := os.ReadFile(filepath.Join(filepath.Dir(config), "b.img"))
	must(t, err)
	if s.Phase != "armed" || s.Primary != "B" || !s.Reboot || !strings.HasPrefix(string(content), "system second") {
		t.Errorf("agent %d: %+v, slot B holds %q", i, s, content[:16])
	}
}

const (
	// mostRequests is what an hour of outage may cost, for an agent: three
	// looks of a few tries each.
	mostRequests = 12
	// herd is how many times as many agents as would be even may ask in a
	// minute: chance alone brings 12 into some minute of hours with 3.3 each,
	// and 17 once in ten thousand runs.
	herd = 5
)

// judge prints the table and holds it against what a fleet may do.
func (f *flapping) judge(t *testing.T, begin, end holdings, took time.Duration) {
	t.Helper()
	var perHour []int
	hours := make([]int, *soakHours)
	for _, agent := range f.asked {
		for hour, n := range agent[:*soakHours] {
			perHour = append(perHour, n)
			hours[hour] += n
		}
	}
	slices.Sort(perHour)
	t.Logf("%d agents, %d h virtual, %.1f s real; interval 1h, jitter 10m, wave %s", soakAgents, *soakHours, took.Seconds(), soakWave())
	t.Logf("requests an hour and agent: min %d, median %d, 99 %% %d, max %d", perHour[0], perHour[len(perHour)/2], perHour[len(perHour)*99/100], perHour[len(perHour)-1])
	t.Logf("%5s %-25s %8s %9s | %s", "hour", "server", "requests", "downloads", "agents that ask in a minute: even, peak, ratio")
	for hour, n := range hours {
		minutes := f.fleet[hour*60 : hour*60+60]
		peak, sum := slices.Max(minutes), 0
		for _, n := range minutes {
			sum += n
		}
		even := float64(sum) / 60
		t.Logf("%5d %-25s %8d %9d | %6.1f %6d %6.1f", hour, faults[hour%len(faults)].name, n, f.installs[hour], even, peak, float64(peak)/even)
		if n > mostRequests*soakAgents {
			t.Errorf("hour %d: %d requests, more than %d an agent", hour, n, mostRequests)
		}
		if float64(peak) > herd*max(even, float64(soakAgents)/60) {
			t.Errorf("hour %d: %d agents ask in one minute, %.1f would be even", hour, peak, even)
		}
	}
	if median := perHour[len(perHour)/2]; median > 2 {
		t.Errorf("the median is %d requests an hour", median)
	}
	t.Logf("%10s %8s %12s %11s", "after", "heap KiB", "descriptors", "goroutines")
	t.Logf("%10s %8d %12d %11d", "1 h", begin.heap>>10, begin.descriptors, begin.gors)
	t.Logf("%8d h %8d %12d %11d", *soakHours, end.heap>>10, end.descriptors, end.gors)
	if end.heap > begin.heap+begin.heap/4+1<<20 {
		t.Error("memory grew")
	}
	if end.descriptors > begin.descriptors+4 || end.gors > begin.gors+4 {
		t.Error("descriptors or goroutines leak")
	}
}
