package jobs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

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
