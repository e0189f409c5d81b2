package faults

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"abota/sim/awsiot/broker"
)

// blockEvent is what happens once so much of a file was sent.
type blockEvent struct {
	at int64
	do func()
}

// fault has what the broker sends to this device meet a fault, nil for none, and
// counts it.
func (s *scene) fault(f broker.Fault) {
	if f != nil {
		f = broker.On("$aws/things/"+s.name+"/#", f)
	}
	s.cloud.Broker().Set(func(request broker.Message, replies []broker.Message) []broker.Message {
		at := time.Now()
		if f != nil {
			replies = f(request, replies)
		}
		s.sent(at, request.Topic != "", replies)
		return replies
	})
}

// sent counts what goes to the device.
func (s *scene) sent(at time.Time, asked bool, replies []broker.Message) {
	var due []func()
	s.mu.Lock()
	for _, m := range replies {
		if !strings.HasPrefix(m.Topic, "$aws/things/"+s.name+"/") {
			continue
		}
		s.delivered += blockLength(m)
		if asked && !s.struck.IsZero() && s.recovered == 0 && at.After(s.struck) && (!s.again || s.relay.connections() > s.links) {
			s.recovered = time.Since(s.struck)
		}
		for len(s.events) > 0 && s.delivered >= s.events[0].at {
			due = append(due, s.events[0].do)
			s.events = s.events[1:]
		}
	}
	s.mu.Unlock()
	for _, do := range due {
		do()
	}
}

// blockLength is how many bytes of a file a message carries.
func blockLength(m broker.Message) int64 {
	var b struct {
		Length int64 `cbor:"l" json:"l"`
	}
	switch {
	case strings.HasSuffix(m.Topic, "/data/cbor"):
		_ = cbor.Unmarshal(m.Payload, &b) // one that was damaged carries nothing
	case strings.HasSuffix(m.Topic, "/data/json"):
		_ = json.NewDecoder(bytes.NewReader(m.Payload)).Decode(&b)
	}
	return b.Length
}

// strike notes when the fault is; where it takes the connection, the device is
// over it only on another.
func (s *scene) strike(connection bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.struck, s.again, s.links, s.recovered = time.Now(), connection, s.relay.connections(), 0
}

// atPart has something done once so many hundredths of the file were sent.
func (s *scene) atPart(percent int64, do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, blockEvent{s.size * percent / 100, do})
}

// progress is how much of the file was sent.
func (s *scene) progress() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.delivered
}
