package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"abota/updater/eventlog"
	"abota/updater/jobs"
	"abota/updater/mqtt"
)

// jobLoop is what `abota run` does where releases come as jobs of AWS IoT.
func (k *keeper) jobLoop(init *initLink, now <-chan os.Signal) (func(context.Context), error) {
	cfg := k.config()
	link, err := k.c.connect(cfg, cfg.MQTTClientID())
	if err != nil {
		return nil, err
	}
	k.c.warnOfTrust(cfg)
	woken := &wokenLink{Link: link}
	a := &jobs.Agent{
		Device: &jobDevice{keeper: k, link: link, started: time.Now()}, Link: woken, Store: jobRecord(cfg.StateDir),
		Thing: cfg.ThingName(), Unknown: jobs.Unknown(cfg.Jobs.Unknown),
		Alive: init.alive, Pulse: init.pulse, Say: init.status, Log: k.c.log,
		Taken: func(job string, execution int64) {
			k.record(eventlog.Entry{What: eventTaken, Reason: fmt.Sprintf("%s, execution %d", job, execution)})
		},
		Ended: func(l jobs.Last) {
			k.record(eventlog.Entry{What: eventEnded, Release: l.Release.Name(), SHA256: l.Release.SHA256, Reason: endOf(l)})
		},
	}
	return func(ctx context.Context) {
		// The connection outlives the agent, which may have something to say.
		connected, disconnect := context.WithCancel(context.WithoutCancel(ctx))
		var beside sync.WaitGroup
		beside.Go(func() { link.Run(connected) })
		beside.Go(func() { woken.listen(connected, now) })
		k.takeUp(ctx)
		a.Run(ctx)
		disconnect()
		beside.Wait()
	}, nil
}

// What the event log says of jobs.
const (
	eventTaken = "job taken"
	eventEnded = "job over"
)

// endOf is how an execution ended, in one line.
func endOf(l jobs.Last) string {
	text := fmt.Sprintf("%s, execution %d: %s", l.Job, l.Execution, l.Status)
	if l.Reason != "" {
		text += ": " + l.Reason
	}
	return text
}

// record writes to the event log what no engine tells. A log that cannot be
// written fails nothing.
func (k *keeper) record(e eventlog.Entry) {
	e.Time, e.Verb = time.Now().UTC().Truncate(time.Second), k.c.verb
	e.BootID, _ = bootID()
	if err := (eventlog.Log{Dir: k.config().StateDir}).Append(e, true); err != nil {
		k.c.log.Debug("going on without the event log", "error", err)
	}
}

// wokenLink is a link whose watchers can be woken: they then see to what they
// would after a reconnection, which is to ask for all that may have been missed.
type wokenLink struct {
	*mqtt.Link
	mu       sync.Mutex
	watchers map[int]func()
	next     int
}

func (w *wokenLink) Watch(up func()) (stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := w.next
	w.next++
	if w.watchers == nil {
		w.watchers = map[int]func(){}
	}
	w.watchers[id] = up
	end := w.Link.Watch(up)
	return func() {
		end()
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.watchers, id)
	}
}

// listen wakes them whenever this process is told to.
func (w *wokenLink) listen(ctx context.Context, now <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-now:
			w.wake()
		}
	}
}

func (w *wokenLink) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, up := range w.watchers {
		up()
	}
}
