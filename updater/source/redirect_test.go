package source

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestRedirectsAreFollowedWithTheRange(t *testing.T) {
	o := stored{sequence(1000), `"v1"`}
	cdn := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { o.serve(w, r, 400) })
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, cdn.URL+"/blob", http.StatusFound)
	})
	u, _ := url.Parse(h.URL + "/firmware.zip" + signed)
	u.User = url.UserPassword("user", testSecret)
	opts := webOptions(h, "")
	opts.URL = u.String()
	// Another port is another server, and so is another name for the same host.
	onPort := cdn.URL
	for _, cdn.URL = range []string{onPort, strings.Replace(onPort, "127.0.0.1", "localhost", 1)} {
		followed(t, o, opts, h, cdn)
	}
}

func followed(t *testing.T, o stored, opts WebOptions, h, cdn *hostile) {
	t.Helper()
	before := len(cdn.seen())
	got, err := fetchAll(t.Context(), newTestWeb(t, opts), "firmware.zip")
	if err != io.EOF || !bytes.Equal(got, o.data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if name, password, ok := h.seen()[0].BasicAuth(); !ok || name != "user" || password != testSecret {
		t.Error("the first server did not get name and password")
	}
	for i, r := range cdn.seen()[before:] {
		if r.Header.Get("Authorization") != "" || r.Header.Get("Referer") != "" {
			t.Errorf("request %d tells the next server %v", i, r.Header)
		}
		if i > 0 && (r.Header.Get("Range") != fmt.Sprintf("bytes=%d-", 400*i) || r.Header.Get("If-Match") != `"v1"`) {
			t.Errorf("request %d: %v", i, r.Header)
		}
	}
}

func TestRedirectsThatAreNotFollowed(t *testing.T) {
	loop := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/again"+signed, http.StatusFound)
	})
	_, err := newTestWeb(t, webOptions(loop, "/firmware.zip")).Open(t.Context(), "firmware.zip")
	wantWebError(t, err, ErrTransport, "redirects more than 5 times")
	if n := len(loop.seen()); n != maxRedirects+1 {
		t.Errorf("%d requests", n)
	}

	plain := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { stored{[]byte("x"), `"v1"`}.serve(w, r, -1) })
	secure := newTLSServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL+"/x"+signed, http.StatusFound)
	}))
	o := WebOptions{URL: secure.URL + "/firmware.zip", Network: Network{TLS: secure.Client().Transport.(*http.Transport).TLSClientConfig, Getenv: noEnv}}
	_, err = newTestWeb(t, o).Open(t.Context(), "firmware.zip")
	wantWebError(t, err, ErrDenied, "redirects from https to http")
	if len(plain.seen()) != 0 {
		t.Error("the plain server was asked")
	}

	for _, location := range []string{"file:///etc/passwd", "http://[::x/" + testSecret} {
		odd := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		})
		_, err = newTestWeb(t, webOptions(odd, "/firmware.zip")).Open(t.Context(), "firmware.zip")
		wantWebError(t, err, ErrTransport)
	}
}

func TestProxyIsUsedAndItsPasswordKept(t *testing.T) {
	o := stored{[]byte("hello"), `"v1"`}
	var auth string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		auth = r.Header.Get("Proxy-Authorization")
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if r.URL.Host != "firmware.example.com" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		o.serve(w, r, -1)
	}))
	t.Cleanup(proxy.Close)
	network := newHostile(t, nil).options().Network
	network.Proxy = strings.Replace(proxy.URL, "http://", "http://user:"+testSecret+"@", 1)
	web := newTestWeb(t, WebOptions{URL: "http://firmware.example.com/firmware.zip", Network: network})
	if got, err := fetchAll(t.Context(), web, "firmware.zip"); err != io.EOF || string(got) != "hello" || !strings.HasPrefix(auth, "Basic ") {
		t.Fatalf("%q, %v, Proxy-Authorization %q", got, err, auth)
	}
	// Through a tunnel the refusal is the proxy's, not the server's.
	_, err := newTestWeb(t, WebOptions{URL: "https://firmware.example.com/firmware.zip", Network: network}).Open(t.Context(), "firmware.zip")
	wantWebError(t, err, ErrDenied, "the proxy wants a name and a password")
	proxy.Close()
	_, err = web.Open(t.Context(), "firmware.zip")
	wantWebError(t, err, ErrTransport, "refused")
}
