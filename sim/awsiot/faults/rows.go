package faults

import (
	"context"
	"slices"
	"time"

	"abota/sim/awsiot/broker"
)

// rows are all of them, in the order of the table.
func rows() []row {
	return slices.Concat(lines(), blocks())
}

// sends lets what the broker sends meet a fault.
func sends(f func() broker.Fault) func(context.Context, *scene) error {
	return func(_ context.Context, s *scene) error {
		s.fault(f())
		return nil
	}
}

// atPart has something done to the network once so many hundredths of the file
// were sent.
func atPart(percent int64, do func(s *scene)) func(context.Context, *scene) error {
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
	return []row{
		{name: "no fault", quick: true},
		{name: "no fault, blocks in JSON", quick: true, iot: map[string]string{"format": "json"}},
		{name: "reset in the download", quick: true, begin: atPart(40, func(s *scene) { s.relay.reset() })},
		{name: "the broker gone and back in the download", begin: atPart(40, func(s *scene) {
			s.cloud.Broker().Stop()
			time.AfterFunc(2*time.Second, func() { _ = s.cloud.Broker().Listen() })
		})},
		{name: "silent in the download, for 5 s", begin: atPart(40, func(s *scene) {
			s.relay.freeze()
			time.AfterFunc(5*time.Second, s.relay.thaw)
		})},
	}
}

// data are the topics of a stream's blocks.
const data = "$aws/things/+/streams/+/data/+"

// blocks are faults of what a stream sends.
func blocks() []row {
	on := func(f broker.Fault) func(context.Context, *scene) error {
		return sends(func() broker.Fault { return broker.On(data, f) })
	}
	return []row{
		{name: "every block twice", quick: true, begin: on(broker.Twice), most: 100},
		{name: "every third block missing", begin: on(broker.Sometimes(3, 1, broker.Lose)), most: 60},
		{name: "blocks backwards", begin: on(broker.Backwards)},
		{name: "blocks in any order", begin: on(broker.Shuffle(1))},
		{name: "blocks damaged", quick: true, begin: on(broker.First(1, broker.Corrupt)), status: "FAILED", says: "signature"},
	}
}
