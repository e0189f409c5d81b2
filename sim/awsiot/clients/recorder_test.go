package clients

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"sync"
	"testing"
)

// sent is one request as a client sent it.
type sent struct {
	Service string // that it is signed for
	Method  string
	URL     *url.URL
	Body    []byte
}

// recorder stands before the account and notes what is sent to it.
type recorder struct {
	*httptest.Server
	mu   sync.Mutex
	sent []sent
}

// scope is where a signature names its service.
var scope = regexp.MustCompile(`Credential=[^/]+/[0-9]+/[^/]+/([^/]+)/aws4_request`)

// serviceOf is the service of a signature. Before 2023 the models of AWS IoT
// said that requests are signed for the gateway before it.
func serviceOf(signed string) string {
	if signed == "execute-api" {
		return "iot"
	}
	return signed
}

// newRecorder passes everything on as it is, the name of the host too, which
// the signatures are for.
func newRecorder(t *testing.T, account string) *recorder {
	t.Helper()
	to, err := url.Parse(account)
	must(t, err)
	r := &recorder{}
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(to)
		p.Out.Host = p.In.Host
	}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		q.Body = io.NopCloser(bytes.NewReader(body))
		s := sent{Method: q.Method, URL: q.URL, Body: body}
		if m := scope.FindStringSubmatch(q.Header.Get("Authorization")); m != nil {
			s.Service = serviceOf(m[1])
		}
		r.mu.Lock()
		r.sent = append(r.sent, s)
		r.mu.Unlock()
		proxy.ServeHTTP(w, q)
	}))
	t.Cleanup(r.Close)
	return r
}

// all is what was sent, in order.
func (r *recorder) all() []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]sent(nil), r.sent...)
}
