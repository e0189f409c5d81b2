package ota

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"abota/cmd/internal/cli"
)

// dryRun stands between the clients and the network: what reads passes, what
// would change something is kept instead and answered with nothing.
type dryRun struct {
	next     doer
	requests []sent
	reads    []string
}

// sent is a request that would be sent.
type sent struct {
	Service    string          `json:"service"`
	Method     string          `json:"method"`
	Path       string          `json:"path"`
	CopySource string          `json:"copy_source,omitempty"`
	Body       json.RawMessage `json:"body,omitempty"`
}

func (d *dryRun) over(next doer) doer {
	d.next = next
	if next == nil {
		d.next = http.DefaultClient
	}
	return d
}

// scope is what a request is signed for: ACCESSKEY/DATE/REGION/SERVICE/….
var scope = regexp.MustCompile(`Credential=[^/]*/[^/]*/[^/]*/([^/]*)/aws4_request`)

func serviceOf(r *http.Request) string {
	if m := scope.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		return m[1]
	}
	return r.URL.Host
}

// Do sends what reads. STS is asked by POST, and changes nothing here.
func (d *dryRun) Do(r *http.Request) (*http.Response, error) {
	service := serviceOf(r)
	path := r.URL.Path
	if r.URL.RawQuery != "" {
		path += "?" + r.URL.RawQuery
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead || service == "sts" {
		d.reads = append(d.reads, r.Method+" "+path+" ("+service+")")
		return d.next.Do(r)
	}
	kept := sent{Service: service, Method: r.Method, Path: plainPath(r.URL)}
	if source, err := url.PathUnescape(r.Header.Get("X-Amz-Copy-Source")); err == nil {
		kept.CopySource = source
	}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		kept.Body = plainJSON(body)
	}
	d.requests = append(d.requests, kept)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(emptyAnswer(service))), Request: r}, nil
}

func emptyAnswer(service string) string {
	if service == "s3" {
		return "<CopyObjectResult/>"
	}
	return "{}"
}

// plainPath is a path with its placeholders readable, and without the name of
// an operation that the SDK adds.
func plainPath(u *url.URL) string {
	path, err := url.PathUnescape(u.EscapedPath())
	if err != nil {
		path = u.Path
	}
	return path
}

// plainJSON undoes the escapes that only HTML wants.
func plainJSON(body []byte) json.RawMessage {
	if len(body) == 0 {
		return nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	var v any
	if d := json.NewDecoder(bytes.NewReader(body)); json.Valid(body) {
		d.UseNumber()
		if d.Decode(&v) == nil && e.Encode(v) == nil {
			return bytes.TrimSpace(b.Bytes())
		}
	}
	text, _ := json.Marshal(string(body)) // a string always encodes
	return text
}

// signed is what a signing job would say.
func (d *dryRun) signed(r *Request, p profile, o object, size int64) (signature, object, error) {
	cert := first(first(r.CertName, p.cert), "<certname of the profile>")
	return signature{Algorithm: p.algorithm, Base64: "<signature>", Size: size, Cert: cert},
		object{o.Bucket, r.SigningPrefix + "<name>", "<version of the signed object>"}, nil
}

func (d *dryRun) copied(o object) object {
	o.Version = "<version of the copy>"
	return o
}

// report prints what would be sent.
func (d *dryRun) report(out *cli.Output, made Created) {
	made.DryRun, made.Requests, made.Reads = true, d.requests, d.reads
	if out.JSON {
		out.Result(made)
		return
	}
	for _, read := range d.reads {
		out.Say("asked: %s", read)
	}
	for _, r := range d.requests {
		out.Say("\nwould send: %s %s (%s)", r.Method, r.Path, r.Service)
		if r.CopySource != "" {
			out.Say("x-amz-copy-source: %s", r.CopySource)
		}
		var b bytes.Buffer
		if len(r.Body) > 0 && json.Indent(&b, r.Body, "", "  ") == nil {
			out.Say("%s", b.String())
		}
	}
	out.Say("\nthe document:")
	var b bytes.Buffer
	if json.Indent(&b, []byte(made.Document), "", "  ") == nil {
		out.Say("%s", b.String())
	}
	out.Say("\nnothing was changed")
}
