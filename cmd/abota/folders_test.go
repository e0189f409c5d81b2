package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"abota/cmd/internal/cli"
	"abota/updater/agent"
)

// folderDevice is a device with directory slots on a real file system, and a
// service that says which release it was started from.
type folderDevice struct {
	t   *testing.T
	dir string
	// disk is the folder in dir that slots and link lie in.
	disk string
}

// newFolderDevice makes one whose state lies in this folder of it.
func newFolderDevice(t *testing.T, disk, state string) *folderDevice {
	d := &folderDevice{t, t.TempDir(), disk}
	must(t, os.Mkdir(filepath.Join(d.dir, disk), 0o755))
	// A restart that was left behind by a killed abota comes first.
	d.write("restart.sh", 0o755, "#!/bin/sh\ncd \"$(dirname \"$0\")\" && exec 9>restart.lock && flock 9 && ./"+disk+"/current/app >running.new && mv running.new running\n")
	d.write("config.yaml", 0o600, fmt.Sprintf(`slots: {a: {dir: %[1]s/%[2]s/a}, b: {dir: %[1]s/%[2]s/b}}
bootloader: {kind: symlink, link: %[1]s/%[2]s/current, restart: [%[1]s/restart.sh]}
state_dir: %[1]s/%[3]s
health: {deadline: 1s, stable_for: 1ms, update_path: false, checks: [{exec: [grep, -q, fine, %[1]s/running]}]}
`, d.dir, disk, state))
	return d
}

func (d *folderDevice) write(name string, mode os.FileMode, text string) {
	d.t.Helper()
	must(d.t, os.WriteFile(filepath.Join(d.dir, name), []byte(text), mode))
}

// files is how many files a release has beside its program: enough that a kill
// falls between two of them.
const files = 30

// publish makes a release of a program and some files.
func (d *folderDevice) publish(says string) string {
	d.t.Helper()
	dir := filepath.Join(d.dir, "release")
	must(d.t, encrypted(dir, func(archive *zip.Writer) error {
		for n := range files {
			h := &zip.FileHeader{Name: fmt.Sprintf("data/%d/file", n), Method: zip.Deflate}
			h.SetMode(0o644)
			w, err := archive.CreateHeader(h)
			if err == nil {
				_, err = fmt.Fprintf(w, "%s %s", says, strings.Repeat("x", 1+n*97))
			}
			if err != nil {
				return err
			}
		}
		h := &zip.FileHeader{Name: "app", Method: zip.Deflate}
		h.SetMode(0o755)
		w, err := archive.CreateHeader(h)
		if err == nil {
			_, err = fmt.Fprintf(w, "#!/bin/sh\necho %s\n", says)
		}
		return err
	}))
	return dir
}

func (d *folderDevice) abota(args ...string) *exec.Cmd {
	cmd := exec.Command("abota", append([]string{"--config", filepath.Join(d.dir, "config.yaml")}, args...)...)
	return cmd
}

func (d *folderDevice) run(args ...string) (string, error) {
	out, err := d.abota(args...).CombinedOutput()
	return string(out), err
}

func (d *folderDevice) read(name string) string {
	text, _ := os.ReadFile(filepath.Join(d.dir, name))
	return strings.TrimSpace(string(text))
}

// linked is what the program behind the link says, and an error unless the
// whole of its release is there.
func (d *folderDevice) linked() (string, error) {
	says := strings.TrimPrefix(d.read(d.disk+"/current/app"), "#!/bin/sh\necho ")
	for n := range files {
		if got := d.read(fmt.Sprintf("%s/current/data/%d/file", d.disk, n)); got != says+" "+strings.Repeat("x", 1+n*97) {
			return says, fmt.Errorf("behind the link, file %d of release %q holds %.20q…", n, says, got)
		}
	}
	return says, nil
}

