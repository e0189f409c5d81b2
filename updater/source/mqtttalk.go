package source

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"
)

// talk is one exchange with AWS IoT: what is asked for in it bears one token,
// and nothing without that token is an answer. What comes is sorted on the
// link's goroutine; news tells the reader of it.
type talk struct {
	f     *feed
	token string
	news  chan struct{} // something came that counts
	up    chan struct{} // there is a new connection
	stops []func()
	mute  bool // nobody describes the stream, while there is a connection

	mu       sync.Mutex
	said     *description
	rejected *answer
	take     func(data) error // is given each block under mu; nil before there is a reader
	fault    error            // what was wrong with the last message that was none
}

func (f *feed) talk() *talk {
	t := &talk{f: f, token: rand.Text(), news: make(chan struct{}, 1), up: make(chan struct{}, 1)}
	link := f.o.Link
	t.stops = []func(){
		link.Subscribe(f.topic("description"), func(_ string, p []byte) { t.described(p) }),
		link.Subscribe(f.topic("data"), func(_ string, p []byte) { t.brought(p) }),
		link.Subscribe(f.topic("rejected"), func(_ string, p []byte) { t.refused(p) }),
		link.Watch(func() { tell(t.up) }),
	}
	select {
	case <-t.up: // the connection that there was
	default:
	}
	return t
}

// stop ends the subscriptions. What still comes is kept by nobody.
func (t *talk) stop() {
	t.mu.Lock()
	stops := t.stops
	t.take, t.stops = nil, nil
	t.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
}

func tell(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (t *talk) described(p []byte) {
	if int64(len(p)) > maxSmallMessage {
		return
	}
	d, ok := t.f.codec.description(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !ok:
		t.fault = errors.New("its description cannot be understood")
	case d.token == t.token:
		t.said = &d
		tell(t.news)
	}
}

func (t *talk) brought(p []byte) {
	if int64(len(p)) > t.f.codec.message(t.f.block) {
		return
	}
	d, ok := t.f.codec.data(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !ok:
		t.fault = errors.New("its messages cannot be understood")
	case d.token != t.token || d.file != int64(t.f.o.FileID) || t.take == nil:
	default:
		if t.fault = t.take(d); t.fault == nil {
			tell(t.news)
		}
	}
}

// refused takes a rejection without a token for its own: AWS IoT gives none
// back from a request that it has not understood.
func (t *talk) refused(p []byte) {
	if int64(len(p)) > maxSmallMessage {
		return
	}
	r, ok := t.f.codec.rejection(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	if ok && (r.token == t.token || r.token == "") {
		t.rejected = rejects(r.code)
		tell(t.news)
	}
}

// event is what ended a wait.
type event int

const (
	isNews event = iota
	isUp
	isLate
)

// wait is for the next event, for so long at most.
func (t *talk) wait(ctx context.Context, d time.Duration) (event, error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return isLate, ctx.Err()
	case <-t.news:
		return isNews, nil
	case <-t.up:
		return isUp, nil
	case <-timer.C:
		return isLate, nil
	}
}

// describe asks for the stream's description, over again where none comes, and
// returns the stream's version.
func (t *talk) describe(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, t.f.o.Timeouts.Header, errSilentStream)
	defer cancel()
	request := t.f.codec.describe(t.token)
	var asked error
	for {
		if err := t.f.o.Link.Publish(ctx, t.f.topic("describe"), request); ctx.Err() == nil {
			asked = err
		}
		if asked != nil && t.f.o.Denied(asked) {
			t.mute = true
			return 0, t.silence(ctx, asked)
		}
		for ev := isNews; ev == isNews; {
			var err error
			if ev, err = t.wait(ctx, t.f.retryAfter()); err != nil {
				t.mute = asked == nil && t.isSilent(ctx)
				return 0, t.silence(ctx, asked)
			}
			if version, done, err := t.answered(); done {
				return version, err
			}
		}
	}
}

// answered reports whether the description has come, or a rejection.
func (t *talk) answered() (version int64, done bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.rejected != nil:
		return 0, true, t.rejected
	case t.said == nil:
		return 0, false, nil
	}
	size, found := t.said.sizes[int64(t.f.o.FileID)]
	switch {
	case !found:
		return 0, true, &answer{kind: ErrNotFound, why: "the stream has no such file", advice: "create the job again, with the file's number in the stream", final: true}
	case size != t.f.o.Size:
		return 0, true, &answer{kind: ErrMismatch, why: fmt.Sprintf("the stream's file has %d bytes, and %d were promised", size, t.f.o.Size), advice: "create stream and job again, for the same version of the object", final: true}
	}
	return t.said.version, true, nil
}

// errSilentStream is the cause of a timeout of our own.
var errSilentStream = errors.New("no answer came")

// isSilent reports whether nothing at all has come in the time that there was.
func (t *talk) isSilent(ctx context.Context) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return context.Cause(ctx) == errSilentStream && t.fault == nil
}

// silence is why nothing has come: the caller's context, a connection that is
// not there, or messages that are of no use.
func (t *talk) silence(ctx context.Context, published error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case ctx.Err() != nil && context.Cause(ctx) != errSilentStream:
		return ctx.Err()
	case published != nil:
		if inner := errors.Unwrap(published); inner != nil {
			published = inner // without the topic, which is long
		}
		return unreachable(clip(published.Error()))
	case t.fault != nil:
		return &answer{kind: ErrTransport, why: "AWS IoT does not answer as it must: " + t.fault.Error(), advice: adviceStream}
	}
	return &answer{kind: ErrTransport, why: "AWS IoT does not answer", advice: adviceStream}
}
