package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"abota/sim/awsiot/broker"
)

// `abota check` says what is pending, and starts nothing.
func TestCheckOfJobs(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	if code, _, complaint := d.command("A", "check"); code != 3 || !strings.Contains(complaint, "AWS IoT has no job for pump-17") {
		t.Errorf("without a job check ends with %d: %s", code, complaint)
	}
	two := image("system two", 64<<10)
	c.job("AFR_OTA-1", d.thing, d.signer.document(t, two, "", "https://user:secret@host.example.com/two.img?X-Amz-Signature=secret"))
	c.job("AFR_OTA-2", d.thing, d.signer.document(t, two, c.stream(two), ""))
	eventually(t, "the rollout", func() bool { return c.execution(d.thing, "AFR_OTA-2").Status == "QUEUED" })
	code, out, complaint := d.command("A", "check")
	if code != 0 || !strings.Contains(out, "the next one is AFR_OTA-1, which offers a file of 64 KiB from host.example.com, signed with signer") || strings.Contains(out, "secret") {
		t.Errorf("check ends with %d: %s\n%s", code, complaint, out)
	}
	code, out, _ = d.command("A", "--json", "check")
	var said pendingJobs
	must(t, json.Unmarshal([]byte(out), &said))
	if code != 0 || len(said.Jobs) != 2 || said.Next == nil || said.Next.Job != "AFR_OTA-1" || said.Next.Started {
		t.Errorf("check ends with %d: %s", code, out)
	}
	if e := c.execution(d.thing, "AFR_OTA-1"); e.Status != "QUEUED" || e.VersionNumber != 1 {
		t.Errorf("afterwards the job is %s, version %d", e.Status, e.VersionNumber)
	}
	c.cancel("AFR_OTA-1")
	c.cancel("AFR_OTA-2")
	c.job("lamp", d.thing, `{"operation": "blink"}`)
	eventually(t, "the rollout", func() bool { return c.execution(d.thing, "lamp").Status == "QUEUED" })
	if code, out, _ := d.command("A", "check"); code != 0 || !strings.Contains(out, "lamp, which would not be taken: the document has neither afr_ota nor abota in it") {
		t.Errorf("check ends with %d: %s", code, out)
	}
	// A device that could carry out no job says so before one fails.
	must(t, os.RemoveAll(filepath.Join(d.dir, "certs")))
	if code, _, complaint := d.command("A", "check"); code != 0 || !strings.Contains(complaint, "holds no certificate, and there is no key_file") {
		t.Errorf("without anything to trust check ends with %d: %s", code, complaint)
	}
	d.start("A")
	eventually(t, "an agent that warns", func() bool { return strings.Contains(d.log(), "holds no certificate, and there is no key_file") })
}

// What has no SOURCE, and what is missing, is said with exit code 2.
func TestVerbsWithoutASource(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	for verb, says := range map[string]string{
		"install": "releases come as jobs of AWS IoT here (mode: aws-iot), which `abota run` takes by itself",
		"info":    "`abota check` says what is pending",
	} {
		if code, _, complaint := d.command("A", verb); code != 2 || !strings.Contains(complaint, says) {
			t.Errorf("%s ends with %d: %s", verb, code, complaint)
		}
	}
	for _, key := range []string{"endpoint", "cert", "key"} {
		if code, _, complaint := d.command("A", "run", "--set", "aws_iot."+key+"="); code != 2 || !strings.Contains(complaint, "aws_iot.") {
			t.Errorf("without %s run ends with %d: %s", key, code, complaint)
		}
	}
	must(t, os.Chmod(filepath.Join(d.dir, "key.pem"), 0o644))
	for _, verb := range []string{"run", "check"} {
		if code, _, complaint := d.command("A", verb); code != 2 || !strings.Contains(complaint, "everybody on this device can read") {
			t.Errorf("with a key that everybody can read %s ends with %d: %s", verb, code, complaint)
		}
	}
}

// A release that could get no further job is not kept.
func TestUpdatePathOfJobs(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	if err := d.updatePath(); err != nil {
		t.Fatalf("a device in order: %v", err)
	}
	// Beside an agent it takes nothing from it.
	d.start("A")
	eventually(t, "the agent's connection", func() bool { return len(c.Clients()) == 1 })
	if err := d.updatePath(); err != nil {
		t.Errorf("beside an agent: %v", err)
	}
	eventually(t, "the agent alone", func() bool {
		all := c.Clients()
		return len(all) == 1 && all[0].ID == "pump-17-abota"
	})
	if log := d.log(); strings.Contains(log, "taken over") || strings.Contains(log, "no connection") {
		t.Errorf("the agent said\n%s", log)
	}
	d.stop()
	for _, row := range []struct {
		what, file, content string
		code                int
		says                string
	}{
		{"a certificate of no key", "cert.pem", string(d.signer.cert), 2, "cannot use"},
		{"an authority that is not the broker's", "ca.pem", string(newSigner(t).cert), 2, "certificate"},
		{"a folder with a certificate that is none", "certs/other.pem", "none", 5, "other.pem"},
		{"a configuration that does not parse", "config.yaml", "slots: {c: x}", 2, "slots.c"},
	} {
		was, err := os.ReadFile(filepath.Join(d.dir, row.file))
		d.write(row.file, row.content)
		got := d.updatePath()
		if exitCode(got) != row.code || !strings.Contains(got.Error(), row.says) {
			t.Errorf("%s: exit code %d, %v", row.what, exitCode(got), got)
		}
		if must(t, os.Remove(filepath.Join(d.dir, row.file))); err == nil {
			d.write(row.file, string(was))
		}
	}
	must(t, os.RemoveAll(filepath.Join(d.dir, "certs")))
	if err := d.updatePath(); exitCode(err) != 2 || !strings.Contains(err.Error(), "holds no certificate, and there is no key_file") {
		t.Errorf("without anything to trust: %v", err)
	}
}

