package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Exec passes when the program ends with status 0. It runs in a process group
// of its own, all of which is killed at the timeout. The last lines of its
// output become part of the reason when it fails.
func Exec(argv []string, timeout time.Duration) Check {
	return Check{
		Name:    "exec " + strings.Join(argv, " "),
		Timeout: timeout,
		Run:     func(ctx context.Context) error { return runProgram(ctx, argv) },
	}
}

// pipeWait is how long output is still read after the program ended: a child
// that it left behind may hold the pipe open for ever.
const pipeWait = 200 * time.Millisecond

func runProgram(ctx context.Context, argv []string) error {
	if len(argv) == 0 {
		return errors.New("cannot run because no program is named")
	}
	out := &tail{limit: outputKept}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = pipeWait
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrWaitDelay): // ended well; only its pipe stayed open
		return nil
	case err == nil:
		return nil
	case ctx.Err() != nil:
		err = errors.New("killed because it did not end in time")
	}
	if last := out.String(); last != "" {
		return fmt.Errorf("%w: %s", err, last)
	}
	return err
}

// outputKept is how much of a program's output is remembered, in bytes.
const outputKept = 256

// tail keeps the end of what is written to it.
type tail struct {
	limit int
	kept  []byte
	cut   bool
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[max(0, len(p)-t.limit):]...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept, t.cut = t.kept[over:], true
	}
	t.cut = t.cut || len(p) > t.limit
	return len(p), nil
}

// String is the kept output, from the start of a line if there is one.
func (t *tail) String() string {
	text := strings.TrimSpace(string(t.kept))
	if !t.cut {
		return text
	}
	if _, whole, ok := strings.Cut(text, "\n"); ok {
		return whole
	}
	return strings.ToValidUTF8(text, "")
}

const (
	maxRedirects = 3
	maxBody      = 64 << 10 // of a response, in bytes
)

// HTTP passes when the address answers with a status of 2xx, after at most
// three redirects. What the answer says becomes part of the reason when it
// does not.
func HTTP(address string, timeout time.Duration) Check {
	return Check{
		Name:    "http " + publicAddress(address),
		Timeout: timeout,
		Run:     func(ctx context.Context) error { return runRequest(ctx, address) },
	}
}

// publicAddress hides what may be secret in an address.
func publicAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(not an address)"
	}
	if u.RawQuery != "" {
		u.RawQuery = "***"
	}
	return u.Redacted()
}

func runRequest(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("is not a usable address")
	}
	// No connection outlives the attempt: each one proves that the server
	// still accepts.
	transport := &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}
	client := &http.Client{Transport: transport, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("was redirected more than %d times", maxRedirects)
		}
		return nil
	}}
	resp, err := client.Do(req)
	if err != nil {
		return withoutAddress(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return fmt.Errorf("answered %s: %s", resp.Status, firstLine(body))
	case err != nil:
		return fmt.Errorf("broke off its answer: %w", withoutAddress(ctx, err))
	}
	return nil
}

// withoutAddress drops the address, whose query may be secret, from an error.
func withoutAddress(ctx context.Context, err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("did not answer in time: %w", err)
	}
	return err
}

func firstLine(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	if line == "" {
		return "(empty)"
	}
	return strings.ToValidUTF8(line[:min(len(line), outputKept)], "")
}
