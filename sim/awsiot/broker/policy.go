package broker

import (
	"slices"
	"strings"

	"github.com/mochi-mqtt/server/v2/packets"
)

// rights are whose reserved topics a client may use.
type rights struct {
	all    bool            // it came without TLS
	things func() []string // asked only when it matters
}

func (c *conn) rights() rights {
	if c.port.tls == nil {
		return rights{all: true}
	}
	return rights{things: func() []string {
		things, _ := c.things()
		return things
	}}
}

// has says whether the client may use a reserved topic or filter, of which the
// thing's level must be one of its things by name. Over TLS there is nothing
// else for a device.
func (r rights) has(topic string) bool {
	part := strings.Split(topic, "/")
	if part[0] != "$aws" {
		return false // $SYS, and what is nobody's
	}
	if r.all || len(part) > 1 && part[1] == string(rulesFamily) {
		return true
	}
	return len(part) >= 4 && part[1] == "things" && slices.Contains(r.things(), part[2])
}

// canPublish says with which reason a publish is refused.
func (r rights) canPublish(topic string, retain bool) (packets.Code, bool) {
	if !wellFormed(topic) {
		return packets.ErrTopicNameInvalid, false
	}
	if !reserved(topic) {
		return packets.CodeSuccess, true
	}
	// Reserved topics keep no retained messages ("MQTT retained messages").
	if _, ok := parseRequest(topic); !ok || retain || !r.has(topic) {
		return packets.ErrNotAuthorized, false
	}
	return packets.CodeSuccess, true
}

// canSubscribe says with which reason a subscription is refused.
func (r rights) canSubscribe(filter string) (packets.Code, bool) {
	_, inner, _ := shareOf(filter)
	if !wellFormed(inner) {
		return packets.ErrTopicFilterInvalid, false
	}
	if reserved(inner) && !r.has(inner) {
		return packets.ErrNotAuthorized, false
	}
	return packets.CodeSuccess, true
}

// wellFormed keeps to the bounds of length and slashes.
func wellFormed(topic string) bool {
	slashes := strings.Count(topic, "/")
	if strings.HasPrefix(topic, "$aws/"+string(rulesFamily)+"/") {
		slashes -= 3
	}
	return topic != "" && len(topic) <= maxTopic && slashes <= maxSlashes
}

// keepAlive is the interval that the service keeps to, in seconds.
func keepAlive(asked uint16) uint16 {
	if asked == 0 {
		return maxKeepAlive
	}
	return min(max(asked, minKeepAlive), maxKeepAlive)
}

// welcome says with which reason a connection is refused: by its client ID or
// its will. Not established: how AWS refuses a will on a reserved topic.
func (r rights) welcome(pk packets.Packet) packets.Code {
	id := pk.Connect.ClientIdentifier
	switch {
	case len(id) > maxClient || strings.HasPrefix(id, "$"):
		return packets.ErrClientIdentifierNotValid
	case pk.Connect.WillFlag && (reserved(pk.Connect.WillTopic) || !wellFormed(pk.Connect.WillTopic)):
		return packets.ErrNotAuthorized
	case len(pk.Connect.WillPayload) > maxPayload:
		return packets.ErrPacketTooLarge
	}
	return packets.CodeSuccess
}
