package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"abota/bootctl"
	"abota/sim/awsiot/broker"
	"abota/updater"
	"abota/updater/classic"
	"abota/updater/hook"
	"abota/updater/jobs"
	"abota/updater/mqtt"
	"abota/updater/signature"
	"abota/updater/slot"
	"abota/updater/source"
)

// From the queue to the committed release, and what is said of it everywhere.
func TestJobToCommittedRelease(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	two := image("system two", 200<<10)
	document := d.signer.document(t, two, c.stream(two), "")
	c.job("AFR_OTA-1", d.thing, document)
	d.start("A")
	d.asksForReboot()
	if e := c.execution(d.thing, "AFR_OTA-1"); e.Status != "IN_PROGRESS" || detail(e, "self_test") != "ready" {
		t.Errorf("before the restart the job is %s, %+v", e.Status, e.StatusDetails)
	}
	eventually(t, "a job whose restart did not come", func() bool { return detail(c.execution(d.thing, "AFR_OTA-1"), "phase") == "waiting" })
	d.stop()
	if slot := detail(c.execution(d.thing, "AFR_OTA-1"), "slot"); slot != "B" {
		t.Errorf("what waits for a restart is said to be in slot %q", slot)
	}
	if s := d.state("A"); s.Primary != "B" || s.Job == nil || s.Job.Job != "AFR_OTA-1" || !s.RebootRequired {
		t.Errorf("before the restart the device is %+v, its job %+v", s.Status, s.Job)
	}
	if code, _, complaint := d.command("B", "boot"); code != 0 || d.says("b") != "system two" {
		t.Fatalf("boot ends with %d: %s", code, complaint)
	}
	d.start("B")
	if reason := c.ends(d.thing, "AFR_OTA-1", "SUCCEEDED"); !strings.Contains(reason, "runs in slot B") {
		t.Errorf("it succeeded because %q", reason)
	}
	eventually(t, "the last job in the status", func() bool {
		s := d.state("B")
		return s.Job != nil && s.Job.Status == jobs.Succeeded && !s.Job.Reported.IsZero() && s.Job.Job == "AFR_OTA-1"
	})
	// The same release again costs nothing.
	before := c.given()
	c.job("AFR_OTA-2", d.thing, document)
	c.ends(d.thing, "AFR_OTA-2", "SUCCEEDED")
	if after := c.given(); after != before || d.says("a") != "factory" {
		t.Errorf("%d bytes were fetched, slot A holds %q", after-before, d.says("a"))
	}
}

// An unhealthy release is FAILED by the execution that brought it, and REJECTED
// by every later one.
func TestJobOfAnUnhealthyRelease(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	bad := image("system bad", 64<<10)
	document := d.signer.document(t, bad, c.stream(bad), "")
	c.job("AFR_OTA-1", d.thing, document)
	d.start("A")
	d.rebooted()
	must(t, os.Remove(filepath.Join(d.dir, "healthy")))
	if code, _, complaint := d.command("B", "boot"); code != 8 {
		t.Fatalf("boot ends with %d: %s", code, complaint)
	}
	d.write("healthy", "")
	d.start("A")
	if reason := c.ends(d.thing, "AFR_OTA-1", "FAILED"); !strings.Contains(reason, "test") {
		t.Errorf("it failed because %q", reason)
	}
	before := c.given()
	c.job("AFR_OTA-2", d.thing, document)
	if reason := c.ends(d.thing, "AFR_OTA-2", "REJECTED"); !strings.Contains(reason, "failed on this device before") {
		t.Errorf("it was rejected because %q", reason)
	}
	if after := c.given(); after != before {
		t.Errorf("%d bytes of a condemned release were fetched", after-before)
	}
	// Another one is taken.
	good := image("system good", 64<<10)
	c.job("AFR_OTA-3", d.thing, d.signer.document(t, good, c.stream(good), ""))
	d.rebooted()
	if d.says("b") != "system good" {
		t.Errorf("slot B holds %q", d.says("b"))
	}
}

