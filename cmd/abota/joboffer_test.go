package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"abota/cmd/internal/cli"
	iot "abota/sim/awsiot/service"
	"abota/updater/jobs"
	"abota/updater/release"
)

// TestDocumentsWeakenNothing: what a job's document may choose among, and what
// it may not, whoever made it.
func TestDocumentsWeakenNothing(t *testing.T) {
	const (
		image  = "region: eu-west-1\naccesskey: AK\nsecretkey: SK\nbucket: fleet\n"
		locked = "key_file: DIR/key\n"
		own    = "url: https://updates.example.com/firmware.zip\n"
		local  = "region: eu-west-1\naccesskey: AK\nsecretkey: SK\nbucket: fleet\nendpoint: http://10.0.2.2:9000\n"
	)
	for _, row := range []struct {
		name, config, source string
		code                 int
		says                 string
	}{
		{"the configured bucket", image, `"s3://fleet/eu/1.4.0"`, 0, ""},
		{"another bucket, where the key is on the device", image + locked, `"s3://other/1.4.0"`, 0, ""},
		{"another bucket, with its own key", image, `"s3://other/1.4.0"`, 2, "put the key on the device"},
		{"another region", image + locked, `{"bucket": "other", "prefix": "x", "region": "us-east-1"}`, 0, ""},
		{"no credentials", "region: eu-west-1\n" + locked, `"s3://other/1.4.0"`, 2, "there are no credentials"},
		{"an address, where the key is on the device", locked, `"https://host/firmware.zip"`, 0, ""},
		{"an address, with its own key", image, `"https://host/firmware.zip"`, 2, "put the key on the device"},
		{"the configured server", own, `"https://updates.example.com/1.4.0/firmware.zip"`, 0, ""},
		{"the configured server without TLS", own + locked, `"http://updates.example.com/firmware.zip"`, 7, "is http:// and not https://"},
		{"a server without TLS", locked, `"http://host/firmware.zip"`, 7, "is http:// and not https://"},
		{"a simulator's store", local + locked, `"http://10.0.2.2:9000/fleet/firmware.zip"`, 0, ""},
		{"beside a simulator's store", local + locked, `"http://10.0.2.2:9001/fleet/firmware.zip"`, 7, "is http:// and not https://"},
		{"a server with a simulator's name in it", local + locked, `"http://10.0.2.2:9000@host/firmware.zip"`, 7, "is http:// and not https://"},
		{"what AWS IoT filled in nothing for", locked, `"https://host/${aws:iot:s3-presigned-url:x}"`, 7, "placeholder"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, "key"), []byte("x"), 0o600))
			o := offersOf(t, dir, row.config)
			doc, err := jobs.Parse(fmt.Appendf(nil, `{"abota": {"version": 1, "source": %s}}`, row.source))
			must(t, err)
			_, err = o.of(doc)
			if code := exitCode(err); code != row.code || row.says != "" && !strings.Contains(fmt.Sprint(err), row.says) {
				t.Errorf("exit code %d: %v", code, err)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\n") {
				t.Errorf("it is not one line: %q", err)
			}
		})
	}
}

func offersOf(t *testing.T, dir, config string) offers {
	t.Helper()
	t.Setenv("ABOTA_CONFIG", "")
	at := filepath.Join(dir, "config.yaml")
	must(t, os.WriteFile(at, []byte(strings.ReplaceAll(config, "DIR", dir)), 0o600))
	c := &command{
		Output:  cli.Output{Name: "abota", Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}},
		configs: []string{at}, log: slog.New(slog.DiscardHandler),
	}
	cfg, err := c.load()
	must(t, err)
	return offers{
		c: c, cfg: cfg, known: func() ([]release.ID, error) { return nil, nil },
		renew: func(context.Context) (jobs.Document, error) { return jobs.Document{}, jobs.ErrOver },
	}
}

