package ota

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"abota/cmd/internal/cli"
)

// terminal is a real one; what is written to it can be read from control.
func terminal(t *testing.T) (tty, control *os.File) {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { control.Close() })
	if err := unix.IoctlSetPointerInt(int(control.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return tty, control
}

// TestWaitDrawsOneTable on a terminal: each look goes up by as many lines as
// the one before had.
func TestWaitDrawsOneTable(t *testing.T) {
	f := newFake(t)
	looks := 0
	f.meet = func(op string, w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(op, "/things") {
			all := []any{}
			if r.URL.Query().Get("status") == "IN_PROGRESS" && looks == 1 {
				all = append(all, map[string]any{"thingArn": "arn:aws:iot:r:a:thing/busy\x1b[31m", "jobExecutionSummary": map[string]any{"status": "IN_PROGRESS"}})
			}
			reply(w, map[string]any{"executionSummaries": all})
			return true
		}
		status := "IN_PROGRESS"
		if looks++; looks == 3 {
			status = "COMPLETED"
		}
		reply(w, map[string]any{"job": map[string]any{"status": status, "jobProcessDetails": map[string]any{"numberOfInProgressThings": 3 - looks, "numberOfSucceededThings": looks}}})
		return true
	}
	tty, control := terminal(t)
	s, err := newSession(t.Context(), &cli.Output{Stderr: tty, Stdout: tty}, f.access())
	if err != nil {
		t.Fatal(err)
	}
	s.every = time.Millisecond
	if _, err := s.wait(t.Context(), "AFR_OTA-Job1"); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	var shown strings.Builder
	for buf := make([]byte, 4096); ; {
		n, err := control.Read(buf)
		shown.Write(buf[:n])
		if err != nil || strings.Count(shown.String(), "\x1b[J") == 3 {
			break
		}
	}
	frames := strings.Split(shown.String(), "\x1b[J")
	lines := func(frame string) int { return strings.Count(frame, "\n") }
	for i, want := range []string{"thing/busy", "", "COMPLETED"} {
		if want == "thing/busy" {
			want = "busy?[31m  IN_PROGRESS"
		}
		if !strings.Contains(frames[i], want) || !strings.Contains(frames[i], fmt.Sprintf("succeeded        %d", i+1)) {
			t.Errorf("frame %d: %q", i, frames[i])
		}
		if up := fmt.Sprintf("\x1b[%dA", lines(frames[max(i-1, 0)])); i > 0 && !strings.HasPrefix(frames[i], up) {
			t.Errorf("frame %d does not go up %q: %q", i, up, frames[i])
		}
	}
	if lines(frames[0]) != 10 || lines(frames[2]) != 9 {
		t.Errorf("%d and %d lines", lines(frames[0]), lines(frames[2]))
	}
}
