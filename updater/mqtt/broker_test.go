package mqtt

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// broker is another project's, reached through pipes, so that a test may run on
// a virtual clock. What it allows is up to the test.
type broker struct {
	t      *testing.T
	server *mochi.Server
	rules  *rules

	mu    sync.Mutex
	down  bool
	dials []time.Time
	conns map[*pipe]*pipe // ours to the broker's
	// newest is the last of them.
	newest *pipe
}

// rules decide what the broker does; each is optional.
type rules struct {
	mochi.HookBase
	mu           sync.Mutex
	connect      func(client string) bool
	access       func(topic string, write bool) bool
	publish      func(pk packets.Packet) error
	disconnected []error
}

func (r *rules) ID() string { return "rules" }

func (r *rules) Provides(b byte) bool {
	return bytes.Contains([]byte{mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnPublish, mochi.OnDisconnect}, []byte{b})
}

func (r *rules) OnConnectAuthenticate(cl *mochi.Client, _ packets.Packet) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.connect == nil || r.connect(cl.ID)
}

func (r *rules) OnACLCheck(_ *mochi.Client, topic string, write bool) bool {
	return r.access == nil || r.access(topic, write)
}

func (r *rules) OnPublish(_ *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if r.publish == nil {
		return pk, nil
	}
	return pk, r.publish(pk)
}

func (r *rules) OnDisconnect(_ *mochi.Client, err error, _ bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.disconnected = append(r.disconnected, err)
}

func newBroker(t *testing.T) *broker {
	options := &mochi.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)}
	b := &broker{t: t, server: mochi.New(options), rules: &rules{}, conns: map[*pipe]*pipe{}}
	if err := b.server.AddHook(b.rules, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.fail(true) })
	return b
}

// pipe is one end of a connection. What is written waits in a buffer, as a
// kernel's does, and goes nowhere once the pipe is silent.
type pipe struct {
	net.Conn
	mu     sync.Mutex
	silent bool
	queue  []byte
	more   chan struct{}
	closed chan struct{}
	close  sync.Once
}

func newPipe() (ours, theirs *pipe) {
	a, b := net.Pipe()
	ends := [2]*pipe{}
	for i, c := range []net.Conn{a, b} {
		ends[i] = &pipe{Conn: c, more: make(chan struct{}, 1), closed: make(chan struct{})}
		go ends[i].pump()
	}
	return ends[0], ends[1]
}

func (p *pipe) pump() {
	for {
		p.mu.Lock()
		data := p.queue
		p.queue = nil
		p.mu.Unlock()
		if len(data) > 0 {
			if _, err := p.Conn.Write(data); err != nil {
				p.Conn.Close()
				return
			}
			continue
		}
		select {
		case <-p.more:
			continue
		case <-p.closed:
		}
		p.Conn.Close()
		return
	}
}

func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.closed:
		return 0, net.ErrClosed
	default:
	}
	if !p.silent {
		p.queue = append(p.queue, b...)
		select {
		case p.more <- struct{}{}:
		default:
		}
	}
	return len(b), nil
}

// Close sends what waits, if somebody takes it.
func (p *pipe) Close() error {
	p.close.Do(func() {
		p.Conn.SetDeadline(time.Now().Add(time.Millisecond))
		close(p.closed)
	})
	return nil
}

func (p *pipe) SetDeadline(t time.Time) error      { return p.Conn.SetReadDeadline(t) }
func (p *pipe) SetWriteDeadline(t time.Time) error { return nil }

// dial connects to the broker.
func (b *broker) dial(context.Context, string, []string) (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dials = append(b.dials, time.Now())
	if b.down {
		return nil, errors.New("connection refused")
	}
	p, theirs := newPipe()
	b.conns[p], b.newest = theirs, p
	go func() {
		_ = b.server.EstablishConnection("test", theirs)
		theirs.Close()
	}()
	return p, nil
}

// fail takes the broker down, or brings it back.
func (b *broker) fail(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
	for p := range b.conns {
		p.Close()
		delete(b.conns, p)
	}
}

// hush lets every connection be, and lets nothing through.
func (b *broker) hush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ours, theirs := range b.conns {
		for _, p := range []*pipe{ours, theirs} {
			p.mu.Lock()
			p.silent = true
			p.mu.Unlock()
		}
	}
}

func (b *broker) dialled() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.dials)
}

// link connects as a client until the test is over.
func (b *broker) link(change func(*Options)) *Link {
	b.t.Helper()
	o := Options{Address: "broker.example.com", ClientID: "pump-7-abota", Dial: b.dial}
	if change != nil {
		change(&o)
	}
	l, err := New(o)
	if err != nil {
		b.t.Fatal(err)
	}
	run(b.t, l)
	return l
}

// run runs a link until the test is over.
func run(t *testing.T, l *Link) {
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		l.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-over })
}

// connected waits until there is a connection.
func connected(t *testing.T, l *Link) {
	t.Helper()
	up := make(chan struct{}, 100)
	defer l.Watch(func() { up <- struct{}{} })()
	select {
	case <-up:
	case <-time.After(24 * time.Hour):
		t.Fatalf("no connection: %v", l.Err())
	}
}

// record is a log that a test reads.
type record struct {
	mu sync.Mutex
	bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Buffer.Write(p)
}

func (r *record) count(text string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Count(r.String(), text)
}

func (r *record) logger() *slog.Logger { return slog.New(slog.NewTextHandler(r, nil)) }

// inbox collects what a subscription delivers.
type inbox struct {
	mu   sync.Mutex
	list []string
}

func (i *inbox) deliver(topic string, payload []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.list = append(i.list, topic+"="+string(payload))
}

func (i *inbox) take() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	got := strings.Join(i.list, " ")
	i.list = nil
	return got
}