// TestKilledInstallOfFolders kills abota at moments of an install. The link
// shows a whole release at once, and after the next verb of either kind what
// it shows is what runs; a further install always gets there.
func TestKilledInstallOfFolders(t *testing.T) {
	d := newFolderDevice(t, "disk", "state")
	start := time.Now()
	if out, err := d.run("install", d.publish("fine 0")); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	whole := time.Since(start)
	const rounds = 16
	killed := 0
	for n := 1; n <= rounds; n++ {
		before, says := d.read("running"), fmt.Sprintf("fine %d", n)
		if n%4 == 0 {
			says = fmt.Sprintf("bad %d", n)
		}
		cmd := d.abota("install", d.publish(says))
		must(t, cmd.Start())
		time.Sleep(whole * time.Duration(n) / rounds)
		_ = cmd.Process.Kill()
		if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() < 0 {
			killed++
		}
		if got, err := d.linked(); err != nil || got != before && got != says {
			t.Fatalf("round %d: %q is linked, %v", n, got, err)
		}
		verb := []string{"boot"}
		if n%2 == 0 {
			verb = []string{"install", filepath.Join(d.dir, "release")}
		}
		if out, err := d.run(verb...); err != nil && strings.HasPrefix(says, "fine") && !strings.Contains(out, "runs in slot") {
			t.Fatalf("round %d: %v after the kill: %v: %s", n, verb, err, out)
		}
		got, err := d.linked()
		if err != nil || got != d.read("running") || got != before && got != says || strings.HasPrefix(got, "bad") {
			t.Fatalf("round %d: after %v %q is linked, %q runs, %v", n, verb, got, d.read("running"), err)
		}
		// The agent's next poll.
		out, _ := d.run("install", filepath.Join(d.dir, "release"))
		want := says
		if n%4 == 0 {
			want = before
		}
		if got := d.read("running"); got != want {
			t.Fatalf("round %d: %q runs, want %q: %s", n, got, want, out)
		}
		if left, _ := filepath.Glob(filepath.Join(d.dir, d.disk, "*.new")); len(left) > 0 {
			t.Fatalf("round %d: %v is left", n, left)
		}
	}
	t.Logf("%d of %d installs were killed", killed, rounds)
	if killed < rounds/3 {
		t.Errorf("only %d of %d installs were killed", killed, rounds)
	}
}

// bucket serves the release's folder as a store would, and adds it to the
// device's configuration.
func (d *folderDevice) bucket() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := filepath.Base(r.URL.Path)
		content, err := os.ReadFile(filepath.Join(d.dir, "release", name))
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("ETag", fmt.Sprintf("%q", fmt.Sprintf("%x", content[:min(len(content), 64)])))
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	}))
	d.t.Cleanup(server.Close)
	d.write("config.yaml", 0o600, d.read("config.yaml")+fmt.Sprintf("\naccesskey: AK\nsecretkey: SK\nbucket: b\nendpoint: %s\n", server.URL))
}

// agent is what `abota run` works with.
func (d *folderDevice) agent() *agentDevice {
	d.t.Helper()
	c := &command{
		Output:  cli.Output{Name: "abota", Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}},
		configs: []string{filepath.Join(d.dir, "config.yaml")}, log: slog.New(slog.DiscardHandler),
	}
	cfg, err := c.load()
	must(d.t, err)
	return &agentDevice{keeper: &keeper{c: c, cfg: cfg, alive: func() {}}, identity: "d"}
}

