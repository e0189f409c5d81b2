package source

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"abota/sim/store"
)

// provider is a credentials provider that lets devices of one authority in. The
// n-th keys that it gives, from 1, are KEYn.
type provider struct {
	*httptest.Server
	root, device *signer

	mu     sync.Mutex
	given  int
	answer func(n int, w http.ResponseWriter, r *http.Request)
}

func newProvider(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *provider {
	t.Helper()
	p := &provider{answer: answer}
	p.root = (*signer)(nil).issue(t, authority(year(2020), year(2050)))
	p.device = p.root.issue(t, leafFor(year(2020), year(2050)))
	p.Server = httptest.NewUnstartedServer(p)
	p.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.TLS = &tls.Config{
		Certificates: []tls.Certificate{chain(p.root.issue(t, leafFor(year(2020), year(2050), "127.0.0.1")))},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: poolOf(p.root),
	}
	p.StartTLS()
	t.Cleanup(p.Close)
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.given++
	p.answer(p.given, w, r)
}

func (p *provider) asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.given
}

func (p *provider) options() IoTOptions {
	return IoTOptions{
		Endpoint: p.Listener.Addr().String(), RoleAlias: "firmware-reader", Thing: "pump:17",
		Network: Network{TLS: &tls.Config{RootCAs: poolOf(p.root), Certificates: []tls.Certificate{chain(p.device)}}, Getenv: noEnv},
	}
}

func (p *provider) client(t *testing.T) *IoTCredentials { return newTestIoT(t, p.options()) }

func newTestIoT(t *testing.T, o IoTOptions) *IoTCredentials {
	t.Helper()
	c, err := NewIoTCredentials(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// keysFor are keys that are good for so long by the clock of a server that
// thinks it is date.
func keysFor(w http.ResponseWriter, n int, date time.Time, life time.Duration) {
	w.Header().Set("Date", date.UTC().Format(http.TimeFormat))
	fmt.Fprintf(w, `{"credentials":{"accessKeyId":"KEY%d","secretAccessKey":%q,"sessionToken":"%s%d","expiration":%q}}`,
		n, testSecret, testToken, n, date.Add(life).UTC().Format(time.RFC3339))
}

func giveFor(life time.Duration) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, w http.ResponseWriter, r *http.Request) { keysFor(w, n, time.Now(), life) }
}

func TestProviderIsAskedAsAWSDocumentsIt(t *testing.T) {
	var seen *http.Request
	p := newProvider(t, func(n int, w http.ResponseWriter, r *http.Request) {
		seen = r
		giveFor(time.Hour)(n, w, r)
	})
	c := p.client(t)
	keys, err := c.Retrieve(t.Context())
	if err != nil || keys.AccessKeyID != "KEY1" || keys.SecretAccessKey != testSecret || keys.SessionToken != testToken+"1" {
		t.Fatalf("%s, %v", keys.AccessKeyID, err)
	}
	if seen.Method != http.MethodGet || seen.RequestURI != "/role-aliases/firmware-reader/credentials" || seen.Header.Get("x-amzn-iot-thingname") != "pump:17" {
		t.Errorf("%s %s, thing %q", seen.Method, seen.RequestURI, seen.Header.Get("x-amzn-iot-thingname"))
	}
	if len(seen.TLS.PeerCertificates) != 1 || !seen.TLS.PeerCertificates[0].Equal(p.device.cert) {
		t.Error("the device showed another certificate")
	}
	if left := time.Until(keys.Expires); !keys.CanExpire || left < 59*time.Minute || left > time.Hour {
		t.Errorf("good for %s", left)
	}
	if again, err := c.Retrieve(t.Context()); err != nil || again.AccessKeyID != "KEY1" || p.asked() != 1 {
		t.Errorf("asked %d times for keys that are good: %s, %v", p.asked(), again.AccessKeyID, err)
	}
	for _, shown := range []string{fmt.Sprint(c), fmt.Sprintf("%v %+v %#v", c, c, c)} {
		if strings.Contains(shown, testSecret) || strings.Contains(shown, testToken) {
			t.Errorf("shows a secret: %s", shown)
		}
	}
}

func TestKeysAreFetchedAnewBeforeTheyExpire(t *testing.T) {
	p := newProvider(t, giveFor(time.Hour))
	c := p.client(t)
	for _, row := range []struct {
		left time.Duration
		want string
	}{{time.Hour, "KEY1"}, {6 * time.Minute, "KEY1"}, {4 * time.Minute, "KEY2"}, {-time.Minute, "KEY3"}} {
		// Time goes on by moving what was noted.
		c.good = time.Now().Add(row.left)
		c.fresh = c.good.Add(-renewBefore)
		if c.keys.AccessKeyID == "" {
			c.good, c.fresh = time.Time{}, time.Time{}
		}
		keys, err := c.Retrieve(t.Context())
		if err != nil || keys.AccessKeyID != row.want {
			t.Errorf("with %s left: %s, %v, want %s", row.left, keys.AccessKeyID, err, row.want)
		}
	}
}

