package jobs

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"abota/updater/release"
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

// kept is the agent's place for its record. A process that was killed writes
// nothing any more.
type kept struct {
	mu     sync.Mutex
	record []byte
	saves  int
	err    error
}

func (k *kept) Load() ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.record == nil {
		return nil, errors.New("nothing there")
	}
	return k.record, k.err
}

// process is the device and the store as one process of the agent has them.
type process struct {
	*world
	dead bool
}

func (p *process) Load() ([]byte, error) { return p.store.Load() }

func (p *process) Save(record []byte) error {
	p.mu.Lock()
	dead := p.dead
	p.mu.Unlock()
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	if dead || p.store.err != nil {
		return p.store.err
	}
	p.store.record = append([]byte(nil), record...)
	p.store.saves++
	return nil
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

// releaseOf is what the test calls the document's release.
func releaseOf(job Job) string {
	if f := job.Document.File; f != nil {
		return string(f.Signature)
	}
	if s := job.Document.Source; s != nil {
		return s.Release
	}
	return strings.TrimPrefix(job.Release.SHA256, "sha-")
}

func idOf(name string) release.ID { return release.ID{SHA256: "sha-" + name, Version: name} }

// document is an afr_ota document of a release.
func document(name string) string {
	return fmt.Sprintf(`{"afr_ota":{"protocols":["MQTT"],"streamname":"AFR_OTA-1","files":[{"filesize":1000,"fileid":0,"certfile":"c","sig-sha256-ecdsa":%q}]}}`,
		base64.StdEncoding.EncodeToString([]byte(name)))
}

// inPackage is abota's own document of a release in the catalog.
func inPackage(name string) string {
	return fmt.Sprintf(`{"abota":{"version":1,"source":"s3://fleet/x","release":%q,"package":{"name":"firmware","version":%q}}}`, name, name)
}

func (w *world) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// enter begins a step, and leave ends it: no two at a time.
func (p *process) enter(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy++; p.busy > 1 && !p.dead {
		p.faults = append(p.faults, "two steps at a time, the second "+what)
	}
}

func (p *process) leave() { p.mu.Lock(); p.busy--; p.mu.Unlock() }

func (p *process) Standing(_ context.Context, job Job) (Standing, error) {
	p.enter("standing")
	defer p.leave()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unsure != nil {
		return Standing{}, p.unsure
	}
	name := releaseOf(job)
	st := Standing{Release: idOf(name), Running: idOf(p.booted), Slot: "B"}
	switch why := p.condemned[name]; {
	case why != "":
		st.State, st.Reason = Failed, why
	case p.booted == name && p.trial:
		st.State = OnTrial
	case p.trial:
		st.State, st.Reason = Busy, "another release is on trial"
	case p.booted == name:
		st.State = Confirmed
	case p.armed == name:
		st.State = Armed
	}
	return st, nil
}

func (p *process) Install(ctx context.Context, job Job, with Progressing) Result {
	p.enter("install")
	defer p.leave()
	name := releaseOf(job)
	p.mu.Lock()
	switch why := p.condemned[name]; {
	case p.trial: // as the engine has it
		p.mu.Unlock()
		return Result{Kind: Occupied, Err: errors.New("the booted slot is on trial")}
	case p.booted == name:
		p.mu.Unlock()
		return Result{Release: idOf(name)}
	case why != "":
		p.mu.Unlock()
		return Result{Kind: Refused, Err: errors.New("it is condemned: " + why)}
	}
	p.installs = append(p.installs, name)
	p.armed = "" // the slot is out of the boot order
	takes := p.takes
	var scripted *Result
	if list := p.results[name]; len(list) > 0 {
		scripted, p.results[name] = &list[0], list[1:]
	}
	p.mu.Unlock()
	if p.installing != nil {
		p.installing(ctx, job, with)
	}
	for i := range int64(10) {
		if sleep(ctx, takes/10) != nil {
			return Result{Kind: Stopped, Err: ctx.Err()}
		}
		with.Progress(Progress{Done: (i + 1) * 100, Total: 1000, Blocks: int(i + 1), AllBlocks: 10, Slot: "B"})
		if scripted != nil && i == 4 {
			return *scripted
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return Result{Kind: Stopped}
	}
	p.armed = name
	return Result{Release: idOf(name), Slot: "B"}
}

func (p *process) Restart(ctx context.Context, job Job) Result {
	p.enter("restart")
	defer p.leave()
	p.mu.Lock()
	if len(p.restarts) > 0 {
		r := p.restarts[0]
		p.restarts = p.restarts[1:]
		p.mu.Unlock()
		return r
	}
	into := p.armed
	if into != releaseOf(job) {
		p.mu.Unlock()
		return Result{Kind: Refused}
	}
	dead := p.dead
	p.mu.Unlock()
	if over, since := p.service.overSince(job.ID, job.Execution); over && since > time.Second && !dead {
		p.fault("a restart into the release of %s#%d, which was over since %v", job.ID, job.Execution, since)
	}
	if !dead {
		p.reboot <- into
	}
	<-ctx.Done()
	return Result{Kind: Stopped}
}

func (p *process) Disarm(context.Context, Job) error {
	p.enter("disarm")
	defer p.leave()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.disarms++
	if p.noDisarm {
		return ErrCannotDisarm
	}
	p.armed = ""
	if p.trial && !p.dead {
		p.trial = false
		p.reboot <- "old"
	}
	return nil
}

func (p *process) RestartBudget() time.Duration { return 10 * time.Minute }

func (p *process) Wait() (time.Duration, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wait, "outside of the maintenance window"
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
