package jobs

import (
	"context"
	"strings"
	"testing"
	"time"
)

// A job ends without the agent's doing, in each phase.
func TestJobIsOverInEachPhase(t *testing.T) {
	for _, how := range []Status{Canceled, TimedOut, Removed, "deleted"} {
		for _, phase := range []struct {
			name     string
			after    time.Duration
			installs int
			reboots  map[Status]string
			disarms  map[Status]int
			runs     map[Status]string
		}{
			{"while it downloads", 50 * time.Second, 1, nil, nil, map[Status]string{"": "old"}},
			{"before the restart", 3 * time.Minute, 1, nil, map[Status]int{"": 1}, map[Status]string{"": "old"}},
			{"in the trial", 15 * time.Minute, 1, map[Status]string{"": "new", Canceled: "new old"}, map[Status]int{Canceled: 1}, map[Status]string{"": "new", Canceled: "old"}},
			{"after the commit", 18 * time.Minute, 1, map[Status]string{"": "new"}, nil, map[Status]string{"": "new"}},
		} {
			inWorld(t, string(how)+" "+phase.name, func(t *testing.T, w *world) {
				w.restarts = []Result{{Kind: Deferred, RetryAfter: 10 * time.Minute}}
				w.health = 4 * time.Minute
				w.service.refuse = func(what string, body map[string]any) string {
					if body["status"] == string(Succeeded) {
						return "InternalError" // the outcome is not taken
					}
					return ""
				}
				w.run()
				job := w.service.create("AFR_OTA-1", document("new"))
				pass(phase.after)
				if how == "deleted" {
					w.service.delete(job)
				} else {
					w.service.end(job, how)
				}
				pass(30 * time.Minute)
				status := ""
				if how != "deleted" {
					status = " " + string(how)
				}
				w.want(job, "QUEUED IN_PROGRESS"+status)
				pick := func(of map[Status]string) string {
					if v, ok := of[how]; ok {
						return v
					}
					return of[""]
				}
				if w.booted != pick(phase.runs) || w.armed != "" || strings.Join(w.reboots, " ") != pick(phase.reboots) {
					t.Errorf("runs %s, armed %q, restarted into %v", w.booted, w.armed, w.reboots)
				}
				if n, ok := phase.disarms[how]; ok && n != w.disarms || !ok && phase.disarms[""] != w.disarms {
					t.Errorf("%d disarms", w.disarms)
				}
				// The next job is none the worse for it.
				w.service.refuse = nil
				next := w.service.create("AFR_OTA-2", document("newer"))
				pass(30 * time.Minute)
				w.want(next, well)
				if w.booted != "newer" {
					t.Errorf("runs %s", w.booted)
				}
			})
		}
	}
}

// A job is deleted and made again while the device is offline, with the name and
// number that it had. What the first one brought is not the second one's.
func TestJobThatIsMadeAgain(t *testing.T) {
	for _, at := range []time.Duration{50 * time.Second, 3 * time.Minute, 15 * time.Minute, 18 * time.Minute} {
		inWorld(t, at.String(), func(t *testing.T, w *world) {
			w.restarts = []Result{{Kind: Deferred, RetryAfter: 10 * time.Minute}}
			w.health = 4 * time.Minute
			w.service.refuse = func(_ string, body map[string]any) string {
				if body["status"] == string(Succeeded) {
					return "InternalError" // the outcome is not taken
				}
				return ""
			}
			w.run()
			first := w.service.create("AFR_OTA-1", document("new"))
			pass(at)
			w.link.connect(false)
			w.service.delete(first)
			second := w.service.create("AFR_OTA-1", document("newer"))
			w.service.refuse = nil
			pass(time.Minute)
			w.link.connect(true)
			pass(time.Hour)
			w.want(second, well)
			if w.booted != "newer" {
				t.Errorf("runs %s", w.booted)
			}
		})
	}
}

func TestQueuedJobIsCanceled(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.wait = 3 * time.Hour
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"))
		pass(time.Hour)
		w.want(job, "QUEUED")
		w.service.end(job, Canceled)
		w.change(func() { w.wait = 0 })
		pass(time.Hour)
		w.want(job, "QUEUED CANCELED")
		w.wantInstalls()
	})
}

// Nobody tells that the job was cancelled.
func TestCancelIsFoundWithoutANotice(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.installing = func(ctx context.Context, _ Job, _ Progressing) { _ = sleep(ctx, time.Hour) } // without any progress
		w.link.lose = func(topic string, _ bool) bool { return strings.Contains(topic, "/notify") }
		w.service.create("AFR_OTA-1", document("new"))
		w.run()
		pass(10 * time.Minute)
		w.service.end(w.service.all[0], Canceled)
		pass(10 * time.Minute)
		if w.busy != 0 || w.armed != "" {
			t.Errorf("%d steps under way, armed %q", w.busy, w.armed)
		}
	})
}

func TestDeviceThatCannotDisarm(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.noDisarm = true
		w.restarts = []Result{{Kind: Deferred, RetryAfter: 10 * time.Minute}}
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"))
		pass(3 * time.Minute)
		w.service.end(job, Canceled)
		pass(time.Hour)
		w.wantReboots()
		next := w.service.create("AFR_OTA-2", document("newer"))
		pass(10 * time.Minute)
		w.want(next, well)
		w.wantReboots("newer")
	})
}

// A trial takes longer than the job's timeout: the release stays, and the retry
// succeeds without another install.
func TestTimedOutDuringTheTrialStaysCommitted(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.health = 6 * time.Minute
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"), timeout(5*time.Minute), retries(1))
		pass(time.Hour)
		w.want(job, timedOut)
		w.want(w.service.all[1], well)
		w.wantInstalls("new")
		w.wantReboots("new")
	})
}