// TestAgentOfFolders: a look finds a release, an install ends in its verdict,
// and what a killed process left in its trial is judged by the next look, since
// no boot comes that would.
func TestAgentOfFolders(t *testing.T) {
	d := newFolderDevice(t, "disk", "state")
	d.bucket()
	a := d.agent()
	install := func(says string, want agent.Kind, runs string) {
		t.Helper()
		d.publish(says)
		found := a.Look(t.Context())
		if found.Kind != agent.Available {
			t.Fatalf("look: %v, %v", found.Kind, found.Err)
		}
		if done := a.Install(t.Context(), found.Release); done.Kind != want || d.read("running") != runs {
			t.Errorf("install: %v, %v; %q runs", done.Kind, done.Err, d.read("running"))
		}
		if next := a.Look(t.Context()); next.Kind != want {
			t.Errorf("the next look: %v, %v", next.Kind, next.Err)
		}
	}
	install("fine 1", agent.NothingNew, "fine 1")
	install("bad 2", agent.Unwanted, "fine 1")

	// The check passes only once this file is there.
	config := d.read("config.yaml")
	d.write("config.yaml", 0o600, strings.Replace(strings.Replace(config, "deadline: 1s", "deadline: 60s", 1), "grep, -q, fine, "+d.dir+"/running", "test, -e, "+d.dir+"/ok", 1))
	a = d.agent()
	d.publish("fine 3")
	judge := d.abota("install")
	must(t, judge.Start())
	for deadline := time.Now().Add(time.Minute); d.read("running") != "fine 3" && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if got := a.Look(t.Context()); got.Kind != agent.Busy {
		t.Errorf("while it is judged, a look gives %v, %v", got.Kind, got.Err)
	}
	_ = judge.Process.Kill()
	_ = judge.Wait()
	d.write("ok", 0o644, "")
	if got := a.Look(t.Context()); got.Kind != agent.NothingNew || d.read("running") != "fine 3" {
		t.Errorf("after the kill, a look gives %v, %v; %q runs", got.Kind, got.Err, d.read("running"))
	}
	if out, err := d.run("status"); err != nil || !strings.Contains(out, "is confirmed") {
		t.Errorf("%v: %s", err, out)
	}
}

// Where the next tree is written nothing else may be: it would be removed.
func TestNothingLiesWhereTreesAreWritten(t *testing.T) {
	for name, edit := range map[string][2]string{
		"slot B":    {"/disk/b}}", "/disk/a.new}}"},
		"slot A":    {"/disk/a}", "/disk/b.new}"},
		"the link":  {"/disk/current", "/disk/b.new"},
		"state_dir": {"/state\n", "/disk/a.new/state\n"},
	} {
		d := newFolderDevice(t, "disk", "state")
		config := strings.Replace(d.read("config.yaml"), edit[0], edit[1], 1)
		d.write("config.yaml", 0o600, config+"\n")
		out, err := d.run("install", d.publish("v1 fine"))
		if err == nil || !strings.Contains(out, name) || !strings.Contains(out, ".new, ") {
			t.Errorf("%s: %v, %s", name, err, out)
		}
	}
}

// What stands where one slot should be keeps no device from the other.
func TestSlotThatBecameAFile(t *testing.T) {
	d := newFolderDevice(t, "disk", "state")
	for _, says := range []string{"v1 fine", "v2 fine"} {
		if out, err := d.run("install", d.publish(says)); err != nil {
			t.Fatalf("%v, %s", err, out)
		}
	}
	must(t, os.RemoveAll(filepath.Join(d.dir, "disk/a")))
	d.write("disk/a", 0o600, "lost")
	if out, err := d.run("boot"); err != nil || d.read("running") != "v1 fine" {
		t.Errorf("%v, %s, %q runs", err, out, d.read("running"))
	}
	if out, err := d.run("install", d.publish("v3 fine")); err == nil || !strings.Contains(out, "remove it, or name another") {
		t.Errorf("%v, %s", err, out)
	}
}

// A link whose slots are both gone is a device to begin anew with.
func TestBothSlotsAreGone(t *testing.T) {
	d := newFolderDevice(t, "disk", "state")
	if out, err := d.run("install", d.publish("v1 fine")); err != nil {
		t.Fatalf("%v, %s", err, out)
	}
	for _, slot := range []string{"disk/a", "disk/b"} {
		must(t, os.RemoveAll(filepath.Join(d.dir, slot)))
	}
	if out, err := d.run("install", d.publish("v2 fine")); err != nil || d.read("running") != "v2 fine" {
		t.Errorf("%v, %s, %q runs", err, out, d.read("running"))
	}
}
