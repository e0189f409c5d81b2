package main

import (
	"strings"
	"testing"

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
