package jobs

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var (
	seeds = flag.Int("jobs.seeds", 150, "how many seeds TestRandom runs")
	seed  = flag.Int("jobs.seed", -1, "the one seed that TestRandom runs")
	logs  = flag.Bool("jobs.log", false, "show what the agent logged where a test fails")
)

// TestRandom lets everything happen in any order for some hours, then heals
// network and device, and asks that every job has come to an end that is true.
func TestRandom(t *testing.T) {
	for i := range *seeds {
		if *seed >= 0 && i != *seed {
			continue
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { disorder(t, rand.New(rand.NewPCG(uint64(i), 4))) })
		})
	}
}

// disorder is one run.
func disorder(t *testing.T, r *rand.Rand) {
	w := newWorld(t)
	w.unknown = []Unknown{Reject, Leave}[r.IntN(2)]
	w.noDisarm = r.IntN(6) == 0
	w.takes = time.Duration(5+r.IntN(300)) * time.Second
	w.health = time.Duration(1+r.IntN(200)) * time.Second
	loss := []float64{0, 0.02, 0.1, 0.4}[r.IntN(4)]
	// The messages are many goroutines', so the generator has a lock.
	chance := func() bool { w.mu.Lock(); defer w.mu.Unlock(); return r.Float64() < loss }
	w.link.lose = func(string, bool) bool { return chance() }
	w.link.twice = chance
	w.link.acts = w.watch
	w.run()

	n := func(of int) int { w.mu.Lock(); defer w.mu.Unlock(); return r.IntN(of) }
	for range 60 {
		pass(time.Duration(n(240_000)) * time.Millisecond)
		w.happen(n)
	}
	w.mu.Lock()
	loss = 0
	clear(w.results)
	w.restarts, w.wait, w.unsure = nil, 0, nil
	w.mu.Unlock()
	w.link.connect(true)
	pass(24 * time.Hour)
	w.ended()
	w.close()
}

// happen is one thing that happens.
func (w *world) happen(n func(int) int) {
	w.service.mu.Lock()
	all := slices.Clone(w.service.all)
	w.service.mu.Unlock()
	count := len(all)
	pick := func() *running {
		if count == 0 {
			return nil
		}
		return all[n(count)]
	}
	switch what := n(14); what {
	case 0, 1, 2:
		name := []string{"old", "good1", "good2", "good3", "bad1", "bad2"}[n(6)]
		doc := []string{document(name), inPackage(name), document(name), `{"operation":"reboot"}`, `{"afr_ota":{}}`}[n(5)]
		w.change(func() { w.sick["bad1"], w.sick["bad2"] = true, true })
		w.service.create(fmt.Sprint("job-", count), doc, retries(n(3)), timeout([]time.Duration{0, 8 * time.Minute, time.Hour}[n(3)]))
	case 3, 4:
		w.link.connect(false)
	case 5, 6:
		w.link.connect(true)
	case 7:
		w.cut()
	case 8:
		w.reboot <- onlyAgent
	case 9:
		if j := pick(); j != nil {
			w.service.end(j, []Status{Canceled, Removed, TimedOut}[n(3)])
		}
	case 10:
		if j := pick(); j != nil {
			w.service.delete(j)
		}
	case 11:
		name := []string{"old", "good1", "good2", "good3", "bad1"}[n(5)]
		kind := []Kind{Deferred, Occupied, Transport, Expired, Untrusted, Refused, Broken}[n(7)]
		w.change(func() { w.results[name] = append(w.results[name], Result{Kind: kind, Err: errors.New("chance")}) })
	case 12:
		kind := []Kind{Deferred, Occupied, Broken, Refused, Done}[n(5)]
		w.change(func() { w.restarts = append(w.restarts, Result{Kind: kind, Err: errors.New("chance")}) })
	default:
		wait, unsure := time.Duration(n(2))*time.Hour, n(4) == 0
		w.change(func() {
			w.wait, w.unsure = wait, nil
			if unsure {
				w.unsure = errors.New("chance")
			}
		})
	}
}

// watch sees what the agent reports: a success is the device's word, and
// nothing follows it.
func (w *world) watch(topic string, payload []byte) {
	var body struct {
		Status    Status `json:"status"`
		Execution int64  `json:"executionNumber"`
	}
	if !strings.HasSuffix(topic, "/update") || json.Unmarshal(payload, &body) != nil || !body.Status.Over() {
		return
	}
	job := strings.Split(topic, "/")[4]
	of := fmt.Sprint(job, "#", body.Execution)
	w.service.mu.Lock()
	var doc string
	if r := w.service.find(job, body.Execution); r != nil {
		doc = r.doc
	}
	w.service.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if d, err := Parse([]byte(doc)); body.Status == Succeeded && err == nil {
		if name := releaseOf(Job{Document: d}); w.booted != name || w.trial {
			w.faults = append(w.faults, fmt.Sprintf("%s was told SUCCEEDED while %s runs (trial %t), not %s", of, w.booted, w.trial, name))
		}
	}
	if before := w.reports[of]; before != "" && before != body.Status {
		w.faults = append(w.faults, fmt.Sprintf("%s was told %s after %s", of, body.Status, before))
	}
	w.reports[of] = body.Status
}

// ended asks that every execution has come to an end, unless it is another
// agent's.
func (w *world) ended() {
	for _, r := range w.service.all {
		foreign := w.unknown == Leave && strings.Contains(r.doc, "operation")
		switch {
		case foreign && r.version > 2:
			w.t.Errorf("%v is another agent's", r)
		case !foreign && !r.gone && !r.status.Over():
			w.t.Errorf("%v has not ended: %v", r, r.details)
		}
	}
	if w.busy > 0 {
		w.t.Errorf("%d steps under way", w.busy)
	}
	if w.armed != "" && !w.noDisarm {
		w.t.Errorf("%s is armed", w.armed)
	}
}
