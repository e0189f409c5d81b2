package broker

import "time"

// What the service allows ("AWS IoT Core message broker and protocol limits
// and quotas").
const (
	// ConnectionThroughput is each connection's bound in bytes per second.
	ConnectionThroughput = 512 << 10

	maxPayload = 128 << 10 // bytes of a publish
	maxTopic   = 256       // bytes of a topic or filter
	maxSlashes = 7         // in a topic or filter; those of $aws/rules/NAME/ do not count
	maxClient  = 128       // bytes of a client ID
	maxFilters = 8         // in one SUBSCRIBE
	maxSubs    = 50        // of one connection
	// Messages that wait for their PUBACK, in each direction.
	maxInflight = 100
	maxAliases  = 8
	// A payload and what stands around it, as the CONNACK for MQTT 5 tells it.
	maxPacket = 149504

	// In seconds; what a client asks for beyond them is brought to them. In
	// MQTT 5 it is told so. The lower one was 5 in older texts.
	minKeepAlive = 30
	maxKeepAlive = 1200

	// How long the session of a client that is away is kept by default.
	sessionExpiry = time.Hour

	// How long a client may take for TLS, and then for its CONNECT.
	handshakeTime = 10 * time.Second
	// A client that takes nothing for so long is dropped.
	writeTime = 20 * time.Second
)
