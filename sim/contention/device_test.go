package contention

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"abota/updater/fernet"
)

// imageSize is the size of slots and images in bytes.
const imageSize = 1 << 20

// device is one device: its files, the releases that it is offered, and which
// slot its boot loader has started.
type device struct {
	t      *testing.T
	abota  string
	dir    string
	booted int
	server *server
	// unnoted counts slots that can boot, and whose whole content the journal
	// had forgotten before the first byte of another was written.
	unnoted int
}

var names = [2]string{"A", "B"}

func (d *device) slot(i int) string     { return filepath.Join(d.dir, strings.ToLower(names[i])+".img") }
func (d *device) state(n string) string { return filepath.Join(d.dir, "state", n) }

func newDevice(t *testing.T, abota, bootloader string) *device {
	t.Helper()
	d := &device{t: t, abota: abota, dir: t.TempDir(), server: serve(t)}
	for i := range names {
		must(t, os.WriteFile(d.slot(i), image("factory"), 0o600))
	}
	env, err := os.Create(filepath.Join(d.dir, "env"))
	must(t, err)
	must(t, errors.Join(env.Truncate(8<<20), env.Close()))
	must(t, os.WriteFile(filepath.Join(d.dir, "config.yaml"), fmt.Appendf(nil, `
url: %s/firmware.zip
slots: {a: %[2]s/a.img, b: %[2]s/b.img}
state_dir: %[2]s/state
bootloader: %[3]s
health: {deadline: 10s, stable_for: 50ms, update_path: false, checks: [{exec: [sleep, "0.15"]}]}
poll: {interval: 50ms, jitter: 0s, reboot: application}
retry: {open: 2, first: 20ms}
`, d.server.address, d.dir, strings.ReplaceAll(bootloader, "DIR", d.dir)), 0o600))
	if code, out := d.run("provision", "--both", "--release", "factory"); code != 0 {
		t.Fatalf("provision ends with %d: %s", code, out)
	}
	return d
}

// command is one abota process, not started yet.
func (d *device) command(ctx context.Context, args ...string) *exec.Cmd {
	all := append([]string{"--config", filepath.Join(d.dir, "config.yaml"), "--booted", names[d.booted]}, args...)
	cmd := exec.CommandContext(ctx, d.abota, all...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	return cmd
}

// run runs a verb to its end, with nobody to disturb it.
func (d *device) run(args ...string) (code int, out string) {
	d.t.Helper()
	cmd := d.command(d.t.Context(), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		d.t.Fatal(err)
	}
	if out = stdout.String(); err != nil || out == "" {
		out += stderr.String()
	}
	return cmd.ProcessState.ExitCode(), out
}

// status is what `abota status --json` says.
type status struct {
	Booted, Primary, Phase, Decision string
	TableLost                        bool `json:"table_lost"`
	JournalLost                      bool `json:"journal_lost"`
	Slots                            []struct {
		Name, SHA256 string
		BootStatus   string `json:"boot_status"`
	}
}

func (d *device) status() (s status) {
	d.t.Helper()
	code, out := d.run("--json", "status")
	if code != 0 {
		d.t.Fatalf("status ends with %d: %s", code, out)
	}
	must(d.t, json.Unmarshal([]byte(out), &s))
	return s
}

// check is what must hold at every moment at which nobody writes. It returns
// what the journal is in the middle of.
func (d *device) check(booted string) (phase string) {
	d.t.Helper()
	s := d.status()
	if s.TableLost || s.JournalLost {
		d.t.Errorf("lost: table %t, journal %t", s.TableLost, s.JournalLost)
	}
	if s.Primary == "" {
		d.t.Errorf("nothing can boot: %+v", s)
	}
	for i, slot := range s.Slots {
		if slot.BootStatus == "bad" {
			continue
		}
		has := d.digest(i)
		switch {
		case !d.server.whole(has):
			d.t.Errorf("slot %s is %s in phase %s, with content %.12s that is no image", slot.Name, slot.BootStatus, s.Phase, has)
		case has != slot.SHA256 && slot.SHA256 != "":
			d.t.Errorf("slot %s is %s in phase %s, with content %.12s that is not what was proven (%.12s)", slot.Name, slot.BootStatus, s.Phase, has, slot.SHA256)
		case slot.SHA256 == "":
			// Between the note that it will be written, and its leaving the
			// boot order.
			d.unnoted++
		}
	}
	if has := d.digest(d.booted); has != booted {
		d.t.Errorf("the booted slot has changed from %.12s to %.12s", booted, has)
	}
	return s.Phase
}

func (d *device) digest(slot int) string {
	d.t.Helper()
	content, err := os.ReadFile(d.slot(slot))
	must(d.t, err)
	return digest(content)
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// image is a system that nothing compresses.
func image(name string) []byte {
	content := make([]byte, imageSize)
	source := rand.NewChaCha8(sha256.Sum256([]byte(name)))
	_, _ = source.Read(content) // never fails
	return content
}

// whole reports whether this is the digest of an image, from its first byte to
// its last.
func (s *server) whole(digest string) bool {
	return digest == s.factory || slices.ContainsFunc(s.releases, func(o offer) bool { return o.image == digest })
}

// server offers one of several releases, slowly when it is told to.
type server struct {
	address  string
	releases []offer
	factory  string // digest
	current  atomic.Pointer[offer]
	slow     atomic.Bool
}

type offer struct {
	files map[string][]byte
	image string // digest
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{factory: digest(image("factory"))}
	for i := range 5 {
		s.releases = append(s.releases, pack(t, image(fmt.Sprint("release ", i))))
	}
	s.current.Store(&s.releases[0])
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	s.address = web.URL
	return s
}

func pack(t *testing.T, content []byte) offer {
	t.Helper()
	var archive, token bytes.Buffer
	z := zip.NewWriter(&archive)
	entry, err := z.Create("rootfs.img")
	must(t, err)
	_, err = entry.Write(content)
	must(t, errors.Join(err, z.Close()))
	key := &fernet.Key{}
	must(t, key.Generate())
	w := fernet.NewWriter(&token, key)
	_, err = archive.WriteTo(w)
	must(t, errors.Join(err, w.Close()))
	return offer{image: digest(content), files: map[string][]byte{
		"/firmware.zip": token.Bytes(), "/key.key": []byte(key.Encode()),
		"/checksum.txt": fmt.Appendf(nil, "%x", md5.Sum(token.Bytes())),
	}}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, ok := s.current.Load().files[r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("ETag", `"`+digest(content)+`"`)
	body := &trickle{Reader: bytes.NewReader(content), slow: &s.slow}
	http.ServeContent(w, r, "", time.Time{}, body)
}

// trickle gives a download some time to be disturbed in.
type trickle struct {
	*bytes.Reader
	slow *atomic.Bool
}

func (t *trickle) Read(p []byte) (int, error) {
	if t.slow.Load() {
		time.Sleep(6 * time.Millisecond)
	}
	return t.Reader.Read(p[:min(len(p), 32<<10)])
}

// WriteTo would read around Read.
func (t *trickle) WriteTo() {}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
