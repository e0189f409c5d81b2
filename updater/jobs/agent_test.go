package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// inWorld runs a scenario on virtual time.
func inWorld(t *testing.T, name string, run func(t *testing.T, w *world)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			run(t, w)
			w.close()
		})
	})
}

// pass lets time pass, and what it brings come to an end.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestJobFromNoticeToSuccess(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.run()
		pass(time.Minute)
		job := w.service.create("AFR_OTA-1", document("new"))
		pass(10 * time.Minute)
		w.want(job, well)
		w.wantInstalls("new")
		w.wantReboots("new")
		for _, d := range [][2]string{{"self_test", "ready"}, {"self_test", "active"}, {"phase", "installing"}, {"phase", "done"}, {"receive", "2/10"}} {
			if job.said(d[0], d[1]) == 0 {
				t.Errorf("nobody was told %s %s: %v", d[0], d[1], job.told)
			}
		}
		if want := "release new runs in slot B and was found healthy"; w.detail(job, "reason") != want {
			t.Errorf("reason %q", w.detail(job, "reason"))
		}
	})
}

func TestJobMadeWhileOffline(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.link.connect(false)
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"))
		pass(5 * time.Hour)
		w.want(job, "QUEUED")
		w.link.connect(true)
		pass(10 * time.Minute)
		w.want(job, well)
	})
}

// No notice comes: the agent looks all the same.
func TestNoticesAreLost(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.link.lose = func(topic string, _ bool) bool { return strings.Contains(topic, "/notify") }
		w.run()
		pass(time.Minute)
		job := w.service.create("AFR_OTA-1", document("new"))
		pass(2 * time.Hour)
		w.want(job, well)
		if n := w.asked("get"); n > 20 {
			t.Errorf("asked %d times", n)
		}
	})
}

// Each message of a whole update is lost once, in either direction.
func TestEveryMessageIsLostOnce(t *testing.T) {
	for _, toThing := range []bool{false, true} {
		for nth := range 40 {
			inWorld(t, fmt.Sprintf("%t %d", toThing, nth), func(t *testing.T, w *world) {
				var count atomic.Int64
				w.link.lose = func(_ string, to bool) bool {
					return to == toThing && count.Add(1) == int64(nth)+1
				}
				job := w.service.create("AFR_OTA-1", document("new"), timeout(2*time.Hour))
				w.run()
				pass(90 * time.Minute)
				w.want(job, well)
				w.wantInstalls("new")
				w.wantReboots("new")
			})
		}
	}
}

// The link goes down for a while after each second of an update.
func TestLinkIsLostAtAnyTime(t *testing.T) {
	for at := 0; at < 240; at += 7 {
		inWorld(t, fmt.Sprint(at), func(t *testing.T, w *world) {
			w.run()
			job := w.service.create("AFR_OTA-1", document("new"))
			pass(time.Duration(at) * time.Second)
			w.link.connect(false)
			pass(10 * time.Minute)
			w.link.connect(true)
			pass(20 * time.Minute)
			w.want(job, well)
			w.wantInstalls("new")
			w.wantReboots("new")
		})
	}
}

// The power goes at any time.
func TestPowerCutAtAnyTime(t *testing.T) {
	for at := 0; at < 240; at += 3 {
		inWorld(t, fmt.Sprint(at), func(t *testing.T, w *world) {
			w.run()
			job := w.service.create("AFR_OTA-1", document("new"))
			pass(time.Duration(at)*time.Second + 10*time.Millisecond)
			w.cut()
			pass(20 * time.Minute)
			w.want(job, well)
		})
	}
}

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
		w.takes = time.Hour
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

func TestJobsOneAfterAnother(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.run()
		a := w.service.create("AFR_OTA-1", document("one"))
		b := w.service.create("AFR_OTA-2", document("two"))
		pass(20 * time.Minute)
		w.want(a, well)
		w.want(b, well)
		w.wantReboots("one", "two")
	})
}

