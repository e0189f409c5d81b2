package broker

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Message is one message to a client.
type Message struct {
	Topic   string
	Payload []byte
	// After is how long it waits before it is sent; those behind it wait too.
	After time.Duration
}

// Fault changes what is sent: given the request (without a topic for an
// announcement) and what answers it, it returns what goes out instead. It may
// be called at any time, and must not change payloads in place.
type Fault func(request Message, replies []Message) []Message

// faults are what clients meet now.
type faults struct {
	change Fault    // nil is none
	acks   []string // filters of topics whose publishes are not acknowledged
}

// Set makes fault the one that replies and announcements meet from now on; nil
// is none.
func (b *Broker) Set(fault Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults.change = fault
}

// LoseAcks keeps back the PUBACK of every publish to a topic that one of the
// filters covers. The publish itself is taken. Without filters all are
// acknowledged again.
func (b *Broker) LoseAcks(filters ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults.acks = filters
}

// Throttle answers the next n requests to Jobs and shadows with
// RequestThrottled, all with -1, and none with 0.
func (b *Broker) Throttle(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.throttle = n
}

// Heal takes every fault away and listens again.
func (b *Broker) Heal() error {
	b.Set(nil)
	b.LoseAcks()
	b.Throttle(0)
	return b.Listen()
}

func (b *Broker) throttled() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.throttle > 0 {
		b.throttle--
		return true
	}
	return b.throttle < 0
}

func (b *Broker) losesAck(topic string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.faults.acks, func(filter string) bool { return matches(filter, topic) })
}

func (b *Broker) afflict(request Message, replies []Message) []Message {
	b.mu.Lock()
	change := b.faults.change
	b.mu.Unlock()
	if change == nil {
		return replies
	}
	return change(request, replies)
}

// Lose sends nothing.
func Lose(Message, []Message) []Message { return nil }

// Twice sends every message two times, one right after the other.
func Twice(_ Message, replies []Message) (out []Message) {
	for _, m := range replies {
		out = append(out, m, m)
	}
	return out
}

// Backwards sends the last message first.
func Backwards(_ Message, replies []Message) []Message {
	out := slices.Clone(replies)
	slices.Reverse(out)
	return out
}

// Shuffle sends messages in an order that the seed decides.
func Shuffle(seed uint64) Fault {
	random := locked(seed)
	return func(_ Message, replies []Message) []Message {
		out := slices.Clone(replies)
		random(func(r *rand.Rand) { r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] }) })
		return out
	}
}

// Damage turns one bit of every payload, where the seed decides.
func Damage(seed uint64) Fault {
	random := locked(seed)
	return each(func(m Message) []Message {
		m.Payload = slices.Clone(m.Payload)
		if n := len(m.Payload); n > 0 {
			random(func(r *rand.Rand) { m.Payload[r.IntN(n)] ^= 1 << r.IntN(8) })
		}
		return []Message{m}
	})
}

// Corrupt turns one bit of every block of a stream, so that its message can be
// read all the same and only the file's signature tells.
func Corrupt(_ Message, replies []Message) (out []Message) {
	for _, m := range replies {
		m.Payload = slices.Clone(m.Payload)
		key := []byte(`"p":"`)
		if at := bytes.Index(m.Payload, key); at >= 0 && strings.HasSuffix(m.Topic, "/json") {
			turnBase64(m.Payload[at+len(key):])
		} else if n := len(m.Payload); n > 0 && strings.HasSuffix(m.Topic, "/data/cbor") {
			m.Payload[n-1] ^= 1 // the data stands last
		}
		out = append(out, m)
	}
	return out
}

// turnBase64 turns the highest bit of what a text stands for.
func turnBase64(text []byte) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	if i := strings.IndexByte(alphabet, text[0]); i >= 0 {
		text[0] = alphabet[i^32]
	}
}

// Wait sends what answers a request later.
func Wait(d time.Duration) Fault {
	return func(_ Message, replies []Message) []Message {
		out := slices.Clone(replies)
		if len(out) > 0 {
			out[0].After += d
		}
		return out
	}
}

// Sometimes has one message in n meet the fault alone, where the seed decides.
func Sometimes(n int, seed uint64, fault Fault) Fault {
	random := locked(seed)
	return func(request Message, replies []Message) (out []Message) {
		for _, m := range replies {
			part := []Message{m}
			random(func(r *rand.Rand) {
				if r.IntN(n) == 0 {
					part = fault(request, part)
				}
			})
			out = append(out, part...)
		}
		return out
	}
}

// First has the first n messages meet the fault, each alone, and none after
// them.
func First(n int, fault Fault) Fault {
	var mu sync.Mutex
	return func(request Message, replies []Message) (out []Message) {
		for _, m := range replies {
			mu.Lock()
			hit := n > 0
			n--
			mu.Unlock()
			if hit {
				out = append(out, fault(request, []Message{m})...)
			} else {
				out = append(out, m)
			}
		}
		return out
	}
}

// On has only messages to topics that the filter covers meet the fault, all of
// one request together.
func On(filter string, fault Fault) Fault {
	return func(request Message, replies []Message) []Message {
		var hit, spared []Message
		for _, m := range replies {
			if matches(filter, m.Topic) {
				hit = append(hit, m)
			} else {
				spared = append(spared, m)
			}
		}
		if len(hit) == 0 {
			return replies
		}
		return append(spared, fault(request, hit)...)
	}
}

// All has messages meet one fault after the other.
func All(list ...Fault) Fault {
	return func(request Message, replies []Message) []Message {
		for _, fault := range list {
			replies = fault(request, replies)
		}
		return replies
	}
}

func each(change func(Message) []Message) Fault {
	return func(_ Message, replies []Message) (out []Message) {
		for _, m := range replies {
			out = append(out, change(m)...)
		}
		return out
	}
}

// locked is a source of chance that many clients share.
func locked(seed uint64) func(func(*rand.Rand)) {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 0))
	return func(use func(*rand.Rand)) {
		mu.Lock()
		defer mu.Unlock()
		use(r)
	}
}
