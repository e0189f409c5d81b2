package front

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// content is what the store of these tests holds.
var content = bytes.Repeat([]byte("0123456789abcdef"), 64<<10)

// behind is a front before a small server that knows ranges.
func behind(t *testing.T, config *tls.Config) *Front {
	t.Helper()
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("X-Host", r.Host)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	t.Cleanup(store.Close)
	f, err := New(store.URL, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// get asks for an object, from an offset on.
func get(t *testing.T, f *Front, object string, from int) (*http.Response, []byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.Endpoint()+"/bucket/"+object, nil)
	if err != nil {
		t.Fatal(err)
	}
	if from > 0 {
		req.Header.Set("Range", "bytes="+strconv.Itoa(from)+"-")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

func TestNothingIsChangedWithoutAFault(t *testing.T) {
	f := behind(t, nil)
	resp, body, err := get(t, f, "firmware.zip", 1000)
	if err != nil || resp.StatusCode != http.StatusPartialContent || !bytes.Equal(body, content[1000:]) {
		t.Fatalf("%v, %v, %d bytes", err, resp, len(body))
	}
	if got := resp.Header.Get("X-Host"); got != f.Address() {
		t.Errorf("the store was asked as %s, not as %s: no signature would hold", got, f.Address())
	}
	want := Exchange{Object: "firmware.zip", Range: "bytes=1000-", Status: http.StatusPartialContent, Sent: int64(len(content) - 1000)}
	if got := f.Exchanges(); len(got) != 1 || got[0] != want {
		t.Errorf("metered %+v, want %+v", got, want)
	}
	if _, ok := f.Recovery(); ok || !f.Hit().IsZero() {
		t.Error("a disturbance was noted")
	}
}

func TestFaultsMeetRequestsInTurn(t *testing.T) {
	f := behind(t, nil)
	f.Set(InTurn("firmware.zip",
		Says(http.StatusServiceUnavailable, "SlowDown", "Retry-After", "1"),
		Portal(http.StatusFound),
		Edited(func(h http.Header) { h.Del("ETag") }, Pass),
		Flipped(5000),
	))
	resp, _, err := get(t, f, "key.key", 0)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("another object met the fault: %v, %v", resp, err)
	}
	resp, body, err := get(t, f, "firmware.zip", 0)
	if err != nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" || !strings.Contains(string(body), "<Code>SlowDown</Code>") {
		t.Errorf("%v %v %q", err, resp, body)
	}
	if resp, _, err := get(t, f, "firmware.zip", 0); err != nil || resp.StatusCode != http.StatusFound || resp.Header.Get("Location") == "" {
		t.Errorf("%v %v", err, resp)
	}
	if resp, _, err := get(t, f, "firmware.zip", 0); err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("ETag") != "" {
		t.Errorf("%v %v", err, resp)
	}
	_, body, err = get(t, f, "firmware.zip", 0)
	if err != nil || len(body) != len(content) || body[5000] != content[5000]^1 {
		t.Fatalf("%v, %d bytes", err, len(body))
	}
	if body[5000] = content[5000]; !bytes.Equal(body, content) {
		t.Error("more than one bit was flipped")
	}
	_, body, err = get(t, f, "firmware.zip", 0)
	if err != nil || !bytes.Equal(body, content) {
		t.Errorf("the faults did not end: %v", err)
	}
	if d, ok := f.Recovery(); !ok || d <= 0 {
		t.Errorf("recovery %v, %v", d, ok)
	}
	if got := f.Sent("firmware.zip"); got != int64(3*len(content)) {
		t.Errorf("%d bytes of the object counted, want only those of answers that held it: %d", got, 3*len(content))
	}
}

func TestCutEndsAfterExactlySoManyBytes(t *testing.T) {
	for name, reset := range map[string]bool{"close": false, "reset": true} {
		f := behind(t, nil)
		f.Set(Always("firmware.zip", Cut(300_000, reset)))
		_, body, err := get(t, f, "firmware.zip", 0)
		if err == nil || !reset && (!errors.Is(err, io.ErrUnexpectedEOF) || len(body) != 300_000) {
			t.Errorf("%s: %d bytes, %v", name, len(body), err)
		}
		if reset && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %v, want a reset", name, err)
		}
		if got := f.Sent("firmware.zip"); got != 300_000 {
			t.Errorf("%s: %d bytes counted", name, got)
		}
	}
}