func (d *iotDevice) read(name string) string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, name))
	must(d.t, err)
	return string(text)
}

// updatePath is one attempt of the check.
func (d *iotDevice) updatePath() error {
	c := offersOf(d.t, d.t.TempDir(), "").c
	c.configs = []string{filepath.Join(d.dir, "config.yaml")}
	p := &jobPath{c: c, trial: d.t.Context()}
	defer p.close()
	return c.updatePath(d.t.Context(), p)
}

// The archive for support has the job, and nothing that opens anything.
func TestReportOfAJob(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	two := image("system two", 64<<10)
	e := &expiring{content: map[string][]byte{"/fleet/two.img": two}, now: 1, left: 100}
	address := d.store(e, apart)
	c.job("AFR_OTA-1", d.thing, d.signer.document(t, two, "", address+"/fleet/two.img?sig=1&token=hush-hush-hush"))
	d.start("A")
	eventually(t, "an armed slot", func() bool { return d.state("A").RebootRequired })
	d.stop()
	archive := filepath.Join(d.dir, "report.tar.gz")
	if code, _, complaint := d.command("A", "report", "-o", archive); code != 0 {
		t.Fatalf("report ends with %d: %s", code, complaint)
	}
	content, err := os.ReadFile(archive)
	must(t, err)
	files := unpacked(t, content)
	var job map[string]any
	for name, text := range files {
		if strings.HasSuffix(name, "state/job.json") {
			must(t, json.Unmarshal([]byte(text), &job))
		}
		if strings.Contains(text, "hush") || strings.Contains(text, "PRIVATE KEY") {
			t.Errorf("%s holds a secret", name)
		}
	}
	if job["job"] != "AFR_OTA-1" {
		t.Errorf("the job's record is %v", job)
	}
	for _, text := range []string{d.log(), d.events()} {
		if strings.Contains(text, "hush") {
			t.Errorf("a secret is in\n%s", text)
		}
	}
}

// unpacked are the files of an archive by their names.
func unpacked(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	plain, err := gzip.NewReader(bytes.NewReader(archive))
	must(t, err)
	files := map[string]string{}
	for r := tar.NewReader(plain); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		must(t, err)
		text, err := io.ReadAll(r)
		must(t, err)
		files[h.Name] = string(text)
	}
}

// An agent that is told to looks at once, and one that is told to stop stops
// within seconds, in the middle of a download too.
func TestJobAgentObeys(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	d.start("A")
	eventually(t, "the agent's connection", func() bool { return len(c.Clients()) == 1 })
	eventually(t, "its first look", func() bool { return d.state("A").Job == nil })
	c.Set(func(broker.Message, []broker.Message) []broker.Message { return nil }) // no notice arrives
	two := image("system two", 200<<10)
	c.job("AFR_OTA-1", d.thing, d.signer.document(t, two, c.stream(two), ""))
	eventually(t, "the rollout", func() bool { return c.execution(d.thing, "AFR_OTA-1").Status == "QUEUED" })
	c.Set(broker.On("$aws/things/+/streams/+/data/+", broker.Lose))
	must(t, syscall.Kill(os.Getpid(), syscall.SIGUSR1))
	eventually(t, "a look", func() bool { return c.execution(d.thing, "AFR_OTA-1").Status == "IN_PROGRESS" })
	eventually(t, "a download", func() bool { return d.state("A").Job != nil })
	began := time.Now()
	d.stop()
	if took := time.Since(began); took > stopFor {
		t.Errorf("it took %s to stop", took)
	}
}

// Two agents with one client ID do not chase each other for ever, and it is
// said what is wrong.
func TestTwoAgentsWithOneClientID(t *testing.T) {
	c := newCloud(t)
	one, two := newIoTDevice(t, c, ""), newIoTDevice(t, c, "")
	one.start("A")
	eventually(t, "the first connection", func() bool { return len(c.Clients()) == 1 })
	two.start("A")
	eventually(t, "word of it", func() bool {
		return strings.Contains(one.log()+two.log(), `another connection has the client ID \"pump-17-abota\"`)
	})
}
