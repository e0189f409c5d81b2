package main

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"abota/updater"
)

// onFolders makes a device's slots folders, whose service says what it was
// started from.
func (d *iotDevice) onFolders(more string) {
	d.t.Helper()
	must(d.t, os.MkdirAll(filepath.Join(d.dir, "disk/a"), 0o755))
	d.write("restart.sh", "#!/bin/sh\nexec cat DIR/disk/current/app >DIR/running\n")
	d.write("restart.sh", strings.ReplaceAll(d.read("restart.sh"), "DIR", d.dir))
	must(d.t, os.Chmod(filepath.Join(d.dir, "restart.sh"), 0o700))
	d.write("disk/a/app", "factory fine\n")
	text := d.read("config.yaml")
	text = strings.Replace(text, fmt.Sprintf("slots: {a: %[1]s/a.img, b: %[1]s/b.img}\n", d.dir), fmt.Sprintf("slots: {a: {dir: %[1]s/disk/a}, b: {dir: %[1]s/disk/b}}\nbootloader: {kind: symlink, link: %[1]s/disk/current, restart: [%[1]s/restart.sh]}\n", d.dir), 1)
	text = strings.Replace(text, fmt.Sprintf("[test, -e, %s/healthy]", d.dir), fmt.Sprintf("[grep, -q, fine, %s/running]", d.dir), 1)
	d.write("config.yaml", text+strings.ReplaceAll(more, "DIR", d.dir))
}

// appOn puts a classic release of one program into the store.
func (d *iotDevice) appOn(e *expiring, prefix, says string) {
	d.t.Helper()
	dir := filepath.Join(d.t.TempDir(), "release")
	must(d.t, encrypted(dir, func(archive *zip.Writer) error {
		w, err := archive.Create("app")
		if err == nil {
			_, err = fmt.Fprintln(w, says)
		}
		return err
	}))
	for _, name := range []string{"firmware.zip", "checksum.txt", "key.key"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		must(d.t, err)
		e.content["/fleet/"+prefix+"/"+name] = content
	}
}

// TestJobOfFolders: an install restarts the service and ends in its verdict,
// so that a job is over in one go. The key comes from the configured bucket.
func TestJobOfFolders(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	e := &expiring{content: map[string][]byte{}}
	d.store(e, "")
	d.onFolders("")
	d.appOn(e, "1.4.0", "1.4.0 fine")
	d.appOn(e, "1.5.0", "1.5.0 broken")
	document := func(version string) string {
		return fmt.Sprintf(`{"abota": {"version": 1, "source": {"bucket": "fleet", "prefix": %[1]q}, "release": %[1]q}}`, version)
	}
	d.start("")
	running := func() string { return strings.TrimSpace(d.read("running")) }
	c.job("one", d.thing, document("1.4.0"))
	if reason := c.ends(d.thing, "one", "SUCCEEDED"); running() != "1.4.0 fine" || !strings.Contains(reason, "1.4.0") {
		t.Errorf("%q runs; it succeeded because %q", running(), reason)
	}
	c.job("two", d.thing, document("1.5.0"))
	if reason := c.ends(d.thing, "two", "FAILED"); running() != "1.4.0 fine" || !strings.Contains(reason, "unhealthy") {
		t.Errorf("%q runs; it failed because %q", running(), reason)
	}
	c.job("again", d.thing, document("1.5.0"))
	c.ends(d.thing, "again", "REJECTED")
	c.job("back", d.thing, document("1.4.0"))
	c.ends(d.thing, "back", "SUCCEEDED")
	if e.count("firmware.zip") != 2 {
		t.Errorf("%d downloads", e.count("firmware.zip"))
	}
}

// A trial whose agent was killed is judged by the next agent, and reported.
func TestJobOfFoldersWhoseAgentWasStopped(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	e := &expiring{content: map[string][]byte{}}
	d.store(e, "")
	d.onFolders("")
	d.patient()
	d.appOn(e, "1.4.0", "1.4.0 not yet")
	c.job("one", d.thing, `{"abota": {"version": 1, "source": "s3://fleet/1.4.0"}}`)
	d.start("")
	eventually(t, "a trial", func() bool {
		text, _ := os.ReadFile(filepath.Join(d.dir, "running"))
		return string(text) == "1.4.0 not yet\n"
	})
	d.stop()
	if s := d.state(""); s.Phase != "trying" {
		t.Errorf("the device is %+v", s.Status)
	}
	d.write("disk/b/app", "1.4.0 fine")
	d.start("")
	c.ends(d.thing, "one", "SUCCEEDED")
}

// A trial of folders whose job somebody cancels is left at once, without a
// verdict: it is not finished first.
func TestJobOfFoldersCancelledInItsTrial(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	e := &expiring{content: map[string][]byte{}}
	d.store(e, "")
	d.onFolders("")
	d.patient()
	d.appOn(e, "1.4.0", "1.4.0 not yet")
	c.job("one", d.thing, `{"abota": {"version": 1, "source": "s3://fleet/1.4.0"}}`)
	d.start("")
	eventually(t, "a trial", func() bool { return d.state("").Phase == updater.Trying })
	c.cancel("one")
	d.idle()
	if s := d.state(""); s.Booted.String() != "A" || s.Primary != "A" || len(s.Condemned) != 0 || d.read("running") != "factory fine\n" {
		t.Errorf("%q runs, the device is %+v", d.read("running"), s.Status)
	}
}
