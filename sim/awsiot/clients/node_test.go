package clients

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// npm has the clients from npm run, which are fetched when they are not in the
// cache: go test -args -npm, or make clients.
var npm = flag.Bool("npm", false, "run the clients from npm too")

// oldestNode is the oldest Node.js with which the clients are known to work.
const oldestNode = 18

// installTime bounds the installation of the packages.
const installTime = 5 * time.Minute

// packageFiles say which packages are installed.
var packageFiles = []string{"package.json", "package-lock.json"}

// node is the path of a Node.js that is new enough. Without one, or without
// its packages, the test is skipped.
func node(t *testing.T) string {
	t.Helper()
	if !*npm {
		t.Skip("skipped: the clients from npm run with -args -npm, as make clients has it")
	}
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIPPED: Node.js is not here: apt-get install nodejs npm")
	}
	out, err := exec.Command(path, "--version").Output()
	major, _, _ := strings.Cut(strings.TrimPrefix(string(out), "v"), ".")
	if n, _ := strconv.Atoi(major); err != nil || n < oldestNode {
		t.Skipf("SKIPPED: %s is %s (%v), and the clients need %d or newer: apt-get install nodejs npm", path, strings.TrimSpace(string(out)), err, oldestNode)
	}
	t.Logf("Node.js %s", strings.TrimSpace(string(out)))
	return path
}

// installed is the folder node_modules with the packages of the lock file, in
// the user's cache and never in the tree.
func installed(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	must(t, err)
	sum := sha256.New()
	for _, name := range packageFiles {
		text, err := os.ReadFile(name)
		must(t, err)
		sum.Write(text)
	}
	dir := filepath.Join(cache, "abota", "npm-"+hex.EncodeToString(sum.Sum(nil))[:12])
	if _, err := os.Stat(dir); err == nil {
		return filepath.Join(dir, "node_modules")
	}
	must(t, os.MkdirAll(filepath.Dir(dir), 0o755))
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "npm-")
	must(t, err)
	defer os.RemoveAll(fresh) // what has been renamed is not there any more
	fetchPackages(t, fresh)
	if err := os.Rename(fresh, dir); err != nil {
		if _, other := os.Stat(dir); other != nil { // nobody else did it meanwhile
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "node_modules")
}

// fetchPackages installs what the lock file names. Scripts of packages do not
// run: those here come with what they would fetch or build.
func fetchPackages(t *testing.T, dir string) {
	t.Helper()
	tool, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("SKIPPED: npm is not here: apt-get install nodejs npm")
	}
	for _, name := range packageFiles {
		text, err := os.ReadFile(name)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	ctx, cancel := context.WithTimeout(t.Context(), installTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err == nil {
		return
	}
	text := strings.TrimSpace(string(out))
	// What the lock file promises and the registry does not keep is no matter
	// of the network.
	if strings.Contains(text, "EINTEGRITY") || strings.Contains(text, "EUSAGE") {
		t.Fatalf("npm ci: %s", text)
	}
	why, _, _ := strings.Cut(text, "\n")
	t.Skipf("SKIPPED: npm cannot fetch the packages, which needs its registry once: %s (%v)", why, err)
}

// allHold is the last line of a script that ran to its end.
var allHold = regexp.MustCompile(`: all ([0-9]+) checks hold$`)

func nothing(*world) map[string]any { return nil }

// script runs one of the scripts beside the packages, with what prepare has to
// tell it of the world.
func script(t *testing.T, name string, prepare func(*world) map[string]any) *world {
	t.Helper()
	path, modules := node(t), installed(t)
	w := newWorld(t)
	more := prepare(w)
	dir := w.t.TempDir()
	must(w.t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
	for _, file := range []string{name, "check.mjs", "connect.mjs"} {
		text, err := os.ReadFile(file)
		must(w.t, err)
		must(w.t, os.WriteFile(filepath.Join(dir, file), text, 0o644))
	}
	cmd := exec.CommandContext(w.t.Context(), path, filepath.Join(dir, name))
	cmd.Env = append(os.Environ(), "NODE_NO_WARNINGS=1", "CLOUD="+w.settings(more))
	out, err := cmd.CombinedOutput()
	last := ""
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		last = lines.Text()
		w.t.Log(last)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	held := allHold.FindStringSubmatch(last)
	if held == nil || held[1] == "0" {
		w.t.Errorf("it does not say how many checks hold: %q", last)
	}
	return w
}

// settings are what abota-sim up --aws --json prints, and more.
func (w *world) settings(more map[string]any) string {
	w.t.Helper()
	text, err := json.Marshal(w.Prepared)
	must(w.t, err)
	all := map[string]any{}
	must(w.t, json.Unmarshal(text, &all))
	for key, value := range more {
		all[key] = value
	}
	text, err = json.Marshal(all)
	must(w.t, err)
	return string(text)
}

// TestJobsByTheDeviceSDK has Amazon's own device be one.
func TestJobsByTheDeviceSDK(t *testing.T) { script(t, "jobs.mjs", nothing) }

// TestControlPlaneByTheSDK has the SDK for JavaScript see to everything.
func TestControlPlaneByTheSDK(t *testing.T) { script(t, "control.mjs", nothing) }

// oddFile is a file whose last block is a short one, as the scripts need it.
func oddFile(w *world) map[string]any {
	file := make([]byte, 300_001)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(file)
	return map[string]any{"file": map[string]any{
		"bucket": w.Bucket, "key": "odd.bin", "version": w.put("odd.bin", file), "size": len(file), "sha256": fmt.Sprintf("%x", sha256.Sum256(file)),
	}}
}

// TestBothOfAmazonsClientsTogether has one ask for what the other gets, and
// abota-publish see what they did.
func TestBothOfAmazonsClientsTogether(t *testing.T) {
	w := script(t, "together.mjs", oddFile)
	out := w.command(w.environment(w.Control), binary(t, "abota-publish"), "ota", "list", "--all", "--json")
	var listed struct {
		Jobs []struct {
			ID     string `json:"job_id"`
			Status string `json:"status"`
		} `json:"jobs"`
	}
	must(t, json.Unmarshal([]byte(out), &listed))
	got := map[string]string{}
	for _, j := range listed.Jobs {
		got[j.ID] = j.Status
	}
	want := map[string]string{"twice": "COMPLETED", "once": "COMPLETED", "link": "IN_PROGRESS", "catalog": "COMPLETED"}
	if !maps.Equal(got, want) {
		t.Errorf("abota-publish sees %v, want %v: %s", got, want, out)
	}
}

// TestStreamsByNobodysDevice fetches a file by a client that is no AWS's.
func TestStreamsByNobodysDevice(t *testing.T) { script(t, "stream.mjs", oddFile) }