// TestKeysAreNotUsedToTheirEnd: a download that begins must not meet it.
func TestKeysAreNotUsedToTheirEnd(t *testing.T) {
	for life, spare := range map[time.Duration]time.Duration{time.Hour: 5 * time.Minute, 15 * time.Minute: 5 * time.Minute, 3 * time.Minute: time.Minute} {
		// A date in a header has whole seconds, so the clock of this one does.
		date := time.Now().Truncate(time.Second)
		c := newProvider(t, func(n int, w http.ResponseWriter, r *http.Request) { keysFor(w, n, date, life) }).client(t)
		if _, err := c.Retrieve(t.Context()); err != nil || c.good.Sub(c.fresh) != spare {
			t.Errorf("of %s, %s are spared: %v", life, c.good.Sub(c.fresh), err)
		}
	}
}

func TestKeysThatAreStillGoodBridgeAnOutage(t *testing.T) {
	p := newProvider(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n > 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		giveFor(time.Hour)(n, w, r)
	})
	c := p.client(t)
	for range 2 {
		if keys, err := c.Retrieve(t.Context()); err != nil || keys.AccessKeyID != "KEY1" {
			t.Fatalf("%s, %v", keys.AccessKeyID, err)
		}
		c.fresh = time.Now().Add(-time.Second)
	}
	c.good = time.Now().Add(-time.Second)
	if keys, err := c.Retrieve(t.Context()); !errors.Is(err, ErrTransport) || keys.AccessKeyID != "" || p.asked() != 3 {
		t.Errorf("expired: %s, %v, asked %d times", keys.AccessKeyID, err, p.asked())
	}
}

// TestExpiryIsJudgedByTheServersClock: a device that woke in 1970, and one whose
// clock is years ahead, use keys exactly as long as they are good.
func TestExpiryIsJudgedByTheServersClock(t *testing.T) {
	for _, date := range []time.Time{time.Now().AddDate(56, 0, 0), time.Now().AddDate(-10, 0, 0)} {
		life := time.Hour
		p := newProvider(t, func(n int, w http.ResponseWriter, r *http.Request) { keysFor(w, n, date, life) })
		c := p.client(t)
		for range 2 {
			if keys, err := c.Retrieve(t.Context()); err != nil || keys.AccessKeyID != "KEY1" || time.Until(keys.Expires) > time.Hour {
				t.Errorf("server in %d: %s until %s, %v", date.Year(), keys.AccessKeyID, keys.Expires, err)
			}
		}
		life = -time.Second
		_, err := p.client(t).Retrieve(t.Context())
		wantWebError(t, err, ErrTransport, "have expired already")
	}
}

func TestProviderWithoutADateIsJudgedByTheBestTime(t *testing.T) {
	now := time.Date(2030, 5, 5, 0, 0, 0, 0, time.UTC)
	p := newProvider(t, func(n int, w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		fmt.Fprintf(w, `{"credentials":{"accessKeyId":"A","secretAccessKey":"B","sessionToken":"C","expiration":%q}}`, now.Add(time.Hour).Format(time.RFC3339))
	})
	o := p.options()
	o.Now = func() time.Time { return now.Add(30 * time.Minute) }
	keys, err := newTestIoT(t, o).Retrieve(t.Context())
	if left := time.Until(keys.Expires); err != nil || left > 30*time.Minute || left < 29*time.Minute {
		t.Errorf("good for %s, %v", left, err)
	}
}