// What is not what was signed, or was signed by somebody else, is not armed.
func TestJobThatNobodyTrusted(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	good, other := image("system good", 64<<10), image("system evil", 64<<10)
	for job, document := range map[string]string{
		"other-file":   d.signer.document(t, good, c.stream(other), ""),
		"other-signer": newSigner(t).document(t, good, c.stream(good), ""),
		"other-cert":   strings.Replace(d.signer.document(t, good, c.stream(good), ""), `"signer"`, `"../ca.pem"`, 1),
		"sha1":         strings.Replace(d.signer.document(t, good, c.stream(good), ""), "sig-sha256-ecdsa", "sig-sha1-rsa", 1),
		"too-large":    d.signer.document(t, image("large", slotSize+1), c.stream(image("large", slotSize+1)), ""),
	} {
		c.job(job, d.thing, document)
	}
	d.start("A")
	for job, status := range map[string]string{"other-file": "FAILED", "other-signer": "FAILED", "other-cert": "FAILED", "sha1": "REJECTED", "too-large": "REJECTED"} {
		t.Logf("%s: %s", job, c.ends(d.thing, job, status))
	}
	d.stop()
	if s := d.state("A"); s.Primary != "A" || s.RebootRequired || s.Slots[1].BootStatus != "bad" {
		t.Errorf("the device is %+v", s.Status)
	}
}

// A report that is lost is repeated, and changes nothing: neither the release
// that runs nor how often it is fetched.
func TestJobWhoseReportIsLost(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	two := image("system two", 64<<10)
	c.job("AFR_OTA-1", d.thing, d.signer.document(t, two, c.stream(two), ""))
	d.start("A")
	d.rebooted()
	if code, _, complaint := d.command("B", "boot"); code != 0 {
		t.Fatalf("boot ends with %d: %s", code, complaint)
	}
	before := c.given()
	c.Stop() // the broker is gone
	d.start("B")
	eventually(t, "an agent that knows what to report", func() bool { return d.state("B").Job != nil })
	d.stop()
	if s := d.state("B"); s.Phase != updater.Committed || s.Slots[1].BootStatus != "good" {
		t.Errorf("without a report the device is %+v", s.Status)
	}
	must(t, c.Heal())
	c.Set(broker.On("$aws/things/+/jobs/+/update/#", broker.Lose))
	d.start("B")
	// The service has it with the first one; the agent hears of it by asking.
	c.ends(d.thing, "AFR_OTA-1", "SUCCEEDED")
	c.Set(nil)
	eventually(t, "an agent that is done", func() bool {
		s := d.state("B")
		return s.Job != nil && s.Job.Phase == jobs.Idle && s.Job.Status == jobs.Succeeded
	})
	if after := c.given(); after != before || d.says("a") != "factory" {
		t.Errorf("%d bytes were fetched", after-before)
	}
}

// The windows and poll.reboot hold for jobs too.
func TestJobWaitsForItsTime(t *testing.T) {
	c := newCloud(t)
	now := time.Now().UTC()
	closed := fmt.Sprintf("[%q]", now.Add(12*time.Hour).Format("Mon 15:04")+"-"+now.Add(13*time.Hour).Format("15:04")+" UTC")
	d := newIoTDevice(t, c, "poll: {window: "+closed+"}\n")
	two := image("system two", 64<<10)
	c.job("AFR_OTA-1", d.thing, d.signer.document(t, two, c.stream(two), ""))
	d.start("A")
	eventually(t, "an agent that waits", func() bool { return strings.Contains(d.log(), "outside of the maintenance windows") })
	if e := c.execution(d.thing, "AFR_OTA-1"); e.Status != "QUEUED" || c.given() != 0 {
		t.Errorf("outside of the window the job is %s, and %d bytes were fetched", e.Status, c.given())
	}
	d.configure("poll: {window: " + closed + ", reboot: window}\n")
	d.stop()
	d.start("A")
	eventually(t, "an install", func() bool { return d.state("A").RebootRequired })
	eventually(t, "a job that says why it waits", func() bool {
		return detail(c.execution(d.thing, "AFR_OTA-1"), "reason") == closedWindow
	})
	d.stop()
	d.configure("poll: {reboot: application}\n")
	d.start("A")
	eventually(t, "a job that says why it waits", func() bool {
		return strings.Contains(detail(c.execution(d.thing, "AFR_OTA-1"), "reason"), "the application restarts")
	})
	d.stop()
	if _, err := os.Stat(filepath.Join(d.dir, "rebooted")); err == nil {
		t.Error("the device was restarted")
	}
}

