package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// remote is what all servers have in common: how an object is opened, read
// over many connections, and looked at.
type remote struct {
	asker
	net   Network
	limit *rate.Limiter // nil without one
	// strict says that an object without a strong ETag is refused.
	strict bool
}

// asker is what a kind of server knows.
type asker interface {
	// ask sends one request. Its errors are answers.
	ask(ctx context.Context, name string, q question) (*reply, error)
	// String names the server, without credentials.
	String() string
}

// question is what is asked for of an object, each field a header's value.
type question struct {
	rng    string // Range; empty means all of it
	match  string // only if the object's tag is this one
	unless string // only if it is not
}

// header writes the question.
func (q question) header(h http.Header) {
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	set("Range", q.rng)
	match, unless := "If-Match", "If-None-Match"
	if isDate(q.match + q.unless) {
		match, unless = "If-Unmodified-Since", "If-Modified-Since"
	}
	set(match, q.match)
	set(unless, q.unless)
}

// isDate tells a date of change from an ETag.
func isDate(tag string) bool {
	_, err := http.ParseTime(tag)
	return err == nil
}

// reply is a request that was granted. Whoever has it closes it.
type reply struct {
	io.ReadCloser
	length       int64  // of the body in bytes, -1 when unknown
	contentRange string // empty without one
	// tag tells the object from its successor: a strong ETag or, where a kind
	// of server takes it, the date of the last change; else empty.
	tag      string
	version  string
	modified time.Time
}

func newRemote(a asker, n Network, strict bool) remote {
	r := remote{asker: a, net: n, strict: strict}
	if n.RateLimit > 0 {
		r.limit = rate.NewLimiter(rate.Limit(n.RateLimit), r.portion())
	}
	return r
}

// portion is how much is read at once under a rate limit.
func (r *remote) portion() int { return int(min(max(r.net.RateLimit/8, 1), 1<<20)) }

// Open asks for an object. The stream resumes by itself until ctx is done,
// the object changes, or Retry is used up.
func (r *remote) Open(ctx context.Context, name string) (*Object, error) {
	if name == "" {
		return nil, fmt.Errorf("cannot read from %s because the object has no name: correct the configured name", r)
	}
	st := newStream(ctx, r, name)
	if err := st.open(); err != nil {
		st.Close()
		return nil, err
	}
	return &Object{info: st.info, body: st}, nil
}

// Get reads an object of at most limit bytes.
func (r *remote) Get(ctx context.Context, name string, limit int64) ([]byte, Info, error) {
	o, err := r.Open(ctx, name)
	if err != nil {
		return nil, Info{}, err
	}
	return readAll(o, r.object(name), limit)
}

// firstByte is the smallest part of an object that can be asked for.
const firstByte = "bytes=0-0"

// Look says what Open would say of an object, and reads nothing of it.
func (r *remote) Look(ctx context.Context, name string) (info Info, err error) {
	p := patience{retry: r.net.Retry, budget: r.net.Retry.Open}
	err = p.persist(ctx, func() error {
		info, err = r.lookOnce(ctx, name)
		return err
	})
	return info, r.explain(ctx, "look at", name, err)
}

func (r *remote) lookOnce(ctx context.Context, name string) (Info, error) {
	ctx, cancel := context.WithCancel(ctx) // which also ends the body
	defer cancel()
	out, err := r.ask(ctx, name, question{rng: firstByte})
	if empty(err) {
		return Info{}, nil
	}
	if err != nil {
		return Info{}, err
	}
	defer out.Close()
	return r.describe(out)
}

// empty reports whether err says that the object has no first byte.
func empty(err error) bool {
	var a *answer
	return errors.As(err, &a) && a.status == 416
}

// Changed reports whether the object is another one than was.
func (r *remote) Changed(ctx context.Context, name string, was Info) (bool, error) {
	if was.ETag == "" { // the server says nothing better
		now, err := r.Look(ctx, name)
		return err == nil && (now.Size != was.Size || !now.Modified.Equal(was.Modified)), err
	}
	var changed bool
	p := patience{retry: r.net.Retry, budget: r.net.Retry.Open}
	err := p.persist(ctx, func() (err error) {
		changed, err = r.changedOnce(ctx, name, was)
		return err
	})
	return changed, r.explain(ctx, "look at", name, err)
}

func (r *remote) changedOnce(ctx context.Context, name string, was Info) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	q := question{unless: was.ETag}
	if was.Size > 0 { // an empty object has no byte 0 to ask for
		q.rng = firstByte
	}
	out, err := r.ask(ctx, name, q)
	var a *answer
	switch {
	case errors.As(err, &a) && a.status == 304:
		return false, nil
	case empty(err):
		return true, nil
	case err != nil:
		return false, err
	}
	defer out.Close()
	if !sameKind(out.tag, was.ETag) {
		return false, errNoETag
	}
	return out.tag != was.ETag, nil
}

// sameKind reports whether two tags can be compared: an ETag with an ETag, a
// date with a date.
func sameKind(a, b string) bool {
	return a != "" && isDate(a) == isDate(b)
}

// describe takes what must be known of an object before its first byte: how
// long it is, and what tells it from its successor.
func (r *remote) describe(out *reply) (Info, error) {
	info := Info{Size: out.length, ETag: out.tag, Version: out.version, Modified: out.modified}
	if out.contentRange != "" {
		info.Size = total(out.contentRange)
	}
	switch {
	case out.tag == "" && r.strict:
		return Info{}, errNoETag
	case info.Size < 0:
		return Info{}, errNoLength
	}
	return info, nil
}

// total is an object's size by the Content-Range of its first byte, else -1.
func total(contentRange string) int64 {
	text, ok := strings.CutPrefix(contentRange, "bytes 0-0/")
	size, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil || size < 1 {
		return -1
	}
	return size
}

// object names one object for messages.
func (r *remote) object(name string) string { return fmt.Sprintf("%q in %s", name, r) }

// explain turns the outcome of persist into the caller's error.
func (r *remote) explain(ctx context.Context, verb, name string, err error) error {
	var a *answer
	switch {
	case err == nil:
		return nil
	case errors.As(err, &a):
		return fmt.Errorf("cannot %s %s: %w", verb, r.object(name), err)
	case ctx.Err() != nil && !errors.Is(err, ctx.Err()):
		err = ctx.Err()
	}
	return fmt.Errorf("%s %s: %w", verb, r.object(name), err)
}