// This device's certificate is shown to servers that the configuration names,
// and to no other that a document names.
func TestDocumentsGetNoCertificate(t *testing.T) {
	o := offersOf(t, t.TempDir(), "url: https://updates.example.com/x\ntls: {cert: DIR/cert, key: DIR/key}\n")
	for address, want := range map[string]bool{
		"https://updates.example.com/y": true, "https://UPDATES.example.com/y": true,
		"https://updates.example.com:8443/y": false, "https://elsewhere.example.com/y": false, "http://updates.example.com/y": false,
	} {
		if got := o.withoutCertificate(address).TLS.Cert != ""; got != want {
			t.Errorf("%s is shown a certificate: %v", address, got)
		}
	}
	if o.cfg.TLS.Cert == "" {
		t.Error("the configuration itself was changed")
	}
}

// expiring is a store whose links hold for so many requests.
type expiring struct {
	mu      sync.Mutex
	content map[string][]byte
	// now is the signature that counts, and left how often it still does.
	now, left int
	// half says that an answer breaks off in its middle.
	half  bool
	asked []string
}

func (e *expiring) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	content, there := e.content[r.URL.Path]
	e.asked = append(e.asked, path.Base(r.URL.Path)+" "+r.URL.Query().Get("sig")+" "+r.Header.Get("Range"))
	if sig := r.URL.Query().Get("sig"); sig != "" {
		if sig != fmt.Sprint(e.now) || e.left == 0 {
			http.Error(w, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>", http.StatusForbidden)
			return
		}
		e.left--
	}
	if !there {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%d"`, len(content)))
	if e.half && r.Header.Get("Range") == "" && len(content) > 100<<10 {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content[:len(content)/2])
		panic(http.ErrAbortHandler)
	}
	http.ServeContent(w, r, "", saturday, bytes.NewReader(content))
}

// count is how often a whole file was asked for.
func (e *expiring) count(name string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, line := range e.asked {
		if strings.HasPrefix(line, name+" ") && !strings.Contains(line, "bytes=") {
			n++
		}
	}
	return n
}

// store serves objects to a device whose configuration names it.
func (d *iotDevice) store(e *expiring, more string) (address string) {
	server := httptest.NewServer(e)
	d.t.Cleanup(server.Close)
	d.configure(fmt.Sprintf("endpoint: %s\nregion: eu-west-1\naccesskey: AK\nsecretkey: SK\nbucket: fleet\nretry: {first: 10ms}\n%s", server.URL, more))
	return server.URL
}

// A pre-signed address that expires in the middle is renewed through the job,
// and the download goes on where it was.
func TestJobByAnAddressThatExpires(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "")
	two := image("system two", 200<<10)
	e := &expiring{content: map[string][]byte{"/fleet/two.img": two}, half: true}
	address := d.store(e, "")
	presign := func() string {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.now++
		e.left = 1
		return fmt.Sprintf("%s/fleet/two.img?sig=%d", address, e.now)
	}
	c.presign.Store(&presign)
	placeholder := "${aws:iot:s3-presigned-url:https://s3.eu-west-1.amazonaws.com/fleet/two.img}"
	c.job("AFR_OTA-1", d.thing, d.signer.document(t, two, "", placeholder), func(in *iot.CreateJobInput) {
		in.PresignedURLConfig = &iot.PresignedURLConfig{RoleARN: "arn:aws:iam::123456789012:role/presign"}
	})
	d.start("A")
	d.rebooted()
	if d.says("b") != "system two" {
		t.Errorf("slot B holds %q", d.says("b"))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	last := e.asked[len(e.asked)-1]
	if len(e.asked) < 3 || !strings.HasSuffix(last, fmt.Sprintf("bytes=%d-", len(two)/2)) {
		t.Errorf("it was asked for %q", e.asked)
	}
}

// classicOn puts a classic release into the store, and its key on the device.
func (d *iotDevice) classicOn(e *expiring, prefix, says string) {
	dir := filepath.Join(d.t.TempDir(), "release")
	must(d.t, writeRelease(dir, says, 64<<10))
	for _, name := range []string{"firmware.zip", "checksum.txt", "key.key"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		must(d.t, err)
		if name == "key.key" {
			d.write("release.key", string(content))
			continue
		}
		e.content["/fleet/"+prefix+"/"+name] = content
	}
}

