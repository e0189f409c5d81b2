package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// expiring serves an object to whoever has the newest signature.
type expiring struct {
	sync.Mutex
	stored
	valid string
	cut   int
}

func (e *expiring) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("X-Amz-Signature") != e.valid {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
		return
	}
	e.stored.serve(w, r, e.cut)
}

func TestExpiredURLIsReplacedAndTheOffsetGoesOn(t *testing.T) {
	e := &expiring{stored: stored{sequence(1000), `"v1"`}, valid: "1", cut: 300}
	var asked int
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		e.Lock()
		defer e.Unlock()
		if r.URL.Query().Get("X-Amz-Signature") == e.valid {
			defer func() { e.valid = fmt.Sprint(n + 1) }() // each is good for once
		}
		e.serve(w, r)
	})
	o := webOptions(h, "/fleet/firmware.zip?X-Amz-Signature=1")
	o.Renew = func(context.Context) (string, error) {
		e.Lock()
		defer e.Unlock()
		asked++
		if asked%2 == 1 {
			return "", errors.New("exit status 1") // it works the next time
		}
		return h.URL + "/elsewhere/firmware.zip?X-Amz-Signature=" + e.valid, nil
	}
	got, err := fetchAll(t.Context(), newTestWeb(t, o), "firmware.zip")
	if err != io.EOF || !bytes.Equal(got, e.data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if asked < 2 {
		t.Errorf("a fresh URL was asked for %d times: nothing expired", asked)
	}
}

func TestFreshURLOfAnotherObjectIsNotJoined(t *testing.T) {
	for _, other := range []stored{{sequence(1000), `"v2"`}, {sequence(999), `"v1"`}} {
		e := &expiring{stored: stored{sequence(1000), `"v1"`}, valid: "1", cut: 300}
		h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
			e.Lock()
			defer e.Unlock()
			if n == 1 {
				e.valid, e.stored = "2", other
			}
			e.serve(w, r)
		})
		o := webOptions(h, "/firmware.zip?X-Amz-Signature=1")
		o.Renew = func(context.Context) (string, error) { return h.URL + "/firmware.zip?X-Amz-Signature=2", nil }
		got, err := fetchAll(t.Context(), newTestWeb(t, o), "firmware.zip")
		if !errors.Is(err, ErrChanged) && !errors.Is(err, ErrTransport) || len(got) != 300 {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
}

func TestExpiredURLWithoutACommandSaysWhatToDo(t *testing.T) {
	e := &expiring{stored: stored{sequence(1000), `"v1"`}, valid: "1", cut: 300}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		e.Lock()
		defer e.Unlock()
		if n == 1 {
			e.valid = "2"
		}
		e.serve(w, r)
	})
	_, err := fetchAll(t.Context(), newTestWeb(t, webOptions(h, "/firmware.zip?X-Amz-Signature=1")), "firmware.zip")
	wantWebError(t, err, ErrDenied, "not valid any more", "url_command")
	if len(h.seen()) != 2 {
		t.Errorf("%d requests, want 2", len(h.seen()))
	}
}

func TestURLCommandThatDoesNotHelp(t *testing.T) {
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) })
	for _, row := range []struct {
		prints string
		fails  error
		kind   error
		says   string
	}{
		{h.URL + "/firmware.zip" + signed, nil, ErrDenied, "check the address that url_command gives"},
		{"no address " + testSecret, nil, ErrTransport, "gives no http or https address"},
		{"", errors.New("exit status 3"), ErrTransport, "url_command gives no address: exit status 3"},
	} {
		for _, first := range []string{"", h.URL + "/firmware.zip" + signed} {
			o := webOptions(h, "")
			o.URL = first
			o.Renew = func(context.Context) (string, error) { return row.prints, row.fails }
			_, err := newTestWeb(t, o).Open(t.Context(), "firmware.zip")
			wantWebError(t, err, row.kind, row.says)
		}
	}
}

func TestURLCommandAloneNamesTheObject(t *testing.T) {
	o := stored{[]byte("hello"), `"v1"`}
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { o.serve(w, r, -1) })
	calls := 0
	web := newTestWeb(t, WebOptions{Network: h.options().Network, Renew: func(context.Context) (string, error) {
		calls++
		return h.URL + "/x/y" + signed, nil
	}})
	if text := web.String(); !strings.Contains(text, "url_command") || !web.Alone() {
		t.Errorf("before: %s", text)
	}
	for range 2 {
		if got, err := fetchAll(t.Context(), web, "firmware.zip"); err != io.EOF || string(got) != "hello" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if calls != 1 || web.String() != h.URL+"/x" {
		t.Errorf("%d calls, %s", calls, web)
	}
}

func TestFreshURLIsNotLessThanTheOldOne(t *testing.T) {
	s := newTLSServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	o := WebOptions{URL: s.URL + "/firmware.zip" + signed, Network: Network{TLS: s.Client().Transport.(*http.Transport).TLSClientConfig, Getenv: noEnv}}
	o.Renew = func(context.Context) (string, error) { return "http://127.0.0.1:1/firmware.zip" + signed, nil }
	_, err := newTestWeb(t, o).Open(t.Context(), "firmware.zip")
	wantWebError(t, err, ErrDenied, "gives an http address where https was used")
}
