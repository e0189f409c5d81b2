package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every secret that abota can be told has this in it, and characters that look
// different in an address and in JSON.
const hush = "hush"

func secretNamed(name string) string { return hush + "/" + name + `+"&` + hush }

// secretWorld is a device whose configuration is full of secrets.
type secretWorld struct {
	t   *testing.T
	dir string
	// echo is a server that repeats whatever it was told.
	echo *httptest.Server
	// seen is everything that abota ever wrote.
	seen strings.Builder
}

func newSecretWorld(t *testing.T) *secretWorld {
	w := &secretWorld{t: t, dir: t.TempDir()}
	w.echo = httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(w.echo.Close)
	for _, name := range []string{"a.img", "b.img"} {
		w.write(name, strings.Repeat("\x00", 64<<10))
	}
	must(t, writeRelease(filepath.Join(w.dir, "v1"), "system 1", 1000))
	w.write("broken.key", hush+"-broken-key-file")
	w.write("device.key", "-----BEGIN PRIVATE KEY-----\n"+strings.Repeat(hush, 16)+"\n-----END PRIVATE KEY-----\n")
	t.Setenv("ABOTA_CONFIG", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretNamed("aws"))
	t.Setenv("AWS_SESSION_TOKEN", secretNamed("aws-token"))
	t.Setenv("FTP_PROXY", "http://user:"+url.PathEscape(secretNamed("environment"))+"@127.0.0.1:1")
	return w
}

// echo answers like S3, with all that a store repeats of a request in its
// errors, and more.
func echo(out http.ResponseWriter, r *http.Request) {
	out.WriteHeader([]int{403, 400, 404, 302}[len(r.URL.Path)%4])
	fmt.Fprintf(out, "<Error><Code>AccessDenied</Code><Message>no</Message><Token-0>%s</Token-0><StringToSign>%s</StringToSign><Resource>%s</Resource></Error>",
		r.Header.Get("X-Amz-Security-Token"), r.Header.Get("Authorization"), r.URL)
}

func (w *secretWorld) path(name string) string { return filepath.Join(w.dir, name) }

func (w *secretWorld) write(name, text string) {
	w.t.Helper()
	must(w.t, os.MkdirAll(filepath.Dir(w.path(name)), 0o700))
	must(w.t, os.WriteFile(w.path(name), []byte(text), 0o600))
}

// configs are what the sources of a device may look like.
func (w *secretWorld) configs() map[string]string {
	password := "user:" + url.PathEscape(secretNamed("password")) + "@"
	query := "X-Amz-Signature=" + url.QueryEscape(secretNamed("signature"))
	common := fmt.Sprintf(`slots: {a: %[1]s/a.img, b: %[1]s/b.img}
state_dir: %[1]s/state
retry: {open: 1, resume: 1, first: 1ms, longest: 1ms}
hooks: {before_install: [sh, -c, "env >&2; exit 0", %[2]s-argument], after_rollback: [sh, -c, "env; exit 1"]}
health:
  deadline: 200ms
  update_path_deadline: 200ms
  stable_for: 1ms
  checks: [{http: "%[3]s/health?token=%[2]s-health"}, {exec: [sh, -c, "env; exit 1", %[2]s-argument], timeout: 5s}]
`, w.dir, hush, w.echo.URL)
	keys := "accesskey:AKIA" + hush + "\nsecretkey:" + secretNamed("key") + "\nsessiontoken:" + secretNamed("token") + "\nregion:xx-west-1\nbucket:b\n"
	return map[string]string{
		"store":        common + keys + "endpoint: " + w.echo.URL + "\n",
		"proxy":        common + keys + "endpoint: http://store.invalid\nproxy: " + strings.Replace(w.echo.URL, "://", "://"+password, 1) + "\n",
		"no proxy":     common + keys + "endpoint: https://store.invalid\nproxy: http://" + password + "127.0.0.1:1\n",
		"address":      common + "url: " + strings.Replace(w.echo.URL, "://", "://"+password, 1) + "/firmware.zip?" + query + "\n",
		"no address":   common + "url: http://" + password + "127.0.0.1:1/firmware.zip?" + query + "\n",
		"command":      common + "url: " + w.echo.URL + "/firmware.zip?" + query + "\nurl_command: [sh, -c, \"echo " + w.echo.URL + "/fresh.zip?" + query + "; echo " + hush + " >&2\"]\n",
		"bad command":  common + "url: " + w.echo.URL + "/firmware.zip?" + query + "\nurl_command: [sh, -c, \"echo " + hush + "; exit 1\"]\n",
		"key file":     common + keys + "endpoint: " + w.echo.URL + "\nkey_file: " + w.path("broken.key") + "\n",
		"certificate":  common + keys + "endpoint: https://127.0.0.1:1\ntls: {cert: " + w.path("device.key") + ", key: " + w.path("device.key") + "}\n",
		"own":          common + "endpoint: " + w.echo.URL + "\nregion:xx-west-1\nbucket:b\n",
		"broken own":   common + keys + "endpoint: " + w.echo.URL + "\n",
		"broken value": common + "secretkey: [" + hush + "]\n",
		"broken text":  common + "secretkey: *" + hush + "\n",
		"broken url":   common + "url: http://" + hush + "@[::1?x=" + hush + "\n",
	}
}