// The outcome is the device's, not the download's: what went back is FAILED,
// with the reason; the retry of the service is REJECTED, which is final.
func TestUnhealthyReleaseFailsOnceAndIsRejectedAfter(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.sick["bad"] = true
		w.run()
		job := w.service.create("AFR_OTA-1", document("bad"), retries(3))
		pass(time.Hour)
		w.want(job, failed)
		if w.detail(job, "reason") != "check /healthz: 503" {
			t.Errorf("reason %q", w.detail(job, "reason"))
		}
		if len(w.service.all) != 2 {
			t.Fatalf("%v", w.service.all)
		}
		w.want(w.service.all[1], rejected)
		w.wantInstalls("bad")
		w.wantReboots("bad", "old")
	})
}

// The same where the agent's record is lost: what AWS IoT was told helps.
func TestUnhealthyReleaseWithoutARecord(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.sick["bad"] = true
		w.store.err = errors.New("read-only")
		w.run()
		job := w.service.create("AFR_OTA-1", document("bad"))
		pass(time.Hour)
		w.want(job, failed)
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

func TestInstalledReleaseSucceedsAtOnce(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.wait = time.Hour // no window is needed for that
		w.run()
		job := w.service.create("AFR_OTA-1", inPackage("old"))
		pass(time.Minute)
		w.want(job, well)
		w.wantInstalls()
		if want := `{"state":{"reported":{"firmware":{"version":"old"}}}}`; len(w.service.shadows) != 1 || w.service.shadows[0] != want {
			t.Errorf("shadows %q", w.service.shadows)
		}
	})
}

func TestShadowSaysWhatRuns(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.sick["bad"] = true
		w.run()
		w.service.create("AFR_OTA-1", inPackage("new"))
		pass(10 * time.Minute)
		w.service.create("AFR_OTA-2", inPackage("bad"))
		pass(20 * time.Minute)
		var want []string
		for _, v := range []string{"new", "new"} { // committed, and gone back to
			want = append(want, fmt.Sprintf(`{"state":{"reported":{"firmware":{"version":%q}}}}`, v))
		}
		if !slices.Equal(w.service.shadows, want) {
			t.Errorf("shadows %q", w.service.shadows)
		}
	})
}

// What an install ends in, and what AWS IoT is told.
func TestWhatInstallsEndIn(t *testing.T) {
	why := errors.New("because\nof this")
	for _, row := range []struct {
		kind           Kind
		history, wants string
	}{
		{Untrusted, failed, "because of this"},
		{Broken, failed, "because of this"},
		{Unhealthy, failed, "because of this"},
		{Refused, rejected, "because of this"},
		{Transport, well, "healthy"},
		{Occupied, well, "healthy"},
		{Expired, well, "healthy"},
		{Deferred, well, "healthy"},
		{Stopped, well, "healthy"},
	} {
		inWorld(t, row.kind.String(), func(t *testing.T, w *world) {
			w.results["new"] = []Result{{Kind: row.kind, Err: why}}
			w.run()
			job := w.service.create("AFR_OTA-1", document("new"))
			pass(30 * time.Minute)
			w.want(job, row.history)
			if !strings.Contains(w.detail(job, "reason"), row.wants) {
				t.Errorf("reason %q", w.detail(job, "reason"))
			}
		})
	}
}

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

// The outcome is told until it is taken, also by the next agent; the device
// does not change its mind meanwhile.
func TestOutcomeIsOwedUntilItIsTaken(t *testing.T) {
	for _, release := range []string{"new", "bad"} {
		inWorld(t, release, func(t *testing.T, w *world) {
			w.sick["bad"] = true
			w.service.refuse = func(what string, body map[string]any) string {
				if body["status"] == string(Succeeded) || body["status"] == string(FailedJob) {
					return "InternalError"
				}
				return ""
			}
			w.run()
			job := w.service.create("AFR_OTA-1", document(release))
			pass(8 * time.Minute)
			w.want(job, "QUEUED IN_PROGRESS")
			w.cut()
			pass(5 * time.Minute)
			w.want(job, "QUEUED IN_PROGRESS")
			w.service.mu.Lock()
			w.service.refuse = nil
			w.service.mu.Unlock()
			pass(10 * time.Minute)
			w.want(job, map[string]string{"new": well, "bad": failed}[release])
			w.wantInstalls(release)
		})
	}
}

