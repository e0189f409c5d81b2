package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"
)

// WebOptions say what is read from a web server. URL or Renew is required.
type WebOptions struct {
	// URL is an http or https address: of one object or, when its path ends
	// with a slash, of a folder. It may hold a signature in its query, or a
	// user and a password.
	URL string
	// Renew returns a URL for the same object, where URL is empty and whenever
	// the server refuses the one that there is. Optional. An error that wraps
	// ErrDenied or ErrNotFound says that there will be no other.
	Renew func(context.Context) (string, error)
	// RenewedBy is what Renew asks, for messages. Nil means [URLCommand].
	RenewedBy *Renewer
	Network
}

// Renewer is where fresh URLs come from, as messages name it.
type Renewer struct {
	// Name is the subject of a sentence, as "url_command" or "the job".
	Name string
	// Advice is what to do when it has none.
	Advice string
}

// URLCommand is the program that prints a URL, by the key that names it.
var URLCommand = &Renewer{"url_command", "run it by hand to see why"}

// String shows the options without their secrets.
func (o WebOptions) String() string { return "{url " + redact(o.URL) + "}" }

// GoString does the same for %#v.
func (o WebOptions) GoString() string { return "source.WebOptions" + o.String() }

// Web is a folder on a web server, or a single object. It is safe for
// concurrent use.
type Web struct {
	remote
	site *site
}

// NewWeb checks the options and sends nothing.
func NewWeb(o WebOptions) (*Web, error) {
	o.Network = o.Network.withDefaults()
	if err := o.Network.check(); err != nil {
		return nil, err
	}
	s := &site{renew: o.Renew, by: o.RenewedBy, log: o.Log}
	if s.by == nil {
		s.by = URLCommand
	}
	s.client = http.Client{Transport: newWire(o.Network), CheckRedirect: checkRedirect}
	switch {
	case o.URL != "":
		u, err := parseURL(o.URL)
		if err != nil {
			return nil, fmt.Errorf("cannot use the URL because %w", err)
		}
		s.url = u
		s.file = lastElement(u)
		s.alone = u.RawQuery != ""
	case o.Renew != nil:
		s.alone = true
	default:
		return nil, errors.New("cannot read from the web because no URL is given: set url or url_command")
	}
	return &Web{newRemote(s, o.Network, false), s}, nil
}

// File is the name of the object that the URL stands for, empty for a folder
// and where there is no URL yet.
func (w *Web) File() string { return w.site.file }

// Alone reports that there is no object beside the one: a signed URL holds
// for nothing else. Every name then means that object.
func (w *Web) Alone() bool { return w.site.alone }

// errPlaceholder: an address still holds what AWS IoT should have replaced.
var errPlaceholder = errors.New("AWS IoT has filled in nothing for its placeholder: " + adviceOnPlaceholder)

// adviceOnPlaceholder is for who made the job.
const adviceOnPlaceholder = "create the job anew with a presignedUrlConfig whose role may read the object"

