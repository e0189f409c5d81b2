package faults

import (
	"context"
	"fmt"
	"slices"
	"time"

	"abota/sim/awsiot/broker"
)

// rows are all of them, in the order of the table.
func rows() []row {
	return slices.Concat(lines(), blocks(), links(), documents(), releases(), ends(), cuts(), reports(), clients(), trusts(), queues())
}

// sends lets what the broker sends meet a fault.
func sends(f func() broker.Fault) act {
	return func(_ context.Context, s *scene) error {
		s.fault(f())
		return nil
	}
}

// atPart has something done to the network once so many hundredths of the file
// were sent.
func atPart(percent int64, do func(s *scene)) act {
	return func(_ context.Context, s *scene) error {
		s.atPart(percent, func() {
			s.strike(true)
			do(s)
		})
		return nil
	}
}

// lines are faults of the way between device and broker.
func lines() []row {
	silentFor := func(d time.Duration) act {
		return atPart(40, func(s *scene) {
			s.relay.freeze()
			time.AfterFunc(d, s.relay.thaw)
		})
	}
	return []row{
		{name: "no fault", quick: true},
		{name: "no fault, blocks in JSON", quick: true, iot: map[string]string{"format": "json"}},
		{name: "reset in the download", quick: true, begin: atPart(40, func(s *scene) { s.relay.reset() })},
		{name: "reset in the download, blocks in JSON", iot: map[string]string{"format": "json"}, begin: atPart(40, func(s *scene) { s.relay.reset() })},
		{name: "reset every tenth of the download", most: 150, begin: func(_ context.Context, s *scene) error {
			for part := int64(10); part < 100; part += 10 {
				s.atPart(part, func() {
					s.strike(true)
					s.relay.reset()
				})
			}
			return nil
		}},
		{name: "broker gone in the download, back after 2 s", begin: atPart(40, func(s *scene) {
			s.cloud.Broker().Stop()
			time.AfterFunc(2*time.Second, func() { _ = s.cloud.Broker().Listen() })
		})},
		{name: "broker gone in the download, back after 20 s", most: 60, begin: atPart(40, func(s *scene) {
			s.relay.refuse()
			time.AfterFunc(20*time.Second, func() { _ = s.relay.listen() })
		})},
		{name: "silently gone in the download, for 5 s", most: 60, begin: silentFor(5 * time.Second)},
		{name: "silently gone in the download, for 90 s", most: 60, begin: silentFor(90 * time.Second)},
		{name: "kicked by an operator in the download", begin: atPart(40, func(s *scene) {
			go s.cloud.Broker().Kick(s.client())
		})},
	}
}

// client is the agent's client ID.
func (s *scene) client() string { return s.name + "-abota" }

// data are the topics of a stream's blocks.
const data = "$aws/things/+/streams/+/data/+"

// blocks are faults of what a stream sends.
func blocks() []row {
	on := func(f broker.Fault) act {
		return sends(func() broker.Fault { return broker.On(data, f) })
	}
	return []row{
		{name: "every block twice", quick: true, begin: on(broker.Twice), most: 100},
		{name: "every third block missing", begin: on(broker.Sometimes(3, 1, broker.Lose)), most: 60},
		{name: "blocks backwards", begin: on(broker.Backwards)},
		{name: "blocks in any order", begin: on(broker.Shuffle(1))},
		{name: "twice, missing and in any order", begin: on(broker.All(broker.Twice, broker.Sometimes(3, 2, broker.Lose), broker.Shuffle(3))), most: 150},
		{name: "blocks that cannot be read", begin: on(broker.First(3, halved)), most: 60},
		{
			name: "a block of other bytes", quick: true, begin: on(broker.First(1, broker.Corrupt)),
			status: "FAILED", says: "the signature does not fit",
		},
		{name: "first 20 answers of the stream lost", begin: sends(func() broker.Fault {
			return broker.On("$aws/things/+/streams/#", broker.First(20, broker.Lose))
		}), most: 60},
		{
			name: "stream deleted in the download", status: "FAILED",
			begin: atPart(40, func(s *scene) {
				stream, err := s.stream()
				if err == nil {
					err = s.cloud.Service().DeleteStream(stream)
				}
				if err != nil {
					s.note("%v", err)
				}
			}),
		},
		{name: "object replaced in the download", begin: atPart(40, func(s *scene) {
			if err := s.replace(); err != nil {
				s.note("%v", err)
			}
		})},
	}
}

// halved leaves half of each message out.
func halved(_ broker.Message, replies []broker.Message) (out []broker.Message) {
	for _, m := range replies {
		m.Payload = m.Payload[:len(m.Payload)/2]
		out = append(out, m)
	}
	return out
}

// note is a line for below the row.
func (s *scene) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}
