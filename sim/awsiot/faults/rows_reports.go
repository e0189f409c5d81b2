package faults

import (
	"context"
	"time"

	"abota/sim/awsiot/broker"
)

// Topics on which AWS IoT says that it took a change.
const (
	startReply  = "$aws/things/+/jobs/start-next/+"
	updateReply = "$aws/things/+/jobs/+/update/+"
)

// reports are answers of AWS IoT that are lost.
func reports() []row {
	const acks = "$aws/things/+/jobs/+/update"
	return []row{
		{name: "answer to the start lost", acts: []act{losesOne(startReply)}},
		{name: "answer to a progress report lost", acts: []act{losesOne(updateReply)}},
		{name: "answer to the outcome lost", quick: true, acts: []act{committed, losesOne(updateReply), running}},
		{name: "every answer to the outcome lost", acts: []act{committed, loses(updateReply), running, is("SUCCEEDED"), now(false), logSays("AWS IoT says that the job is over"), well}},
		{name: "outcome that cannot be told: no network", acts: []act{committed, func(_ context.Context, s *scene) error {
			s.relay.refuse()
			return nil
		}, running, now(true), logSays("no connection to the broker"), func(_ context.Context, s *scene) error {
			return s.relay.listen()
		}}},
		{name: "PUBACK of the start lost", acts: []act{losesAcks("$aws/things/+/jobs/start-next")}},
		{name: "PUBACK of a report lost", acts: []act{losesAcks(acks)}},
		{name: "throttled, 3 requests", acts: []act{func(_ context.Context, s *scene) error {
			s.cloud.Broker().Throttle(3)
			s.strike(false)
			return nil
		}}},
		{name: "answers 3 s late", begin: sends(func() broker.Fault { return broker.On("$aws/things/+/jobs/#", broker.Wait(3*time.Second)) })},
		{name: "every announcement lost", acts: []act{loses("$aws/things/+/jobs/notify-next"), running}},
		{name: "every answer about jobs twice", begin: sends(func() broker.Fault { return broker.On("$aws/things/+/jobs/#", broker.Twice) })},
	}
}

// losesAcks keeps every acknowledgement of requests to a topic back.
func losesAcks(topic string) act {
	return func(_ context.Context, s *scene) error {
		s.cloud.Broker().LoseAcks(topic)
		s.strike(false)
		return nil
	}
}
