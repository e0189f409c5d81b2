package jobs

import (
	"context"
	"errors"
	"testing"
	"time"
)

// The network is down for good: AWS IoT gives up, not the device; the next
// attempt is taken up.
func TestTransportFailuresAreForTheTimer(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		for range 200 {
			w.results["new"] = append(w.results["new"], Result{Kind: Transport, Err: errors.New("no route to host")})
		}
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"), retries(1))
		pass(50 * time.Minute)
		if w.detail(job, "phase") != "waiting" || w.detail(job, "reason") != "no route to host" {
			t.Errorf("told %v", w.detail(job, ""))
		}
		w.change(func() { w.results["new"] = nil })
		pass(2 * time.Hour)
		w.want(job, well)
		if n := len(w.installs); n < 5 || n > 40 {
			t.Errorf("%d installs", n)
		}
	})
	inWorld(t, "until the timer", func(t *testing.T, w *world) {
		for range 200 {
			w.results["new"] = append(w.results["new"], Result{Kind: Transport, Err: errors.New("no route to host")})
		}
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"), timeout(30*time.Minute), retries(1))
		pass(35 * time.Minute)
		w.want(job, timedOut)
		w.change(func() { w.results["new"] = nil })
		pass(30 * time.Minute)
		w.want(w.service.all[1], well)
	})
}

func TestWindowKeepsTheJobQueued(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.wait = 3 * time.Hour
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"))
		pass(2 * time.Hour)
		w.want(job, "QUEUED")
		if last := w.said[len(w.said)-1]; last != "a job waits: outside of the maintenance window" {
			t.Errorf("said %q", last)
		}
		w.change(func() { w.wait = 0 })
		pass(30 * time.Minute)
		w.want(job, well)
	})
}

// A hook says "not now" for longer than any step timer.
func TestDeferredInstallKeepsItsTimer(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		for range 40 {
			w.results["new"] = append(w.results["new"], Result{Kind: Deferred, RetryAfter: 10 * time.Minute, Err: errors.New("the pump runs")})
		}
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"))
		pass(4 * time.Hour)
		w.want(job, "QUEUED IN_PROGRESS")
		if w.detail(job, "phase") != "deferred" || w.detail(job, "reason") != "the pump runs" {
			t.Errorf("told %v", w.detail(job, ""))
		}
		pass(8 * time.Hour)
		w.want(job, well)
	})
}

func TestDeferredRestartKeepsItsTimer(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		for range 40 {
			w.restarts = append(w.restarts, Result{Kind: Deferred, Err: errors.New("the pump runs")})
		}
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"))
		pass(2 * time.Hour)
		if w.detail(job, "phase") != "deferred" {
			t.Errorf("told %v", w.detail(job, ""))
		}
		pass(4 * time.Hour)
		w.want(job, well)
		w.wantInstalls("new")
	})
}

// A window that closes meanwhile holds up an install that was interrupted.
func TestWindowClosesInMidDownload(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"))
		pass(30 * time.Second)
		w.change(func() { w.wait = 5 * time.Hour })
		w.cut()
		pass(time.Hour)
		w.want(job, "QUEUED IN_PROGRESS")
		w.wantInstalls("new")
		if w.detail(job, "phase") != "deferred" {
			t.Errorf("told %v", w.detail(job, ""))
		}
		w.change(func() { w.wait = 0 })
		pass(time.Hour)
		w.want(job, well)
	})
}

// The step timer covers what comes next, and little more.
func TestStepTimers(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		steps := map[string]float64{}
		w.service.refuse = func(what string, body map[string]any) string {
			details, _ := body["statusDetails"].(map[string]any)
			if phase, ok := details["phase"].(string); ok {
				step, _ := body["stepTimeoutInMinutes"].(float64)
				steps[phase] = step
			}
			return ""
		}
		w.run()
		w.service.create("AFR_OTA-1", document("new"))
		pass(10 * time.Minute)
		for phase, want := range map[string]float64{"started": 60, "installing": 60, "restarting": 15, "testing": 15, "done": 0} {
			if steps[phase] != want {
				t.Errorf("%s: %v minutes, want %v (%v)", phase, steps[phase], want, steps)
			}
		}
	})
}

func TestProgressIsToldSeldom(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.takes = 10 * time.Hour
		w.installing = func(ctx context.Context, _ Job, with Progressing) {
			for i := range int64(100_000) {
				if sleep(ctx, 100*time.Millisecond) != nil {
					return
				}
				with.Progress(Progress{Done: i, Total: 1 << 20, Slot: "B"})
			}
		}
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"))
		pass(2 * time.Hour)
		if n := job.said("phase", "installing"); n < 100 || n > 125 {
			t.Errorf("told %d times in two hours", n)
		}
		if w.store.saves > 5 {
			t.Errorf("%d writes", w.store.saves)
		}
	})
}

// Between two windows of the service a queued job is hidden.
func TestJobThatIsHiddenByItsWindow(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.service.closed = true
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"))
		pass(time.Hour)
		w.want(job, "QUEUED")
		w.service.mu.Lock()
		w.service.closed = false
		w.service.changed(true)
		w.service.mu.Unlock()
		pass(10 * time.Minute)
		w.want(job, well)
	})
}
