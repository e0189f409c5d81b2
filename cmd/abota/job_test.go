package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"abota/sim/awsiot/broker"
	"abota/updater"
	"abota/updater/jobs"
)

// From the queue to the committed release, and what is said of it everywhere.
func TestJobToCommittedRelease(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	two := image("system two", 200<<10)
	document := d.signer.document(t, two, c.stream(two), "")
	c.job("AFR_OTA-1", d.thing, document)
	d.start("A")
	d.rebooted()
	if e := c.execution(d.thing, "AFR_OTA-1"); e.Status != "IN_PROGRESS" || detail(e, "self_test") != "ready" {
		t.Errorf("before the restart the job is %s, %+v", e.Status, e.StatusDetails)
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
