// Package broker is the MQTT side of the emulated AWS IoT: the message broker,
// Jobs, streams and shadows over MQTT 3.1.1 and 5, for any client.
//
//	device ── mochi-mqtt ── topics ── model (package service) and objects (MinIO)
//
// # Guarantee
//
// A publish to a reserved topic ($aws/…) is a request: it is acknowledged as
// its quality of service asks for, never distributed, and answered to the
// client that sent it. Replies of Jobs reach that client whether it is
// subscribed or not, at QoS 0 and not retained, and nobody else; blocks of
// streams reach it where it is subscribed. Announcements (notify, notify-next,
// events) and the replies of shadows are ordinary messages to subscribers.
// Over TLS a client has the reserved topics of the things to which its
// certificate is attached, and no others; over plain TCP it has all. Everything
// listens on 127.0.0.1 only.
//
// # Not guaranteed
//
// There are no IoT policies: which ordinary topics a client may use is not
// restricted. The service is one process: what it acknowledged is gone when
// it ends. Keep-alives and sessions go by the real time, also where the model's
// clock is virtual.
//
// # Faults
//
// What networks and services do to messages is told to the running broker:
// [Broker.Set] has replies and announcements meet a [Fault], [Broker.LoseAcks]
// keeps PUBACKs back, [Broker.Throttle] refuses requests, [Broker.Kick] and
// [Broker.Cut] end one connection, [Broker.Stop] and [Broker.Listen] take the
// whole service away and bring it back at the same ports, and [Broker.Heal] ends
// it all.
//
// # Format
//
// Topics and shapes are those of the AWS IoT developer guide ("Reserved
// topics", "Jobs device MQTT API", "Using MQTT-based file delivery in
// devices", "MQTT") and of what the service was seen to send. Where neither
// says what it does, a comment at that place begins with "Not established".
package broker
