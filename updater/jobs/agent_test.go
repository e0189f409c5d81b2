package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// inWorld runs a scenario on virtual time.
func inWorld(t *testing.T, name string, run func(t *testing.T, w *world)) {
	t.Helper()
	all := func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			run(t, w)
			w.close()
		})
	}
	if name == "" {
		all(t)
		return
	}
	t.Run(name, all)
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
		pass(time.Second)
		w.want(job, "QUEUED IN_PROGRESS") // whatever pauses there were
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
		w.service.delete(second)
		again := w.service.create("other-2", document("newer")) // of the same name, for abota
		pass(2 * time.Hour)
		w.want(again, well)
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
