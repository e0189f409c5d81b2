package broker

import (
	"encoding/json"

	"abota/sim/awsiot/service"
)

// maxToken is the bound of a client token, in bytes. Not established for Jobs
// over MQTT; the model of its HTTP API has it.
const maxToken = 64

// jobs answers a request to Jobs.
func (b *Broker) jobs(r request, payload []byte) Message {
	out, err := b.askJobs(r, payload)
	if err != nil {
		rejected := b.opts.Model.Reject(err, token(payload))
		return Message{Topic: r.topic + "/rejected", Payload: encode(rejected)}
	}
	return Message{Topic: r.topic + "/accepted", Payload: encode(out)}
}

func (b *Broker) askJobs(r request, payload []byte) (any, error) {
	if r.op == "" {
		// Not established: where this one is sent to.
		return nil, refusal("InvalidTopic", "The topic %s stands for no operation of Jobs.", r.topic)
	}
	if b.throttled() {
		return nil, refusal("RequestThrottled", "The rate of requests is too high.")
	}
	model := b.opts.Model
	switch {
	case r.op == "get" && r.id == "":
		return ask(payload, func(in service.GetPendingInput) (any, error) {
			in.ThingName = r.thing
			return model.GetPendingJobExecutions(in)
		})
	case r.op == "start-next":
		return ask(payload, func(in service.StartNextInput) (any, error) {
			in.ThingName = r.thing
			return model.StartNextPendingJobExecution(in)
		})
	case r.op == "get":
		return ask(payload, func(in service.DescribeInput) (any, error) {
			in.ThingName, in.JobID = r.thing, r.id
			return model.DescribeDeviceJobExecution(in)
		})
	default:
		return ask(payload, func(in service.UpdateInput) (any, error) {
			in.ThingName, in.JobID = r.thing, r.id
			return model.UpdateJobExecution(in)
		})
	}
}

// ask reads a request and puts it.
func ask[In any](payload []byte, put func(In) (any, error)) (any, error) {
	var in In
	if err := decode(payload, &in); err != nil {
		return nil, err
	}
	if tooLong(payload) {
		return nil, refusal("InvalidRequest", "The client token is longer than %d bytes.", maxToken)
	}
	return put(in)
}

// token is the client token of a request, also of one that is wrong otherwise;
// empty if there is none to be echoed.
func token(payload []byte) string {
	t := rawToken(payload)
	if len(t) > maxToken {
		return ""
	}
	return t
}

func tooLong(payload []byte) bool { return len(rawToken(payload)) > maxToken }

func rawToken(payload []byte) (t string) {
	var keys map[string]json.RawMessage
	if json.Unmarshal(payload, &keys) == nil && json.Unmarshal(keys["clientToken"], &t) != nil {
		return ""
	}
	return t
}
