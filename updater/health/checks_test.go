package health

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
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

func TestExecPassesOnStatusZeroOnly(t *testing.T) {
	if err := run(t, Exec([]string{"sh", "-c", "echo noise; exit 0"}, time.Minute)); err != nil {
		t.Error(err)
	}
	wantReason(t, run(t, Exec([]string{"sh", "-c", "echo why; echo oops >&2; exit 3"}, time.Minute)), "exit status 3: why | oops")
	wantReason(t, run(t, Exec(nil, time.Minute)), "no program is named")
}

func TestExecEndsWithItsTimeout(t *testing.T) {
	wantReason(t, run(t, Exec([]string{"sleep", "1000"}, 50*time.Millisecond)), "killed because it did not end in time")
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

func TestHTTPHidesWhatAServerRepeats(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, password, _ := r.BasicAuth()
		_, _ = w.Write([]byte("no " + r.URL.String() + " for " + r.URL.Query().Get("token") + " with " + password))
	}))
	defer s.Close()
	address := strings.Replace(s.URL, "http://", "http://user:hush%2F1@", 1) + "/x?token=hush%2F2&b=3"
	err := run(t, HTTP(address, time.Minute))
	wantReason(t, err, "answered 404 Not Found: no /x?*** for *** with ***")
}

func TestExecsNameHasNoArguments(t *testing.T) {
	if name := Exec([]string{"/usr/bin/app", "--token", "hush"}, 0).Name; name != "exec /usr/bin/app" {
		t.Errorf("name is %q", name)
	}
	if name := Exec(nil, 0).Name; name != "exec" {
		t.Errorf("name is %q", name)
	}
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
	if name := HTTP("http://hush@host/", 0).Name; strings.Contains(name, "hush") {
		t.Errorf("a token is in %q", name)
	}
	if name := HTTP("http://\x7fhush", 0).Name; strings.Contains(name, "hush") {
		t.Errorf("name is %q", name)
	}
	if err := run(t, HTTP("http://\x7fhush", time.Minute)); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
}
