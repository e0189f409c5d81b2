package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"abota/sim/store"
)

// startAWS runs up --aws until the function it returns interrupts it.
func startAWS(t *testing.T, args ...string) (stdout io.Reader, stop func() int) {
	t.Helper()
	store.ForTest(t) // skips where there is no MinIO
	t.Setenv("TMPDIR", t.TempDir())
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append([]string{"up", "--aws"}, args...), w, io.Discard)
		w.Close()
	}()
	t.Cleanup(cancel)
	return r, func() int {
		cancel()
		go io.Copy(io.Discard, r) // what it says at its end
		return <-code
	}
}

func TestUpAWSPrintsOneLineAndStaysUntilInterrupted(t *testing.T) {
	stdout, stop := startAWS(t, "--json")
	text, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for key, prefix := range map[string]string{
		"s3": "http://127.0.0.1:", "control": "http://127.0.0.1:", "mqtt": "127.0.0.1:", "mqtts": "127.0.0.1:",
		"credentials": "https://127.0.0.1:", "clock": "http://127.0.0.1:", "region": "us-east-1", "accesskey": "", "secretkey": "", "account": "1",
	} {
		value, is := line[key].(string)
		if !is || value == "" || !strings.HasPrefix(value, prefix) {
			t.Errorf("%s is %v, want %s…", key, line[key], prefix)
		}
	}
	control, _ := line["control"].(string)
	r, err := http.Get(control)
	if err != nil {
		t.Fatalf("nobody is there: %v", err)
	}
	r.Body.Close()
	if code := stop(); code != exitSeen {
		t.Errorf("exit %d", code)
	}
	if _, err := http.Get(control); err == nil {
		t.Error("it is still there after its end")
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestUpAWSShowsAPageForPeople(t *testing.T) {
	stdout, stop := startAWS(t)
	page := ""
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		page += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "/abota.yaml") { // the last one
			break
		}
	}
	for _, path := range regexp.MustCompile(`/\S+(/env|/abota.yaml)\n`).FindAllString(page, -1) {
		text, err := os.ReadFile(strings.TrimSpace(path))
		if err != nil {
			t.Error(err)
		}
		page += string(text)
	}
	if code := stop(); code != exitSeen {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{
		"export AWS_ENDPOINT_URL=http://127.0.0.1:", "AWS_ACCESS_KEY_ID=", "\n  abota-publish create-ota firmware.bin fleet-firmware ",
		"\nmode: aws-iot\n", "region us-east-1",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %q:\n%s", want, page)
		}
	}
	if strings.Contains(page, "<no value>") {
		t.Errorf("the page has a gap:\n%s", page)
	}
}

// TestUpAWSInterruptedAtItsStart: nothing was shown, and nothing is left.
func TestUpAWSInterruptedAtItsStart(t *testing.T) {
	_, stop := startAWS(t, "--json")
	if code := stop(); code != exitSeen {
		t.Errorf("exit %d", code)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
