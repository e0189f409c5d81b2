package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// world is a device with an agent on it, and AWS IoT.
type world struct {
	t       *testing.T
	link    *link
	service *service
	store   *kept
	unknown Unknown

	mu sync.Mutex
	// What the device is and knows.
	booted, armed string // releases
	trial         bool
	condemned     map[string]string
	wait          time.Duration
	noDisarm      bool
	// What the agent's steps meet: how long an install takes, and what it ends
	// in, by its release; once each.
	takes    time.Duration
	results  map[string][]Result
	restarts []Result
	sick     map[string]bool
	health   time.Duration
	lost     map[string]bool // releases that the device forgets when it restarts
	unsure   error           // what Standing fails with

	installs, reboots []string
	disarms           int
	busy              int
	faults            []string
	reports           map[string]Status // by job#execution, what was told last
	agents            int
	kill              func()
	reboot            chan string
	over              chan struct{}
	said              []string
	installing        func(context.Context, Job, Progressing)
}

// newWorld is a device that runs release "old", with AWS IoT beside it.
func newWorld(t *testing.T) *world {
	w := &world{
		t: t, store: &kept{}, booted: "old", condemned: map[string]string{}, takes: 100 * time.Second, health: time.Minute,
		results: map[string][]Result{}, reports: map[string]Status{}, sick: map[string]bool{}, lost: map[string]bool{}, reboot: make(chan string, 8), over: make(chan struct{}),
	}
	w.link, w.service = newLink()
	return w
}

// run starts the agent, and restarts it with the device.
func (w *world) run() *world {
	w.start()
	go func() {
		defer close(w.over)
		for into := range w.reboot {
			w.kill()
			if into != onlyAgent {
				w.boot(into)
			}
			w.start()
		}
	}()
	return w
}

// close ends the world; nothing may be under way any more.
func (w *world) close() {
	close(w.reboot)
	<-w.over
	w.kill()
	if len(w.faults) > 0 {
		w.t.Errorf("the device saw %s", strings.Join(w.faults, "; "))
	}
}

func (w *world) start() {
	p := &process{world: w}
	a := &Agent{
		Device: p, Link: w.link, Store: p, Thing: thing, Unknown: w.unknown, Log: slog.New(slog.DiscardHandler), Alive: func() {},
		Say: func(line string) { w.mu.Lock(); defer w.mu.Unlock(); w.said = append(w.said, line) },
	}
	if *seed >= 0 || *logs {
		a.Log = slog.New(slog.NewTextHandler(w.t.Output(), nil))
	}
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() { defer close(over); a.Run(ctx) }()
	w.mu.Lock()
	w.agents++
	w.kill = func() {
		w.mu.Lock()
		p.dead = true
		w.mu.Unlock()
		cancel()
		<-over
		w.mu.Lock()
		w.busy = 0
		w.mu.Unlock()
	}
	w.mu.Unlock()
}

// onlyAgent restarts the agent and nothing else.
const onlyAgent = "!"

// cut is a power cut: what is armed boots next.
func (w *world) cut() {
	w.mu.Lock()
	into := w.armed
	w.mu.Unlock()
	w.reboot <- into
}

// boot is a restart of the device, and `abota boot` after it.
func (w *world) boot(into string) {
	w.link.connect(false)
	time.Sleep(20 * time.Second)
	w.mu.Lock()
	w.reboots = append(w.reboots, into)
	back := w.booted
	switch {
	case w.lost[into]:
		w.armed = ""
	case into == w.armed && into != "":
		w.booted, w.armed, w.trial = into, "", true
		time.AfterFunc(w.health, func() { w.verdict(into, back) })
	case into != "":
		w.booted, w.trial = into, false
	}
	w.mu.Unlock()
	time.AfterFunc(5*time.Second, func() { w.link.connect(true) })
}

// verdict is what `abota boot` decides.
func (w *world) verdict(of, back string) {
	w.mu.Lock()
	if !w.trial || w.booted != of {
		w.mu.Unlock()
		return
	}
	w.trial = false
	if !w.sick[of] {
		w.mu.Unlock()
		return
	}
	w.condemned[of] = "check /healthz: 503"
	w.mu.Unlock()
	w.reboot <- back
}

func (w *world) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// change changes the device under way.
func (w *world) change(how func()) { w.mu.Lock(); defer w.mu.Unlock(); how() }

// history is how an execution went.
func (w *world) history(r *running) string {
	w.service.mu.Lock()
	defer w.service.mu.Unlock()
	words := make([]string, len(r.history))
	for i, s := range r.history {
		words[i] = string(s)
	}
	return strings.Join(words, " ")
}

// detail is one of an execution's details, or all of them.
func (w *world) detail(r *running, key string) string {
	w.service.mu.Lock()
	defer w.service.mu.Unlock()
	if key == "" {
		return fmt.Sprint(r.details)
	}
	return r.details[key]
}

// asked is how often the service was asked for something.
func (w *world) asked(what string) int {
	w.service.mu.Lock()
	defer w.service.mu.Unlock()
	return w.service.asked[what]
}

func (w *world) want(r *running, history string) {
	w.t.Helper()
	if got := w.history(r); got != history {
		w.t.Errorf("job %s went %s, want %s (%s)", r.job, got, history, w.detail(r, ""))
	}
}

func (w *world) wantInstalls(names ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if fmt.Sprint(w.installs) != fmt.Sprint(names) {
		w.t.Errorf("installed %v, want %v", w.installs, names)
	}
}

func (w *world) wantReboots(names ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if fmt.Sprint(w.reboots) != fmt.Sprint(names) {
		w.t.Errorf("restarted into %v, want %v", w.reboots, names)
	}
}

const (
	well     = "QUEUED IN_PROGRESS SUCCEEDED"
	failed   = "QUEUED IN_PROGRESS FAILED"
	rejected = "QUEUED IN_PROGRESS REJECTED"
	canceled = "QUEUED IN_PROGRESS CANCELED"
	timedOut = "QUEUED IN_PROGRESS TIMED_OUT"
)
