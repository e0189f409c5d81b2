package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"abota/sim/awsiot/broker"
	iot "abota/sim/awsiot/service"
	"abota/updater"
	"abota/updater/jobs"
)

// cancel cancels a job, also where it is under way.
func (c *cloud) cancel(job string) {
	c.t.Helper()
	_, err := c.CancelJob(iot.CancelJobInput{JobID: job, Force: true})
	must(c.t, err)
}

// idle waits for an agent with no job in hand.
func (d *iotDevice) idle() {
	d.t.Helper()
	eventually(d.t, "an agent without a job", func() bool {
		s := d.state("A")
		return s.Job == nil || s.Job.Phase == ""
	})
}

// wantUntouched: nothing is armed, held or condemned, and the next job is taken.
func (d *iotDevice) wantUntouched(next string) {
	d.t.Helper()
	s := d.state("A")
	if s.Booted.String() != "A" || s.Primary != "A" || s.RebootRequired || len(s.Condemned) != 0 || s.Held != nil || s.Slots[1].BootStatus != "bad" {
		d.t.Errorf("the device is %+v", s.Status)
	}
	image := image("system next", 64<<10)
	d.cloud.job(next, d.thing, d.signer.document(d.t, image, d.cloud.stream(image), ""))
	eventually(d.t, "the next job", func() bool { return d.state("A").RebootRequired && d.says("b") == "system next" })
}

// apart has the application restart the device, so that a job stays armed.
const apart = "poll: {reboot: application}\n"

func TestJobCancelledInItsDownload(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, apart)
	// Half of its blocks never come.
	c.Set(broker.On("$aws/things/+/streams/+/data/+", broker.Sometimes(2, 1, broker.Lose)))
	two := image("system two", 200<<10)
	c.job("AFR_OTA-1", d.thing, d.signer.document(t, two, c.stream(two), ""))
	d.start("A")
	eventually(t, "a download", func() bool {
		s := d.state("A")
		return s.Phase == updater.Writing && s.Job != nil && s.Job.Phase == jobs.Installing
	})
	c.Set(broker.On("$aws/things/+/streams/+/data/+", broker.Lose))
	c.cancel("AFR_OTA-1")
	d.idle()
	c.Set(nil)
	d.wantUntouched("AFR_OTA-2")
}

func TestJobCancelledWhileItWaitsForTheRestart(t *testing.T) {
	for how, end := range map[string]func(*cloud){
		"cancelled": func(c *cloud) { c.cancel("AFR_OTA-1") },
		"deleted": func(c *cloud) {
			must(t, c.DeleteJob(iot.DeleteJobInput{JobID: "AFR_OTA-1", Force: true}))
		},
		"timed out": func(c *cloud) { c.clock.Advance(time.Hour) },
	} {
		t.Run(how, func(t *testing.T) {
			c := newCloud(t)
			d := newIoTDevice(t, c, apart)
			two := image("system two", 64<<10)
			c.job("AFR_OTA-1", d.thing, d.signer.document(t, two, c.stream(two), ""), func(in *iot.CreateJobInput) {
				minutes := int64(30)
				in.TimeoutConfig = &iot.TimeoutConfig{InProgressTimeoutInMinutes: &minutes}
			})
			d.start("A")
			eventually(t, "an armed slot", func() bool { return d.state("A").RebootRequired })
			end(c)
			d.idle()
			d.wantUntouched("AFR_OTA-2")
			if log := d.events(); !strings.Contains(log, updater.EventWithdrawn) {
				t.Errorf("the event log says\n%s", log)
			}
		})
	}
}

// A trial of a job that somebody cancels is left, without a verdict.
func TestJobCancelledInItsTrial(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	two := image("system two", 64<<10)
	c.job("AFR_OTA-1", d.thing, d.signer.document(t, two, c.stream(two), ""))
	d.start("A")
	d.rebooted()
	must(t, os.Remove(filepath.Join(d.dir, "healthy")))
	d.patient()
	boot := make(chan int, 1)
	go func() {
		code, _, _ := d.command("B", "boot")
		boot <- code
	}()
	d.start("B")
	eventually(t, "a job that is tested", func() bool { return detail(c.execution(d.thing, "AFR_OTA-1"), "self_test") == "active" })
	c.cancel("AFR_OTA-1")
	d.rebooted() // to leave it
	d.write("healthy", "")
	if code := <-boot; code != 0 {
		t.Errorf("boot ends with %d", code)
	}
	if s := d.state("B"); s.Primary != "A" || s.Slots[1].BootStatus != "bad" {
		t.Errorf("before the restart the device is %+v", s.Status)
	}
	d.configure(apart)
	d.start("A")
	d.idle()
	d.wantUntouched("AFR_OTA-2")
}

// patient gives the health checks of a trial a minute.
func (d *iotDevice) patient() {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, "config.yaml"))
	must(d.t, err)
	d.write("config.yaml", strings.Replace(string(text), "deadline: 1s", "deadline: 1m", 1))
}

// events is what `abota log` says.
func (d *iotDevice) events() string {
	d.t.Helper()
	code, out, complaint := d.command("A", "log")
	if code != 0 {
		d.t.Fatalf("log ends with %d: %s", code, complaint)
	}
	return out
}

// What was committed stays, whatever becomes of its job.
func TestJobThatEndsAfterTheCommit(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	two := image("system two", 64<<10)
	c.job("AFR_OTA-1", d.thing, d.signer.document(t, two, c.stream(two), ""))
	d.start("A")
	d.rebooted()
	if code, _, complaint := d.command("B", "boot"); code != 0 {
		t.Fatalf("boot ends with %d: %s", code, complaint)
	}
	c.cancel("AFR_OTA-1")
	d.start("B")
	eventually(t, "an agent without a job", func() bool {
		s := d.state("B")
		return s.Job != nil && s.Job.Phase == "" && s.Job.Status == "CANCELED"
	})
	d.stop()
	if s := d.state("B"); s.Primary != "B" || s.Phase != updater.Committed || s.Slots[1].BootStatus != "good" {
		t.Errorf("the device is %+v", s.Status)
	}
	if e := c.execution(d.thing, "AFR_OTA-1"); e.Status != "CANCELED" {
		t.Errorf("the job is %s", e.Status)
	}
}

// A job that was made, and cancelled, while the device was off is not begun.
func TestJobCancelledBeforeItBegan(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, apart)
	two := image("system two", 64<<10)
	c.job("AFR_OTA-1", d.thing, d.signer.document(t, two, c.stream(two), ""))
	eventually(t, "the rollout", func() bool { return c.execution(d.thing, "AFR_OTA-1").Status == "QUEUED" })
	c.cancel("AFR_OTA-1")
	d.start("A")
	d.wantUntouched("AFR_OTA-2")
}