// Somebody else changes the execution: the agent asks and goes on.
func TestVersionMismatch(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"))
		for range 8 {
			pass(25 * time.Second)
			w.service.mu.Lock()
			job.version += 3
			w.service.mu.Unlock()
		}
		pass(10 * time.Minute)
		w.want(job, well)
		w.wantInstalls("new")
		w.wantReboots("new")
	})
}

func TestServiceThatDislikesDetails(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.service.refuse = func(_ string, body map[string]any) string {
			if body["statusDetails"] != nil && body["stepTimeoutInMinutes"] == nil {
				return "InvalidRequest"
			}
			return ""
		}
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"))
		pass(30 * time.Minute)
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
	})
}

func TestUnknownDocumentIsRejected(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.run()
		job := w.service.create("other-1", `{"operation":"reboot"}`)
		bad := w.service.create("AFR_OTA-1", `{"afr_ota":{"files":[]}}`)
		good := w.service.create("AFR_OTA-2", document("new"))
		pass(10 * time.Minute)
		w.want(job, rejected)
		w.want(bad, rejected)
		w.want(good, well)
		if want := "the job document has 0 files in afr_ota.files, but abota installs exactly one"; w.detail(bad, "reason") != want {
			t.Errorf("reason %q", w.detail(bad, "reason"))
		}
	})
}

// Another agent has its own jobs on this thing: neither disturbs the other,
// whichever job comes first.
func TestJobsOfOthersAreLeftAlone(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.unknown = Leave
		w.run()
		first := w.service.create("other-1", `{"operation":"reboot"}`)
		own := w.service.create("AFR_OTA-1", document("new"))
		second := w.service.create("other-2", `{"operation":"reboot"}`)
		pass(time.Minute)
		w.service.mu.Lock()
		w.service.start(first, map[string]any{}) // the other agent takes it
		w.service.mu.Unlock()
		pass(30 * time.Minute)
		w.want(first, "QUEUED IN_PROGRESS")
		w.want(second, "QUEUED")
		w.want(own, well)
		if first.version != 2 || second.version != 1 || w.asked("start-next") != 0 {
			t.Errorf("versions %d and %d, start-next %d times", first.version, second.version, w.asked("start-next"))
		}
		before := w.asked("get")
		pass(24 * time.Hour)
		if n := w.asked("get") - before; n > 100 {
			t.Errorf("asked %d times in a day with others' jobs pending", n)
		}
	})
}

// Somebody calls start-next beside the agent.
func TestStartNextTwice(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		job := w.service.create("AFR_OTA-1", document("new"))
		w.service.mu.Lock()
		w.service.start(job, map[string]any{})
		w.service.mu.Unlock()
		w.run()
		pass(10 * time.Minute)
		w.want(job, well)
	})
}

// A pre-signed URL is renewed through the job.
func TestDocumentIsRenewed(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		var renewed []Document
		var ends []error
		w.installing = func(ctx context.Context, _ Job, with Progressing) {
			for range 2 {
				d, err := with.Renew(ctx)
				renewed, ends = append(renewed, d), append(ends, err)
				time.Sleep(2 * time.Minute)
			}
		}
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"))
		pass(time.Minute)
		w.link.lose = func(topic string, _ bool) bool { return strings.Contains(topic, "/notify") }
		w.service.end(job, Canceled)
		pass(10 * time.Minute)
		if len(ends) != 2 || ends[0] != nil || renewed[0].File == nil || !errors.Is(ends[1], ErrOver) {
			t.Errorf("%+v %v", renewed, ends)
		}
	})
}

// The device loses what was installed, again and again: that ends.
func TestReleaseThatTheDeviceLoses(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.lost["new"] = true
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"))
		pass(3 * time.Hour)
		w.want(job, failed)
		w.wantInstalls("new", "new", "new")
	})
}

func TestJournalThatCannotBeRead(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.run()
		job := w.service.create("AFR_OTA-1", document("new"))
		pass(2*time.Minute + 30*time.Second) // in the trial
		w.change(func() { w.unsure = errors.New("input/output error") })
		pass(5 * time.Minute)
		w.want(job, "QUEUED IN_PROGRESS")
		w.change(func() { w.unsure = nil })
		pass(10 * time.Minute)
		w.want(job, well)
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