func parseURL(text string) (*url.URL, error) {
	if strings.Contains(text, "${aws:iot:") {
		return nil, errPlaceholder
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, errors.New("it is not an http or https address: write it like https://host/firmware.zip")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

func lastElement(u *url.URL) string {
	if u.Path == "" || strings.HasSuffix(u.Path, "/") {
		return ""
	}
	return path.Base(u.Path)
}

// site asks a web server.
type site struct {
	client http.Client
	renew  func(context.Context) (string, error)
	by     *Renewer
	file   string
	alone  bool
	log    *slog.Logger

	mu     sync.Mutex
	url    *url.URL
	worked bool // the server has answered to this URL
	moved  bool // the URL is of another host or path than the first one was
}

// String is the folder's address, without user and query.
func (s *site) String() string {
	u, _ := s.current()
	if u == nil {
		return "what " + s.by.Name + " names"
	}
	folder := *u
	folder.Path, folder.RawPath = path.Dir(u.Path), ""
	if lastElement(u) == "" {
		folder.Path = u.Path
	}
	return redact(folder.String())
}

func (s *site) current() (u *url.URL, worked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url, s.worked
}

func (s *site) hasMoved() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.moved
}

func (s *site) ask(ctx context.Context, name string, q question) (*reply, error) {
	u, _ := s.current()
	if u == nil {
		if err := s.renewed(ctx, nil); err != nil {
			return nil, err
		}
		u, _ = s.current()
	}
	if isDate(q.match) && s.hasMoved() {
		return nil, errElsewhere
	}
	req, err := s.request(ctx, u, name, q)
	if err != nil {
		return nil, &answer{kind: ErrTransport, why: "the request cannot be made", advice: "check the URL", final: true}
	}
	resp, err := s.client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // without the URL, which may hold a signature
		}
		if strings.HasPrefix(err.Error(), "failed to parse Location header") {
			return nil, errNowhere // its text holds that address
		}
		return nil, bySendError(err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent {
		defer resp.Body.Close()
		return nil, s.refused(resp, u)
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/html" {
		resp.Body.Close()
		return nil, errPage
	}
	s.mu.Lock()
	s.worked = s.worked || s.url == u
	s.mu.Unlock()
	return granted(resp), nil
}

func (s *site) request(ctx context.Context, u *url.URL, name string, q question) (*http.Request, error) {
	target := *u
	if name != s.file && !s.alone {
		target.Path, target.RawPath = path.Join("/", path.Dir(u.Path), name), ""
		if lastElement(u) == "" {
			target.Path = path.Join("/", u.Path, name)
		}
	}
	target.User = nil
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	if u.User != nil {
		// As a header it is not sent to another host, even when redirected.
		password, _ := u.User.Password()
		req.SetBasicAuth(u.User.Username(), password)
	}
	req.Header.Set("User-Agent", "abota")
	req.Header.Set("Accept-Encoding", "identity")
	q.header(req.Header)
	if q.match != "" { // for servers that know no If-Match
		req.Header.Set("If-Range", q.match)
	}
	return req, nil
}

func granted(resp *http.Response) *reply {
	modified, _ := http.ParseTime(resp.Header.Get("Last-Modified"))
	return &reply{
		ReadCloser: resp.Body, length: resp.ContentLength, contentRange: resp.Header.Get("Content-Range"),
		tag: validator(resp.Header), version: clip(resp.Header.Get("X-Amz-Meta-Version")), modified: modified,
	}
}

// validator is what tells this state of an object from the next: a strong
// ETag or else, as HTTP allows it (RFC 9110, 8.8.2.2), a date of change that
// was over when the answer was made.
func validator(h http.Header) string {
	if tag := strong(h.Get("ETag")); strings.HasPrefix(tag, `"`) {
		return tag
	}
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	date, dateErr := http.ParseTime(h.Get("Date"))
	if err != nil || dateErr != nil || date.Sub(modified) < time.Second {
		return ""
	}
	return h.Get("Last-Modified")
}

// refused makes an answer of a response that is none of the object.
func (s *site) refused(resp *http.Response, u *url.URL) *answer {
	f := faultOf(resp)
	var a answer
	if says := resp.StatusCode; denies(says, f.Code) {
		a = *s.denial(says, f)
		if s.renew != nil {
			a.cure = &cure{"url", func(ctx context.Context) error { return s.renewed(ctx, u) }}
		}
	} else {
		a = *byStatus(says, f.Code)
	}
	a.status, a.after = resp.StatusCode, retryAfter(resp.Header)
	return &a
}

// denies reports a status that says no to this URL, and will say it again.
func denies(status int, code string) bool {
	switch status {
	case http.StatusNotModified, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable, http.StatusProxyAuthRequired:
		return false
	}
	return status >= 300 && !isPassing(status, code)
}

func (s *site) denial(status int, f fault) *answer {
	if status == http.StatusNotFound {
		return &answer{kind: ErrNotFound, why: "the server has no such file", advice: "upload it or correct the URL", final: true}
	}
	why := strings.TrimSpace(fmt.Sprintf("the server says %d %s", status, cmp.Or(f.Code, http.StatusText(status))))
	advice := "check the URL, and that this device may read it"
	_, worked := s.current()
	switch {
	case s.renew != nil:
		advice = "check the address that " + s.by.Name + " gives"
	case worked || expired(status, f):
		why, advice = "the URL is not valid any more ("+why+")", "give a fresh one, or set url_command to a program that prints it"
	}
	return &answer{kind: ErrDenied, why: why, advice: advice, final: true}
}

// expired reports that a URL was valid until some time ago.
func expired(status int, f fault) bool {
	return status == http.StatusGone || strings.HasPrefix(f.Code, "Expired") || strings.Contains(strings.ToLower(f.Message), "expired")
}

// renewed replaces a URL that the server refused, unless that was done
// meanwhile.
func (s *site) renewed(ctx context.Context, refused *url.URL) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.url != refused {
		return nil
	}
	text, err := s.renew(ctx)
	if err != nil {
		return s.by.failed(err)
	}
	fresh, err := parseURL(text)
	switch {
	case errors.Is(err, errPlaceholder):
		return &answer{kind: ErrDenied, why: s.by.Name + " gives an address in which AWS IoT has filled in nothing", advice: adviceOnPlaceholder, final: true}
	case err != nil:
		return &answer{kind: ErrTransport, why: s.by.Name + " gives no http or https address", advice: "have it give the address alone, on its first line"}
	case refused != nil && refused.Scheme == "https" && fresh.Scheme != "https":
		return &answer{kind: ErrDenied, why: s.by.Name + " gives an http address where https was used", advice: "have it give an https address", final: true}
	}
	if refused != nil {
		s.log.Info("the server refuses the URL: going on with a fresh one", "host", fresh.Host)
		s.moved = s.moved || fresh.Host != refused.Host || fresh.EscapedPath() != refused.EscapedPath()
	}
	s.url, s.worked = fresh, false
	return nil
}

// failed makes an answer of an error of Renew.
func (r *Renewer) failed(err error) *answer {
	a := &answer{kind: ErrTransport, why: r.Name + " gives no address: " + clip(err.Error()), advice: r.Advice}
	for _, kind := range []error{ErrDenied, ErrNotFound} {
		if errors.Is(err, kind) {
			a.kind, a.final = kind, true
		}
	}
	return a
}

// maxRedirects is how many redirects one request may follow.
const maxRedirects = 5

// checkRedirect lets a request go elsewhere, but never from https to http. A
// Referer would hand the signature in a URL to the next server.
func checkRedirect(req *http.Request, via []*http.Request) error {
	req.Header.Del("Referer")
	if req.URL.Host != via[0].URL.Host {
		// Another port, or a subdomain, is another server too.
		req.Header.Del("Authorization")
	}
	switch {
	case len(via) > maxRedirects:
		return &answer{kind: ErrTransport, why: fmt.Sprintf("the server redirects more than %d times", maxRedirects), advice: "correct the URL", final: true}
	case via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https":
		return &answer{kind: ErrDenied, why: "the server redirects from https to http", advice: "correct the URL", final: true}
	}
	return nil
}
