package jobs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// How often a request is made whose answer is lost or says "later", and how
// long each time waits; the pause doubles up to the last.
const (
	maxAsks     = 4
	firstAnswer = 10 * time.Second
	firstPause  = 2 * time.Second
)

// maxAnswer bounds an answer in bytes: AWS IoT sends at most 128 KiB.
const maxAnswer = 256 << 10

// Client asks the AWS IoT Jobs service over the link. It is safe for several
// goroutines.
type Client struct {
	link   Link
	prefix string

	mu      sync.Mutex
	waiting map[string]chan message
	stops   []func()
}

// message is an answer to a request.
type message struct {
	topic string
	answer
}

// NewClient makes the client of a thing, and subscribes to what answers it.
// Notified is called when the service says that the thing's pending jobs have
// changed; it must not block. Close gives up the subscriptions.
func NewClient(link Link, thing string, notified func()) *Client {
	c := &Client{link: link, prefix: "$aws/things/" + thing + "/jobs/", waiting: map[string]chan message{}}
	for _, filter := range []string{"get/+", "start-next/+", "+/get/+", "+/update/+"} {
		c.stops = append(c.stops, link.Subscribe(c.prefix+filter, c.deliver))
	}
	for _, filter := range []string{"notify", "notify-next"} {
		c.stops = append(c.stops, link.Subscribe(c.prefix+filter, func(string, []byte) { notified() }))
	}
	return c
}

// Close ends the subscriptions.
func (c *Client) Close() {
	for _, stop := range c.stops {
		stop()
	}
}

// deliver hands an answer to whoever waits for it. Answers to other programs'
// requests, late ones and repeated ones go nowhere.
func (c *Client) deliver(topic string, payload []byte) {
	m := message{topic: topic}
	if len(payload) > maxAnswer || json.Unmarshal(payload, &m.answer) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if to, ok := c.waiting[m.Token]; ok {
		select {
		case to <- m:
		default:
		}
	}
}

// Pending lists what is to be done, by the order in which the service gives it
// out: what is IN_PROGRESS, then what is QUEUED.
func (c *Client) Pending(ctx context.Context) ([]Summary, error) {
	got, _, err := c.ask(ctx, "get", request{})
	if err != nil {
		return nil, err
	}
	var all []Summary
	for _, w := range append(got.Running, got.Waiting...) {
		if jobIDs.MatchString(w.JobID) {
			all = append(all, w.summary())
		}
	}
	return all, nil
}

// Next is the pseudo job that stands for the next one.
const Next = "$next"

// Describe is an execution of a job with its document; execution 0 is the
// latest. Of Next it is nil when nothing is pending.
func (c *Client) Describe(ctx context.Context, job string, execution int64) (*Execution, error) {
	got, _, err := c.ask(ctx, job+"/get", request{Execution: execution, Document: true})
	if err != nil {
		return nil, err
	}
	e, err := got.execution()
	switch {
	case err != nil || e == nil && job == Next:
		return nil, err
	case e == nil || job != Next && e.Job != job:
		return nil, fmt.Errorf("AWS IoT was asked for job %s, but did not describe it", job)
	}
	return e, nil
}

// StartNext starts the next job, or returns the one that is IN_PROGRESS; nil
// when nothing is pending. Asking twice does no harm.
func (c *Client) StartNext(ctx context.Context, details map[string]string, step time.Duration) (*Execution, error) {
	got, _, err := c.ask(ctx, "start-next", request{Details: clip(details), Step: minutes(step)})
	if err != nil {
		return nil, err
	}
	return got.execution()
}

// Change is an update of an execution.
type Change struct {
	Status Status
	// Details replace what was there; nil leaves it.
	Details map[string]string
	// Expected is the version that the execution has, 0 for whichever.
	Expected int64
	// Execution is its number, 0 for the latest.
	Execution int64
	// Step is the new step timer; 0 leaves it.
	Step time.Duration
}

// Update changes an execution and gives the version that it has now. Where an
// answer was lost and the change had been made, that counts as made.
func (c *Client) Update(ctx context.Context, job string, ch Change) (int64, error) {
	got, asked, err := c.ask(ctx, job+"/update", request{
		Status: ch.Status, Details: clip(ch.Details), Expected: ch.Expected, Execution: ch.Execution, Step: minutes(ch.Step), State: true,
	})
	var r *RejectedError
	switch {
	case errors.As(err, &r) && asked > 1 && r.Status == ch.Status && (r.Version == ch.Expected+1 || r.Status.Over()):
		return r.Version, nil
	case err != nil:
		return 0, err
	case got.State != nil && got.State.Version > 0:
		return int64(got.State.Version), nil
	}
	return ch.Expected + 1, nil
}

// ask makes a request until it is answered, at most maxAsks times, and says how
// often it did.
func (c *Client) ask(ctx context.Context, what string, r request) (*answer, int, error) {
	token, answers := c.expect()
	defer c.forget(token)
	r.Token = token
	body, err := json.Marshal(r)
	if err != nil {
		return nil, 0, err
	}
	wait, pause := firstAnswer, firstPause
	for asked := 1; ; asked++ {
		var got *answer
		got, err = c.once(ctx, what, body, answers, wait)
		var no *RejectedError
		switch {
		case err == nil || ctx.Err() != nil:
			return got, asked, err
		case errors.As(err, &no) && !no.heals(), asked == maxAsks:
			return nil, asked, err
		case no != nil:
			if err := sleep(ctx, pause); err != nil {
				return nil, asked, err
			}
			pause *= 2
		case !errors.Is(err, ErrNoReply):
			return nil, asked, err
		}
		wait *= 2
	}
}

// once makes a request and waits for its answer. An answer counts whether the
// broker has acknowledged the request or not: it is proof enough.
func (c *Client) once(ctx context.Context, what string, body []byte, answers <-chan message, wait time.Duration) (*answer, error) {
	within, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	published := c.publish(ctx, what, body, wait)
	for {
		select {
		case <-within.Done():
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("%w (%s)", ErrNoReply, what)
		case err := <-published:
			if err != nil && (within.Err() == nil || ctx.Err() != nil) {
				return nil, fmt.Errorf("cannot ask AWS IoT (%s): %w", what, err)
			}
		case m := <-answers:
			switch rest, _ := strings.CutPrefix(m.topic, c.prefix+what); rest {
			case "/accepted":
				return &m.answer, nil
			case "/rejected":
				return nil, m.rejected(what)
			}
		}
	}
}

// publish sends a request, and says what became of it. It is not cut off by an
// answer, since its acknowledgement may be under way.
func (c *Client) publish(ctx context.Context, what string, body []byte, wait time.Duration) <-chan error {
	published := make(chan error, 1)
	go func() {
		within, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		published <- c.link.Publish(within, c.prefix+what, body)
	}()
	return published
}

func (a *answer) rejected(what string) *RejectedError {
	r := &RejectedError{Request: what, Code: Code(cut(oneLine(a.Code), 64)), Message: a.Message}
	if a.State != nil {
		r.Status, r.Version = a.State.Status, int64(a.State.Version)
	}
	return r
}

// expect makes the token of a request, and where its answers come.
func (c *Client) expect() (string, <-chan message) {
	var random [12]byte
	_, _ = rand.Read(random[:]) // never fails
	token := hex.EncodeToString(random[:])
	answers := make(chan message, 4)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting[token] = answers
	return token, answers
}

func (c *Client) forget(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, token)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