// run runs one command line and keeps all that it said.
func (w *secretWorld) run(args ...string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	if args[len(args)-1] == "run" { // which ends only when it is told to
		ctx, cancel = context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
	}
	var stdout, stderr bytes.Buffer
	code := run(ctx, args, strings.NewReader(hush), &stdout, &stderr)
	fmt.Fprintf(&w.seen, "$ abota %s (%d)\n%s%s", strings.ReplaceAll(strings.Join(args, " "), hush, "…"), code, stdout.String(), stderr.String())
}

// everything runs every verb, in the states that it can find the device in.
func (w *secretWorld) everything(config string) {
	options := [][]string{{}, {"-v"}, {"--json"}, {"-v", "--json"}}
	ran := 0
	for i, v := range verbs {
		if v.name == "force-reboot" {
			continue
		}
		line := append([]string{"--config", config}, options[i%len(options)]...)
		if v.name == "mark" {
			w.run(append(line, "mark", "bad", "A")...)
			w.run(append(line, "mark", "good")...)
			continue
		}
		w.run(append(line, v.name)...)
		ran++
	}
	if ran < 10 {
		w.t.Fatalf("only %d verbs ran", ran)
	}
	w.run("--config", config, "install", "--key-file", w.path("v1/key.key"), w.path("v1"))
	w.run("--config", config, "--booted", "B", "-v", "boot")
	w.run("--config", config, "-v", "boot")
	w.run("--config", config, "--json", "check", w.echo.URL+"/firmware.zip?signature="+url.QueryEscape(secretNamed("argument")))
	w.run("--config", config, "status")
	w.run("--config", config, "log")
	w.run("--config", config, "report", "-o", w.path("report.tar.gz"))
}

// kept adds what abota left on the disk: its state, and the report.
func (w *secretWorld) kept() {
	w.t.Helper()
	if unpacked, err := exec.Command("tar", "xOzf", w.path("report.tar.gz")).Output(); err != nil {
		w.t.Errorf("the report: %v", err)
	} else {
		w.seen.Write(unpacked)
	}
	must(w.t, filepath.WalkDir(w.path("state"), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && (!entry.Type().IsRegular() || entry.Name() == "device.yaml") {
			return nil
		}
		text, readErr := os.ReadFile(path)
		w.seen.Write(bytes.ReplaceAll(text, []byte{0}, nil))
		return errors.Join(err, readErr)
	}))
}

func TestNoSecretGetsOut(t *testing.T) {
	t.Chdir(t.TempDir()) // where `abota report` puts what nobody named
	for name := range newSecretWorld(t).configs() {
		t.Run(name, func(t *testing.T) {
			w := newSecretWorld(t)
			w.write("config.yaml", w.configs()[name])
			switch name {
			case "own":
				w.write("state/device.yaml", "accesskey:AKIA"+hush+"\nsecretkey:"+secretNamed("own")+"\n")
			case "broken own":
				w.write("state/device.yaml", "secretkey:"+secretNamed("own")+"\nslots: "+hush+"\n")
			}
			w.everything(w.path("config.yaml"))
			w.kept()
			w.search()
		})
	}
}

// search looks for every form of the secrets, and shows where one got out.
func (w *secretWorld) search() {
	w.t.Helper()
	text := w.seen.String()
	if len(text) < 10_000 {
		w.t.Errorf("only %d bytes were seen: %s", len(text), text)
	}
	where := strings.Index(strings.ToLower(text), hush)
	if where < 0 {
		return
	}
	start := strings.LastIndex(text[:where], "\n$ ") + 1
	w.t.Errorf("a secret got out:\n%s", text[max(start, where-2000):min(where+200, len(text))])
}