func TestRefusalsOfTheProvider(t *testing.T) {
	for name, row := range map[string]struct {
		status     int
		kind, body string
		is         error
		says       []string
	}{
		"not attached": {
			403, "AccessDeniedException:http://internal.amazon.com/coral/", `{"message":"Access Denied"}`, ErrDenied,
			[]string{"403 AccessDeniedException (Access Denied)", "attach this device's certificate to thing pump:17", "iot:AssumeRoleWithCertificate", "role alias firmware-reader"},
		},
		"no alias":        {404, "ResourceNotFoundException", `{"message":"Role alias does not exist"}`, ErrDenied, []string{"correct aws_iot.role_alias"}},
		"bad request":     {400, "InvalidRequestException", `{"message":"Invalid thing name"}`, ErrDenied, []string{"400 InvalidRequestException (Invalid thing name)"}},
		"slow down":       {429, "ThrottlingException", ``, ErrTransport, []string{"429 ThrottlingException", "try again later"}},
		"broken":          {500, "", ``, ErrTransport, []string{"500 Internal Server Error"}},
		"redirected":      {302, "", ``, ErrDenied, []string{"302 Found", "aws_iot.credentials_endpoint"}},
		"two lines":       {403, "X\nY", "{\"message\":\"a\\nb\\u001b[2J\"}", ErrDenied, []string{"(a b [2J)"}},
		"nothing":         {200, "", ``, ErrTransport, []string{"holds no credentials"}},
		"no JSON":         {200, "", `<html>`, ErrTransport, []string{"holds no credentials"}},
		"half":            {200, "", `{"credentials":{"accessKeyId":"A","secretAccessKey":"B","expiration":"2099-01-01T00:00:00Z"}}`, ErrTransport, []string{"holds no credentials"}},
		"no end":          {200, "", `{"credentials":{"accessKeyId":"A","secretAccessKey":"B","sessionToken":"C"}}`, ErrTransport, []string{"holds no credentials"}},
		"no time":         {200, "", `{"credentials":{"accessKeyId":"A","secretAccessKey":"B","sessionToken":"C","expiration":"soon"}}`, ErrTransport, []string{"holds no credentials"}},
		"header smuggled": {200, "", `{"credentials":{"accessKeyId":"A","secretAccessKey":"B","sessionToken":"C\r\nX: y","expiration":"2099-01-01T00:00:00Z"}}`, ErrTransport, []string{"holds no credentials"}},
		"endless":         {200, "", `{"credentials":"` + strings.Repeat("x", maxErrorBody) + `"}`, ErrTransport, []string{"holds no credentials"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, func(n int, w http.ResponseWriter, r *http.Request) {
				if row.kind != "" {
					w.Header().Set("x-amzn-ErrorType", row.kind)
				}
				if row.status == 302 {
					w.Header().Set("Location", "/elsewhere")
				}
				w.WriteHeader(row.status)
				io.WriteString(w, row.body)
			})
			_, err := p.client(t).Retrieve(t.Context())
			wantWebError(t, err, row.is, append(row.says, "the credentials provider 127.0.0.1:")...)
			if p.asked() != 1 {
				t.Errorf("asked %d times", p.asked())
			}
		})
	}
}

func TestProviderThatIsNotTheOne(t *testing.T) {
	p := newProvider(t, giveFor(time.Hour))
	stranger := (*signer)(nil).issue(t, authority(year(2020), year(2050)))
	for name, row := range map[string]struct {
		change func(*IoTOptions)
		says   string
	}{
		"our certificate is unknown": {func(o *IoTOptions) {
			o.TLS.Certificates = []tls.Certificate{chain(stranger.issue(t, leafFor(year(2020), year(2050))))}
		}, "set aws_iot.cert and aws_iot.key"},
		"its certificate is unknown": {func(o *IoTOptions) { o.TLS.RootCAs = poolOf(stranger) }, "check aws_iot.credentials_endpoint's host name"},
		"nobody is there":            {func(o *IoTOptions) { o.Endpoint = "127.0.0.1:1" }, "connection refused"},
	} {
		o := p.options()
		row.change(&o)
		_, err := newTestIoT(t, o).Retrieve(t.Context())
		wantWebError(t, err, ErrTransport, row.says)
		if strings.Contains(err.Error(), "https://") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOptionsOfTheProvider(t *testing.T) {
	for says, o := range map[string]IoTOptions{
		"credentials_endpoint": {Endpoint: "https://host/", RoleAlias: "a", Network: Network{TLS: &tls.Config{Certificates: make([]tls.Certificate, 1)}}},
		"role_alias":           {Endpoint: "host", Network: Network{TLS: &tls.Config{Certificates: make([]tls.Certificate, 1)}}},
		"aws_iot.cert":         {Endpoint: "host", RoleAlias: "a"},
		"aws_iot.key":          {Endpoint: "host", RoleAlias: "a", Network: Network{TLS: &tls.Config{RootCAs: x509.NewCertPool()}}},
	} {
		if _, err := NewIoTCredentials(o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want one that names %s", err, says)
		}
	}
	if c, err := NewIoTCredentials(IoTOptions{Endpoint: "c3d4.credentials.iot.eu-west-1.amazonaws.com", RoleAlias: "a=b@c,d", Network: Network{TLS: &tls.Config{Certificates: make([]tls.Certificate, 1)}}}); err != nil || c.url != "https://c3d4.credentials.iot.eu-west-1.amazonaws.com/role-aliases/a=b@c%2Cd/credentials" {
		t.Errorf("%v, %v", c.url, err)
	}
}

// TestBucketIsReadWithFetchedKeys: the download goes on at its offset with fresh
// keys when those that it began with are not good any more.
func TestBucketIsReadWithFetchedKeys(t *testing.T) {
	p := newProvider(t, giveFor(time.Hour))
	object := stored{sequence(1000), `"v1"`}
	for _, code := range []string{"ExpiredToken", "InvalidToken", "InvalidTokenId", "InvalidAccessKeyId"} {
		p.mu.Lock()
		p.given = 0
		p.mu.Unlock()
		h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
			// From the second request on only the second keys count.
			if want := fmt.Sprint(testToken, min(n, 1)+1); r.Header.Get("X-Amz-Security-Token") != want {
				s3Error(w, http.StatusBadRequest, code)
				return
			}
			object.serve(w, r, 400)
		})
		o := h.options()
		o.AccessKey, o.SecretKey, o.SessionToken, o.Credentials = "", "", "", p.client(t)
		got, err := fetch(t.Context(), newTestS3(t, o), "firmware.zip")
		if err != io.EOF || !bytes.Equal(got, object.data) {
			t.Fatalf("%s: %d bytes, %v", code, len(got), err)
		}
		if p.asked() != 2 {
			t.Errorf("%s: keys were fetched %d times", code, p.asked())
		}
	}
}

