package broker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"abota/sim/awsiot/service"
)

// answer answers one request of a client.
func (b *Broker) answer(cl *mqtt.Client, c *conn, r request, payload []byte) {
	asked := Message{Topic: r.topic, Payload: payload}
	switch r.family {
	case jobsFamily:
		b.reply(cl, c, b.afflict(asked, []Message{b.jobs(r, payload)}))
	case streamFamily:
		replies := b.streams.answer(c, r, payload)
		b.reply(cl, c, subscribed(cl, b.afflict(asked, replies)))
	case shadowFamily:
		for _, m := range b.afflict(asked, b.shadow(r, payload)) {
			c.pause(m.After)
			if err := b.Publish(m.Topic, m.Payload, 1, false); err != nil {
				b.logf("cannot answer %q: %v", cl.ID, err)
			}
		}
	}
}

// reply sends messages to one client and nobody else.
func (b *Broker) reply(cl *mqtt.Client, c *conn, replies []Message) {
	for _, m := range replies {
		c.pause(m.After)
		err := cl.WritePacket(packets.Packet{
			FixedHeader: packets.FixedHeader{Type: packets.Publish},
			TopicName:   m.Topic,
			Payload:     m.Payload,
		})
		if err != nil {
			b.logf("cannot answer %q on %s: %v", cl.ID, m.Topic, err)
			return
		}
	}
}

// subscribed leaves out what the client did not subscribe to. Unlike those of
// Jobs, responses of streams are for subscribers ("Reserved topics": Subscribe,
// not Receive). Not established: their quality of service; here it is 0.
func subscribed(cl *mqtt.Client, replies []Message) []Message {
	filters := cl.State.Subscriptions.GetAll()
	return slices.DeleteFunc(slices.Clone(replies), func(m Message) bool {
		for filter := range filters {
			if matches(filter, m.Topic) {
				return false
			}
		}
		return true
	})
}

// encode writes JSON as the service does: & and < as themselves, which matters
// to whoever compares links.
func encode(value any) []byte {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(fmt.Sprintf("a reply cannot be written as JSON: %v", err)) // of our own making
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// decode reads a request; nothing at all is an empty one.
func decode(payload []byte, into any) *service.Error {
	if len(payload) == 0 {
		return nil
	}
	if !json.Valid(payload) {
		return refusal("InvalidJson", "The payload could not be interpreted as valid JSON.")
	}
	// Not established: which code a value of a wrong type gets.
	if err := json.Unmarshal(payload, into); err != nil {
		return refusal("InvalidRequest", "The request is not valid: %v", err)
	}
	return nil
}

// refusal is one that the broker makes and not the model. The texts are the
// emulator's own.
func refusal(code, format string, args ...any) *service.Error {
	return &service.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}
