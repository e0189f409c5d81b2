package jobs

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"abota/updater/release"
)

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