func TestBucketWithoutKeysSaysWhoGivesNone(t *testing.T) {
	p := newProvider(t, func(n int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-amzn-ErrorType", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
	})
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { t.Error("the bucket was asked without keys") })
	o := h.options()
	o.AccessKey, o.SecretKey, o.SessionToken, o.Credentials = "", "", "", p.client(t)
	_, err := newTestS3(t, o).Open(t.Context(), "firmware.zip")
	wantWebError(t, err, ErrDenied, `cannot read "firmware.zip" in s3://fleet`, "the credentials provider", "403 AccessDeniedException")
	if p.asked() != 1 {
		t.Errorf("asked %d times for what it refuses", p.asked())
	}
	// An outage of the provider is waited out like one of the bucket.
	p.answer = func(n int, w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	_, err = newTestS3(t, o).Open(t.Context(), "firmware.zip")
	wantWebError(t, err, ErrTransport, "the credentials provider", "given up after 3 failures")
}

func TestKeysThatAreWaitedForCanBeCancelled(t *testing.T) {
	held := make(chan struct{})
	p := newProvider(t, func(n int, w http.ResponseWriter, r *http.Request) { <-held })
	defer close(held)
	c := p.client(t)
	first, cancelFirst := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := c.Retrieve(first)
		done <- err
	}()
	for len(c.busy) == 0 {
		time.Sleep(time.Millisecond)
	}
	second, cancelSecond := context.WithCancel(t.Context())
	cancelSecond()
	if _, err := c.Retrieve(second); !errors.Is(err, context.Canceled) {
		t.Errorf("the one that waits: %v", err)
	}
	cancelFirst()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that asks: %v", err)
	}
}

func TestKeysAreFromOneOfTwoPlaces(t *testing.T) {
	o := S3Options{Bucket: "fleet", Region: "eu-west-1", AccessKey: "A", Credentials: &IoTCredentials{}, Network: Network{Getenv: noEnv}}
	if _, err := NewS3(o); err == nil || !strings.Contains(err.Error(), "set either") {
		t.Errorf("%v", err)
	}
}

// TestMinIOWithFetchedKeys is the same with a real store: it gives the device
// temporary keys of its own, and does not take those of another store.
func TestMinIOWithFetchedKeys(t *testing.T) {
	var st *store.Store
	p := newProvider(t, func(n int, w http.ResponseWriter, r *http.Request) {
		keys, err := st.ReaderKeys("fleet")
		if err != nil {
			t.Error(err)
		}
		if n == 1 { // what the device has from before the store lost its keys
			keys.SessionToken = keys.SessionToken[:len(keys.SessionToken)-2] + "AA"
		}
		fmt.Fprintf(w, `{"credentials":{"accessKeyId":%q,"secretAccessKey":%q,"sessionToken":%q,"expiration":%q}}`,
			keys.AccessKey, keys.SecretKey, keys.SessionToken, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	})
	st, s := minioSource(t, func(o *S3Options) { o.AccessKey, o.SecretKey, o.Credentials = "", "", p.client(t) })
	data := sequence(1 << 20)
	put(t, st, "firmware.zip", data, nil)
	for range 2 {
		if got, err := fetch(t.Context(), s, "firmware.zip"); err != io.EOF || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	if p.asked() != 2 {
		t.Errorf("keys were fetched %d times", p.asked())
	}
}
