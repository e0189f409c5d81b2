package source

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// fakeIoT is a link with AWS IoT behind it, which has one stream. Its messages
// are made and read by other libraries than the source's, and every one of them
// goes through faults before it is delivered.
type fakeIoT struct {
	t       testing.TB
	format  string
	content []byte
	version int64
	files   map[int64]int64
	// mutate turns one message into those that are delivered; nil leaves it.
	mutate func(kind string, m map[string]any) []any
	// reject answers a request by a code; nil and "" grant it.
	reject func(kind string, request map[string]any) string
	// cut loses the connection once a block of this number was sent; -1 never.
	cut int64

	mu       sync.Mutex
	offline  bool
	subs     map[int]subscriber
	watchers map[int]func()
	ids      int
	requests []map[string]any // of the kind get
	describe int              // requests of that kind
	sent     int              // blocks
	consumed int64            // bytes that the test has read
	queue    chan delivery
}

type subscriber struct {
	filter  string
	deliver func(string, []byte)
}

type delivery struct {
	topic   string
	payload []byte
}

const (
	testThing  = "pump-7"
	testStream = "AFR_OTA-6e01bdb2-5057-4606-8966-b1bf8028416f"
)

func newFakeIoT(t testing.TB, format string, content []byte) *fakeIoT {
	f := &fakeIoT{
		t: t, format: format, content: content, version: 1, files: map[int64]int64{0: int64(len(content)), 9: 4}, cut: -1,
		subs: map[int]subscriber{}, watchers: map[int]func(){}, queue: make(chan delivery, 1<<16),
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for d := range f.queue {
			for _, deliver := range f.subscribers(d.topic) {
				deliver(d.topic, d.payload)
			}
		}
	}()
	t.Cleanup(func() { close(f.queue); <-over })
	return f
}

func (f *fakeIoT) subscribers(topic string) (list []func(string, []byte)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.subs {
		if s.filter == topic {
			list = append(list, s.deliver)
		}
	}
	return list
}

func (f *fakeIoT) Subscribe(filter string, deliver func(string, []byte)) func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ids++
	id := f.ids
	f.subs[id] = subscriber{filter, deliver}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subs, id)
	}
}

func (f *fakeIoT) Watch(up func()) func() {
	f.mu.Lock()
	f.ids++
	id := f.ids
	f.watchers[id] = up
	online := !f.offline
	f.mu.Unlock()
	if online {
		up()
	}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watchers, id)
	}
}

// connect ends or begins an outage.
func (f *fakeIoT) connect(online bool) {
	f.mu.Lock()
	f.offline = !online
	var ups []func()
	for _, up := range f.watchers {
		ups = append(ups, up)
	}
	f.mu.Unlock()
	for _, up := range ups {
		if online {
			up()
		}
	}
}

var errFakeOffline = errors.New("not connected")

