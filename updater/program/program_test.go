package program

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sh runs a script with a limit that only a hang reaches.
func sh(t *testing.T, script string, extra ...string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return Run(ctx, []string{"sh", "-c", script}, extra)
}

func wantReason(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestFirstLineIsWhatIsPrintedFirst(t *testing.T) {
	for script, want := range map[string]string{
		"echo '  one  '; echo two":               "one",
		"printf no-newline":                      "no-newline",
		"echo noise >&2; echo line":              "line",
		"true":                                   "",
		"printf '\\n second'":                    "",
		"head -c 1000000 /dev/zero | tr '\\0' x": strings.Repeat("x", lineKept),
	} {
		if got, err := FirstLine(t.Context(), []string{"sh", "-c", script}); err != nil || got != want {
			t.Errorf("%s: %d bytes, %.40q, %v", script, len(got), got, err)
		}
	}
}

func TestFirstLineOfAFailureIsNotShown(t *testing.T) {
	got, err := FirstLine(t.Context(), []string{"sh", "-c", "echo hush; echo hush >&2; exit 3"})
	if err == nil || got != "" || strings.Contains(err.Error(), "hush") {
		t.Errorf("%q, %v", got, err)
	}
	wantReason(t, err, "exit status 3")
	_, err = FirstLine(t.Context(), nil)
	wantReason(t, err, "no program is named")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = FirstLine(ctx, []string{"sleep", "1h"})
	wantReason(t, err, "did not end in time")
}

func TestStatusZeroIsSuccess(t *testing.T) {
	if err := sh(t, "echo noise; exit 0"); err != nil {
		t.Error(err)
	}
}

func TestFailureHasStatusAndLastLines(t *testing.T) {
	err := sh(t, "for i in $(seq 1000); do echo line $i; done; echo oops >&2; exit 75")
	wantReason(t, err, "exit status 75: line 97")
	wantReason(t, err, "line 1000\noops")
	var status *exec.ExitError
	if !errors.As(err, &status) || status.ExitCode() != 75 || len(err.Error()) > outputKept+100 {
		t.Errorf("%d bytes of %v", len(err.Error()), err)
	}
}

func TestNothingAndAMissingProgram(t *testing.T) {
	wantReason(t, Run(t.Context(), nil, nil), "no program is named")
	wantReason(t, Run(t.Context(), []string{"/no/such/program"}, nil), "no such file")
}

func TestTheWholeGroupIsKilledAtTheEnd(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	script := "echo started; sleep 1000 & echo $! > " + pidFile + ".new; mv " + pidFile + ".new " + pidFile + "; wait"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- Run(ctx, []string{"sh", "-c", script}, nil) }()
	child := waitForPid(t, pidFile)
	cancel()
	err := <-done
	wantReason(t, err, "killed because abota has to stop: started")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	for alive(child) { // only a child that survived makes this loop run into the test's own limit
		time.Sleep(time.Millisecond)
	}
}

func TestTheDeadlineIsNamed(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := Run(ctx, []string{"sleep", "1000"}, nil)
	wantReason(t, err, "killed because it did not end in time")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func waitForPid(t *testing.T, path string) int {
	t.Helper()
	for t.Context().Err() == nil {
		if data, err := os.ReadFile(path); err == nil {
			pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
		time.Sleep(time.Millisecond)
	}
	return 0
}

// alive is false for a zombie too: who reaps it is nobody's business here.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

func TestSuccessAlthoughAChildKeepsTheOutputOpen(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	if err := sh(t, "sleep 1000 & echo $! > "+pidFile); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(waitForPid(t, pidFile), syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}

func TestEnvironmentHoldsNoSecretAndWhatIsAdded(t *testing.T) {
	t.Setenv("ABOTA_SECRETKEY", "hush")
	t.Setenv("AWS_SESSION_TOKEN", "hush")
	t.Setenv("https_proxy", "http://user:hush@proxy:3128")
	t.Setenv("COLOUR", "blue")
	if err := sh(t, `test "$COLOUR $ABOTA_HOOK" = "blue after_commit"`, "ABOTA_HOOK=after_commit"); err != nil {
		t.Error(err)
	}
	if err := sh(t, "! env | grep hush"); err != nil {
		t.Error(err)
	}
}

func TestProxiesWithoutAPasswordStay(t *testing.T) {
	got := Public([]string{"HTTP_PROXY=http://proxy:3128", "HTTPS_PROXY=http://u:p@proxy", "AWS_REGION=x", "PATH=/bin", "broken"})
	if want := []string{"HTTP_PROXY=http://proxy:3128", "PATH=/bin", "broken"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTailKeepsWholeLastLines(t *testing.T) {
	w := &tail{limit: 8}
	for _, p := range []string{"first\n", "second\n", "third\n", ""} {
		if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	if got := w.String(); got != "third" {
		t.Errorf("kept %q", got)
	}
	if _, err := w.Write([]byte(strings.Repeat("x", 100))); err != nil || w.String() != "xxxxxxxx" {
		t.Errorf("kept %q, %v", w.String(), err)
	}
}

// A process that the kernel holds cannot be made here; one that nobody kills
// is waited for as little.
func TestWhatCannotBeKilledIsLeft(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "sleep", "1000")
	cmd.Cancel = func() error { return nil }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	cancel()
	if err := ended(ctx, cmd); !errors.Is(err, errLeft) {
		t.Errorf("got %v", err)
	}
}
