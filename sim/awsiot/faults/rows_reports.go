package faults

import (
	"context"
	"syscall"
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
		{name: "answer to a report on the way lost", acts: []act{losesOne(updateReply)}},
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
		{name: "announcement lost, agent woken by SIGUSR1", job: none, acts: []act{
			running, logSays("waiting for a job"), sends(unannounced), made, is("QUEUED"), woken,
		}},
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

// unannounced keeps every announcement back.
func unannounced() broker.Fault {
	return func(request broker.Message, replies []broker.Message) []broker.Message {
		if request.Topic == "" {
			return nil
		}
		return replies
	}
}

// none is a job that is made later.
func none(context.Context, *scene) error { return nil }

// woken tells the agent to look now.
func woken(_ context.Context, s *scene) error {
	s.strike(false)
	return s.device.agent.cmd.Process.Signal(syscall.SIGUSR1)
}
