package health

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// run makes one attempt, with a limit that only a hang reaches.
func run(t *testing.T, c Check) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return c.attempt(ctx, time.Time{})
}

func wantReason(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(oneLine(err), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestExecPassesOnStatusZero(t *testing.T) {
	if err := run(t, Exec([]string{"sh", "-c", "echo noise; exit 0"}, time.Minute)); err != nil {
		t.Error(err)
	}
}

func TestExecSaysStatusAndLastLines(t *testing.T) {
	err := run(t, Exec([]string{"sh", "-c", "for i in $(seq 1000); do echo line $i; done; echo oops >&2; exit 3"}, time.Minute))
	wantReason(t, err, "exit status 3: line 97")
	wantReason(t, err, "line 1000 | oops")
	if len(oneLine(err)) > outputKept+100 {
		t.Errorf("%d bytes of reason", len(oneLine(err)))
	}
}

func TestExecOfNothingAndOfAMissingProgram(t *testing.T) {
	wantReason(t, run(t, Exec(nil, time.Minute)), "no program is named")
	wantReason(t, run(t, Exec([]string{"/no/such/program"}, time.Minute)), "no such file")
}

func TestExecKillsTheWholeGroupAtTheTimeout(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	script := "echo started; sleep 1000 & echo $! > " + pidFile + ".new; mv " + pidFile + ".new " + pidFile + "; wait"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- runProgram(ctx, []string{"sh", "-c", script}) }()
	child := waitForPid(t, pidFile)
	cancel()
	wantReason(t, <-done, "killed because it did not end in time: started")
	for alive(child) { // only a child that survived makes this loop run into the test's own limit
		time.Sleep(time.Millisecond)
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

// alive is false for a zombie too: who reaps it is not the check's business.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

func TestExecPassesAlthoughAChildKeepsItsOutputOpen(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	err := run(t, Exec([]string{"sh", "-c", "sleep 1000 & echo $! > " + pidFile}, time.Minute))
	if err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(waitForPid(t, pidFile), syscall.SIGKILL); err != nil {
		t.Error(err)
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

func TestHTTPPassesOnTwoHundreds(t *testing.T) {
	for _, status := range []int{200, 204, 299} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		if err := run(t, HTTP(s.URL, time.Minute)); err != nil {
			t.Errorf("%d: %v", status, err)
		}
		s.Close()
	}
}

func TestHTTPSaysStatusAndFirstLine(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("database is gone\nstack\n" + strings.Repeat("x", 2*maxBody)))
	}))
	defer s.Close()
	err := run(t, HTTP(s.URL, time.Minute))
	wantReason(t, err, "answered 503 Service Unavailable: database is gone")
	if strings.Contains(err.Error(), "stack") {
		t.Errorf("more than the first line: %v", err)
	}
}

func TestHTTPFollowsThreeRedirectsAndNoMore(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil || n == 0 {
			return
		}
		http.Redirect(w, r, "/"+strconv.Itoa(n-1), http.StatusFound)
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	if err := run(t, HTTP(s.URL+"/3", time.Minute)); err != nil {
		t.Error(err)
	}
	wantReason(t, run(t, HTTP(s.URL+"/4", time.Minute)), "was redirected more than 3 times")
}

func TestHTTPEndsWithItsTimeout(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
		}
		<-release
	}))
	defer s.Close()
	defer close(release)
	wantReason(t, run(t, HTTP(s.URL+"/head", 50*time.Millisecond)), "did not answer in time")
	wantReason(t, run(t, HTTP(s.URL+"/body", 50*time.Millisecond)), "broke off its answer")
}

func TestHTTPNeverRepeatsTheQuery(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	address := strings.Replace(s.URL, "http://", "http://user:hush@", 1) + "/x?token=hush"
	s.Close() // refuses connections now
	c := HTTP(address, time.Minute)
	err := run(t, c)
	wantReason(t, err, "refused")
	if f := (&Failure{c.Name, oneLine(err)}); strings.Contains(f.Error(), "hush") || !strings.Contains(f.Error(), "/x?***") {
		t.Errorf("got %v", f)
	}
	if name := HTTP("http://\x7fhush", 0).Name; strings.Contains(name, "hush") {
		t.Errorf("name is %q", name)
	}
	if err := run(t, HTTP("http://\x7fhush", time.Minute)); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
}