func (f *fakeIoT) Publish(ctx context.Context, topic string, payload []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	kind, found := strings.CutPrefix(topic, fmt.Sprintf("$aws/things/%s/streams/%s/", testThing, testStream))
	kind, suffixed := strings.CutSuffix(kind, "/"+f.format)
	if !found || !suffixed {
		f.t.Errorf("published to %s", topic)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.offline {
		return fmt.Errorf("cannot publish to %s because %w", topic, errFakeOffline)
	}
	request := f.decode(payload)
	if kind == "get" {
		f.requests = append(f.requests, request)
	} else {
		f.describe++
	}
	if f.reject != nil {
		if code := f.reject(kind, request); code != "" {
			f.send("rejected", map[string]any{"c": request["c"], "o": code, "code": code, "m": "said by\nthe service", "message": "said"})
			return nil
		}
	}
	switch kind {
	case "describe":
		list := []any{}
		for id, size := range f.files {
			list = append(list, map[string]any{"f": id, "z": size})
		}
		f.send("description", map[string]any{"c": request["c"], "s": f.version, "d": "a stream", "r": list})
	case "get":
		f.blocks(request)
	default:
		f.t.Errorf("published to %s", topic)
	}
	return nil
}

// blocks answers a request, and checks that it is within the limits.
func (f *fakeIoT) blocks(request map[string]any) {
	l, o, n := toInt(request["l"]), toInt(request["o"]), toInt(request["n"])
	switch {
	case toInt(request["f"]) != 0 || len(request["c"].(string)) > 64 || request["b"] != nil:
		f.t.Errorf("request %v", request)
	case l < 256 || l > 128<<10 || n < 1 || n*l > 128<<10 || o > 98304:
		f.t.Errorf("request %v is out of bounds", request)
	case o*l > f.consumed+256<<10:
		f.t.Errorf("request %v while only %d bytes were read: more than two requests are under way", request, f.consumed)
	}
	if s, said := request["s"]; said && toInt(s) != f.version {
		f.send("rejected", map[string]any{"c": request["c"], "o": "VersionMismatch"})
		return
	}
	for i := o; i < o+n && i*l < int64(len(f.content)); i++ {
		p := f.content[i*l : min((i+1)*l, int64(len(f.content)))]
		f.sent++
		f.send("data", map[string]any{"c": request["c"], "f": 0, "l": len(p), "i": i, "p": p})
		if i == f.cut {
			f.offline, f.cut = true, -1
			return
		}
	}
}

func (f *fakeIoT) send(kind string, m map[string]any) {
	list := []any{m}
	if f.mutate != nil {
		list = f.mutate(kind, m)
	}
	for _, m := range list {
		raw, isRaw := m.([]byte)
		if !isRaw {
			raw = f.encode(m)
		}
		f.queue <- delivery{fmt.Sprintf("$aws/things/%s/streams/%s/%s/%s", testThing, testStream, kind, f.format), raw}
	}
}

func (f *fakeIoT) encode(m any) []byte {
	encode := json.Marshal
	if f.format == FormatCBOR {
		encode = cbor.Marshal
	}
	raw, err := encode(m)
	if err != nil {
		panic(err)
	}
	return raw
}

func (f *fakeIoT) decode(payload []byte) (m map[string]any) {
	decode := json.Unmarshal
	if f.format == FormatCBOR {
		decode = cbor.Unmarshal
	}
	if err := decode(payload, &m); err != nil {
		f.t.Errorf("a request is no %s: %q: %v", f.format, payload, err)
	}
	return m
}

func toInt(v any) int64 {
	switch n := v.(type) {
	case float64:
		return int64(n)
	case uint64:
		return int64(n)
	}
	return -1
}

func (f *fakeIoT) options() StreamOptions {
	return StreamOptions{Link: f, Thing: testThing, Stream: testStream, Size: int64(len(f.content)), Format: f.format, Network: Network{Getenv: noEnv}}
}

func (f *fakeIoT) source(change func(*StreamOptions)) *Stream {
	o := f.options()
	if change != nil {
		change(&o)
	}
	s, err := NewStream(o)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// Read counts what a test reads through it.
type counted struct {
	f *fakeIoT
	o *Object
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.o.Read(p)
	c.f.mu.Lock()
	c.f.consumed += int64(n)
	c.f.mu.Unlock()
	return n, err
}

// garble makes what is no message, or none for this reader, or none that fits;
// nothing of it may be believed.
func garble(r *rand.Rand, m map[string]any) any {
	bad := map[string]any{}
	for k, v := range m {
		bad[k] = v
	}
	p, _ := m["p"].([]byte)
	i, _ := m["i"].(int64)
	switch r.IntN(10) {
	case 0:
		bad["c"] = "another"
	case 1:
		delete(bad, "c")
	case 2:
		bad["f"] = 9
	case 3:
		bad["p"] = p[:len(p)/2]
	case 4:
		bad["p"] = append(p[:len(p):len(p)], 0)
	case 5:
		bad["l"] = len(p) + 1
	case 6:
		bad["i"] = i + 1<<40
	case 7:
		bad["i"] = -1 - i
	case 8:
		bad["p"] = base64.StdEncoding.EncodeToString(p) + "!" // a text in CBOR, no base64 in JSON
	default:
		raw := make([]byte, r.IntN(40))
		for i := range raw {
			raw[i] = byte(r.Uint32())
		}
		return raw
	}
	return bad
}