func TestStalledLineIsReplaced(t *testing.T) {
	f := behind(t, nil)
	f.Set(InTurn("firmware.zip", Afflicted(100_000, Stall())))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.Endpoint()+"/bucket/firmware.zip", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	// The stalled one is still open while another request gets everything.
	if _, body, err := get(t, f, "firmware.zip", 0); err != nil || !bytes.Equal(body, content) {
		t.Errorf("%d bytes, %v", len(body), err)
	}
}

func TestRefusedUntilAnswered(t *testing.T) {
	f := behind(t, nil)
	endpoint := f.Endpoint()
	f.Refuse()
	if _, _, err := get(t, f, "x", 0); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want a refused connection", err)
	}
	if err := f.Heal(); err != nil {
		t.Fatal(err)
	}
	if resp, _, err := get(t, f, "x", 0); err != nil || resp.StatusCode != http.StatusOK || f.Endpoint() != endpoint {
		t.Errorf("%v %v at %s, was %s", resp, err, f.Endpoint(), endpoint)
	}
}

func TestWholeAnswersARangeWithEverything(t *testing.T) {
	f := behind(t, nil)
	f.Set(InTurn("firmware.zip", Whole(f.upstream.String()+"/any")))
	resp, body, err := get(t, f, "firmware.zip", 1000)
	if err != nil || resp.StatusCode != http.StatusOK || !bytes.Equal(body, content) || resp.Header.Get("ETag") != `"v1"` {
		t.Errorf("%v %v, %d bytes", err, resp, len(body))
	}
}

func TestCertificatesAreWhatWasAskedFor(t *testing.T) {
	now := time.Now()
	ca, err := NewAuthority("test", now.Add(-time.Hour), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	pair, certPEM, keyPEM, err := ca.Issue(Leaf{Hosts: []string{"127.0.0.1"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)})
	if err != nil || len(certPEM) == 0 || len(keyPEM) == 0 {
		t.Fatal(err)
	}
	f := behind(t, &tls.Config{Certificates: []tls.Certificate{pair}})
	dial := func(config *tls.Config) error {
		conn, err := (&tls.Dialer{NetDialer: &net.Dialer{}, Config: config}).DialContext(t.Context(), "tcp", f.Address())
		if err == nil {
			conn.Close()
		}
		return err
	}
	if err := dial(&tls.Config{RootCAs: ca.Pool()}); err != nil {
		t.Error(err)
	}
	if dial(&tls.Config{}) == nil {
		t.Error("an unknown authority is trusted")
	}
	if dial(&tls.Config{RootCAs: ca.Pool(), ServerName: "other.test"}) == nil {
		t.Error("the certificate is for another host too")
	}
	if dial(&tls.Config{RootCAs: ca.Pool(), Time: func() time.Time { return now.Add(2 * time.Hour) }}) == nil {
		t.Error("the certificate does not expire")
	}
}

func TestForwardAsksForThePassword(t *testing.T) {
	f := behind(t, nil)
	p, err := NewForward("user", "secret")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for login, want := range map[string]int{"": 407, "user:wrong": 407, "user:secret": 200} {
		u, err := url.Parse(p.URL(login))
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.Endpoint()+"/bucket/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Transport{Proxy: http.ProxyURL(u)}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("login %q: status %d, want %d", login, resp.StatusCode, want)
		}
	}
	if p.Passed() != 1 || len(f.Exchanges()) != 1 {
		t.Errorf("%d passed, %d arrived", p.Passed(), len(f.Exchanges()))
	}
}