// A document of abota's own names a classic release in the bucket, or the file
// of one by its address.
func TestJobOfAClassicRelease(t *testing.T) {
	for how, source := range map[string]string{
		"in a bucket":       `"source": "s3://fleet/1.4.0", "release": "1.4.0"`,
		"by an address":     `"source": "STORE/fleet/1.4.0/firmware.zip", "release": "1.4.0"`,
		"by a link":         `"source": {"url": "STORE/fleet/1.4.0/firmware.zip?sig=1"}, "release": "1.4.0"`,
		"with its checksum": `"source": "s3://fleet/1.4.0", "checksum": "MD5", "release": "1.4.0"`,
	} {
		t.Run(how, func(t *testing.T) {
			c := newCloud(t)
			d := newIoTDevice(t, c, "")
			e := &expiring{content: map[string][]byte{}, now: 1, left: 100}
			address := d.store(e, "key_file: DIR/release.key\n")
			d.classicOn(e, "1.4.0", "system 1.4.0")
			sum, _, _ := strings.Cut(string(e.content["/fleet/1.4.0/checksum.txt"]), "\n")
			source := strings.NewReplacer("STORE", address, "MD5", sum).Replace(source)
			document := fmt.Sprintf(`{"abota": {"version": 1, %s}}`, source)
			c.job("release-1", d.thing, document)
			d.start("A")
			d.rebooted()
			if code, _, complaint := d.command("B", "boot"); code != 0 || d.says("b") != "system 1.4.0" {
				t.Fatalf("boot ends with %d: %s", code, complaint)
			}
			d.start("B")
			if reason := c.ends(d.thing, "release-1", "SUCCEEDED"); !strings.Contains(reason, "1.4.0") {
				t.Errorf("it succeeded because %q", reason)
			}
			c.job("release-2", d.thing, document)
			c.ends(d.thing, "release-2", "SUCCEEDED")
			if d.says("a") != "factory" {
				t.Errorf("it was installed again: slot A holds %q", d.says("a"))
			}
		})
	}
}

// The file of an afr_ota document may be the token of a classic release: both
// its signature and its key have to fit.
func TestJobOfASignedToken(t *testing.T) {
	c := newCloud(t)
	d := newIoTDevice(t, c, "key_file: DIR/release.key\n")
	e := &expiring{content: map[string][]byte{}}
	d.classicOn(e, "x", "system in a token")
	token := e.content["/fleet/x/firmware.zip"]
	key, err := os.ReadFile(filepath.Join(d.dir, "release.key"))
	must(t, err)
	d.classicOn(e, "y", "of another key")
	d.start("A")
	c.job("wrong-key", d.thing, d.signer.document(t, token, c.stream(token), ""))
	if reason := c.ends(d.thing, "wrong-key", "FAILED"); !strings.Contains(reason, "does not open") {
		t.Errorf("it failed because %q", reason)
	}
	d.write("release.key", string(key))
	c.job("wrong-signature", d.thing, newSigner(t).document(t, token, c.stream(token), ""))
	if reason := c.ends(d.thing, "wrong-signature", "FAILED"); !strings.Contains(reason, "the signature does not fit") {
		t.Errorf("it failed because %q", reason)
	}
	c.job("right", d.thing, d.signer.document(t, token, c.stream(token), ""))
	d.rebooted()
	if d.says("b") != "system in a token" {
		t.Errorf("slot B holds %q", d.says("b"))
	}
}

// What ends a renewal ends a download at once.
func TestRenewalEndsWithTheJob(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	dir := t.TempDir()
	o := offersOf(t, dir, "key_file: DIR/key\nendpoint: "+server.URL+"\nregion: x\naccesskey: A\nsecretkey: S\nbucket: b\n")
	doc, err := jobs.Parse(fmt.Appendf(nil, `{"abota": {"version": 1, "source": {"url": "%s/x?sig=1"}}}`, server.URL))
	must(t, err)
	r, err := o.of(doc)
	must(t, err)
	if _, err := r.Check(t.Context()); kindOf(jobs.Job{Document: doc}, err) != jobs.Expired && !errors.Is(err, jobs.ErrOver) {
		t.Errorf("it ends with %v", err)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the server was asked %d times", n)
	}
}