// A download that was broken off, by a restart of the agent or of the device,
// begins again by itself, and the job is the same.
func TestJobGoesOnAfterAStop(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	two := image("system two", 200<<10)
	c.Set(broker.On("$aws/things/+/streams/+/data/+", broker.Sometimes(2, 1, broker.Lose)))
	c.job("AFR_OTA-1", d.thing, d.signer.document(t, two, c.stream(two), ""))
	d.start("A")
	eventually(t, "a download", func() bool { return d.state("A").Phase == updater.Writing })
	d.stop()
	if s := d.state("A"); s.Primary != "A" || s.Slots[1].BootStatus != "bad" {
		t.Errorf("the device is %+v", s.Status)
	}
	c.Set(broker.Twice)
	d.start("A")
	d.rebooted()
	if d.says("b") != "system two" {
		t.Errorf("slot B holds %q", d.says("b"))
	}
	// The agent's record is lost with a replaced data partition.
	must(t, os.Remove(filepath.Join(d.dir, "state", "job")))
	if code, _, complaint := d.command("B", "boot"); code != 0 {
		t.Fatalf("boot ends with %d: %s", code, complaint)
	}
	c.Set(nil)
	d.start("B")
	c.ends(d.thing, "AFR_OTA-1", "SUCCEEDED")
}

// The thing's shadow says which version of the catalog runs, and only once it
// is committed.
func TestJobOfTheCatalog(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	two := image("system two", 64<<10)
	document := strings.Replace(d.signer.document(t, two, c.stream(two), ""), "{", `{"abota": {"version": 1, "package": {"name": "firmware", "version": "2.0.0"}}, `, 1)
	c.job("AFR_OTA-1", d.thing, document)
	shadow := func() string {
		text, err := c.GetThingShadow(d.thing, "$package")
		if err != nil {
			return ""
		}
		return string(text)
	}
	d.start("A")
	d.rebooted()
	if text := shadow(); text != "" {
		t.Errorf("before it runs the shadow is %s", text)
	}
	if code, _, complaint := d.command("B", "boot"); code != 0 {
		t.Fatalf("boot ends with %d: %s", code, complaint)
	}
	d.start("B")
	c.ends(d.thing, "AFR_OTA-1", "SUCCEEDED")
	eventually(t, "the shadow", func() bool { return strings.Contains(shadow(), `"firmware":{"version":"2.0.0"`) })
}

// What an error makes of a job, and in which exit code a command ends by it.
func TestEveryErrorOfAJobHasItsKind(t *testing.T) {
	link := jobs.Job{Document: jobs.Document{Source: &jobs.Source{URL: "https://host/x"}}}
	bucket := jobs.Job{Document: jobs.Document{Source: &jobs.Source{Bucket: "fleet"}}}
	for _, row := range []struct {
		err  error
		job  jobs.Job
		want jobs.Kind
		code int
	}{
		{fmt.Errorf("x: %w", source.ErrTransport), link, jobs.Transport, 6},
		{source.ErrChanged, link, jobs.Transport, 6},
		{source.ErrDenied, link, jobs.Expired, 2},
		{source.ErrDenied, bucket, jobs.Broken, 2},
		{source.ErrMismatch, link, jobs.Untrusted, 5},
		{classic.ErrCorrupt, bucket, jobs.Untrusted, 5},
		{signature.ErrUntrusted, link, jobs.Untrusted, 5},
		{updater.ErrRefusedRelease, bucket, jobs.Refused, 7},
		{slot.ErrFull, bucket, jobs.Refused, 7},
		{updater.ErrUnhealthy, bucket, jobs.Unhealthy, 8},
		{hook.ErrDeferred, bucket, jobs.Deferred, 6},
		{&bootctl.RefusedError{Reason: "in a trial"}, bucket, jobs.Occupied, 7},
		{errLocked, bucket, jobs.Occupied, 9},
		{fmt.Errorf("%w: %w", source.ErrDenied, jobs.ErrOver), link, jobs.Stopped, 2},
		{errors.New("input/output error"), bucket, jobs.Broken, 1},
		{mqtt.ErrOffline, bucket, jobs.Transport, 6},
		{mqtt.ErrRefused, bucket, jobs.Broken, 2},
		{jobs.ErrNoReply, bucket, jobs.Transport, 6},
		{&jobs.RejectedError{Code: jobs.CodeThrottled}, bucket, jobs.Transport, 6},
		{&jobs.RejectedError{Code: jobs.CodeInvalidRequest}, bucket, jobs.Broken, 1},
	} {
		if got := kindOf(row.job, row.err); got != row.want {
			t.Errorf("%v is %s, want %s", row.err, got, row.want)
		}
		if code := exitCode(row.err); code != row.code {
			t.Errorf("%v ends in %d, want %d", row.err, code, row.code)
		}
	}
}

