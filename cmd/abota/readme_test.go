package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"abota/sim/store"
)

// fiveMinutes are the README's commands for the first look.
func fiveMinutes(t *testing.T) string { return commands(t, "five minutes") }

// commands are those of a part of the README, exactly as a reader pastes them.
func commands(t *testing.T, part string) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	must(t, err)
	_, rest, begins := strings.Cut(string(readme), "<!-- "+part+" -->")
	section, _, ends := strings.Cut(rest, "<!-- end of "+part+" -->")
	if !begins || !ends {
		t.Fatal("the README has no section between its marks")
	}
	var script strings.Builder
	for line := range strings.Lines(section) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			script.WriteString(command)
		}
	}
	return script.String()
}

// host is a folder for a reader: bash, Python, and both commands in the path.
type host struct {
	t    *testing.T
	dir  string
	path string
}

func newHost(t *testing.T) *host {
	t.Helper()
	for _, program := range []string{"bash", python} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "../abota-publish", "../abota-sim")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir := t.TempDir()
	// What the example launched, where it did not come to its end.
	t.Cleanup(func() { _ = exec.Command("sh", "-c", "cd "+dir+" && [ -e pid ] && kill $(cat pid)").Run() })
	return &host{t, dir, bin + ":" + filepath.Dir(python) + ":" + os.Getenv("PATH")}
}

// bash runs a script and stops at the first command that fails.
func (h *host) bash(script string) string {
	h.t.Helper()
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = h.dir, append(os.Environ(), "PATH="+h.path)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		h.t.Fatalf("%v\n%s", err, &out)
	}
	return out.String()
}

func wantLines(t *testing.T, out string, patterns ...string) {
	t.Helper()
	rest := out
	for _, pattern := range patterns {
		at := regexp.MustCompile(pattern).FindStringIndex(rest)
		if at == nil {
			t.Fatalf("%q does not come in its turn in\n%s", pattern, out)
		}
		rest = rest[at[1]:]
	}
}

// TestFiveMinutes pastes the README's example into a shell.
func TestFiveMinutes(t *testing.T) {
	h := newHost(t)
	out := h.bash(fiveMinutes(t))
	t.Log(out)
	wantLines(t, out,
		"installed release .* in slot B .*: it runs, and is confirmed",
		"Kindly wait till your software is installed\nInstallation completed, version 1",
		`booted +B`, `B +booted +good`,
		"abota install: slot A: unhealthy, rolled back.*grep", "exit code 8",
		"Installation completed, version 1",
		"abota install: refused: .*--reinstall", "exit code 7",
	)
	if target, err := os.Readlink(filepath.Join(h.dir, "current")); err != nil || target != "b" {
		t.Errorf("the link shows %q, %v", target, err)
	}
}

// TestFiveMinutesThroughABucket is the same with a real store, where the
// device is also asked whether the release could be updated again.
func TestFiveMinutesThroughABucket(t *testing.T) {
	h := newHost(t)
	bucket := store.ForTest(t)
	script := fiveMinutes(t)
	for _, change := range [][2]string{
		{"accesskey:XXXXXXXXXXXXXXXX", "accesskey:" + bucket.Keys().AccessKey},
		{"secretkey:XXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "secretkey:" + bucket.Keys().SecretKey},
		{"region:eu-west-1", "region:us-east-1\nendpoint:" + bucket.Endpoint()},
		{"update_path: false, ", ""},
		{"abota install release", "abota-publish push release s3://xxx-download --create-bucket --with-key --config config.yaml && abota install"},
	} {
		if !strings.Contains(script, change[0]) {
			t.Fatalf("the example has no %q", change[0])
		}
		script = strings.ReplaceAll(script, change[0], change[1])
	}
	out := h.bash(script)
	wantLines(t, out, "it runs, and is confirmed", "version 1", "exit code 8", "version 1", "exit code 7")
	if strings.Contains(out, bucket.Keys().SecretKey) {
		t.Errorf("the output holds the secret key:\n%s", out)
	}
}

// TestJobsOfAWSIoT pastes the README's example of them into a shell.
func TestJobsOfAWSIoT(t *testing.T) {
	h := newHost(t)
	store.ForTest(t) // skips where there is no MinIO
	out := h.bash(strings.ReplaceAll(commands(t, "aws iot"), "wait $agent", "wait $agent || true"))
	t.Log(out)
	wantLines(t, out,
		"job AFR_OTA-first is made", `the next one is AFR_OTA-first`, `boots next +B`, `device-1 +IN_PROGRESS .*self_test=ready`,
		"slot B is confirmed", "1 succeeded", "job over: .*SUCCEEDED", "deleted job AFR_OTA-first", "deleted stream",
	)
	if left, err := os.ReadDir(filepath.Join(h.dir, "aws")); err == nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestPoliciesAreJSON reads every block of the README that says it is JSON.
func TestPoliciesAreJSON(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	must(t, err)
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(blocks) < 4 {
		t.Errorf("only %d blocks", len(blocks))
	}
	for _, block := range blocks {
		if !json.Valid(block[1]) {
			t.Errorf("not JSON: %s", block[1])
		}
	}
}