// The budget covers every attempt of a trial, and no restart where there is
// none.
func TestRestartBudget(t *testing.T) {
	budget := func(more string) time.Duration {
		t.Helper()
		o := offersOf(t, t.TempDir(), more)
		return (&jobDevice{keeper: &keeper{c: o.c, cfg: o.cfg}}).RestartBudget()
	}
	// Reboot 70 s, start 3 min, update_path 5 min, stable 30 s, one check 30 s, 2 s; and the hook's minute.
	if got, want := budget("slots: {a: /dev/a, b: /dev/b}\n"), 3*(70*time.Second+3*time.Minute+5*time.Minute+62*time.Second)+time.Minute; got != want {
		t.Errorf("with devices: %s, want %s", got, want)
	}
	if got, want := budget("slots: {a: {dir: /a}, b: {dir: /b}}\nbootloader: {kind: symlink, link: /l, restart_timeout: 20s}\nhooks: {timeout: 10s}\nhealth: {update_path: false, deadline: 1m, stable_for: 10s, checks: [{exec: [x], timeout: 5s}]}\n"), 30*time.Second+77*time.Second; got != want {
		t.Errorf("with folders: %s, want %s", got, want)
	}
}

// Without a clock a window is waited for, for a day, and then no longer.
func TestJobWithoutAClock(t *testing.T) {
	for reboot, wait := range map[string]time.Duration{"now": 24 * time.Hour, "window": 0} {
		o := offersOf(t, t.TempDir(), "slots: {a: /dev/a, b: /dev/b}\npoll: {window: [\"02:00-03:00\"], reboot: "+reboot+"}\n")
		synctest.Test(t, func(t *testing.T) { // which begins in the year 2000
			d := &jobDevice{keeper: &keeper{c: o.c, cfg: o.cfg}, started: time.Now()}
			if got, _ := d.Wait(); got != wait {
				t.Errorf("reboot: %s: an install waits for %s, want %s", reboot, got, wait)
			}
			if got, _ := d.restartWait(d.cfg); got != 24*time.Hour {
				t.Errorf("reboot: %s: a restart waits for %s", reboot, got)
			}
			time.Sleep(24 * time.Hour)
			if got, why := d.restartWait(d.cfg); got != 0 || why != "" {
				t.Errorf("reboot: %s: after a day a restart waits for %s (%s)", reboot, got, why)
			}
		})
	}
}

// A job of which nothing is known takes nothing back.
func TestDisarmOfNothing(t *testing.T) {
	d := newIoTDevice(t, newCloud(t), "")
	c := offersOf(t, t.TempDir(), "").c
	c.configs, c.booted = []string{filepath.Join(d.dir, "config.yaml")}, "A"
	cfg, err := c.load()
	must(t, err)
	j := &jobDevice{keeper: &keeper{c: c, cfg: cfg, alive: func() {}}}
	if err := j.Disarm(t.Context(), jobs.Job{ID: "AFR_OTA-1"}); err != nil {
		t.Error(err)
	}
}
