package broker

import (
	"fmt"
	"slices"
	"strings"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// noRetained is MQTT 5's option not to send retained messages.
const noRetained = 2

// hook is how the library asks about every step of a client.
type hook struct {
	mqtt.HookBase
	broker *Broker
}

func (h *hook) ID() string { return "awsiot" }

func (h *hook) Provides(b byte) bool {
	return slices.Contains([]byte{
		mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnSessionEstablished, mqtt.OnDisconnect,
		mqtt.OnACLCheck, mqtt.OnPacketEncode, mqtt.OnPacketRead, mqtt.OnSubscribe, mqtt.OnPublish, mqtt.OnPublished,
	}, b)
}

// OnConnect refuses with a CONNACK, which the library would leave out.
func (h *hook) OnConnect(cl *mqtt.Client, pk packets.Packet) error {
	c := cl.Net.Conn.(*conn)
	code := c.rights().welcome(pk)
	if code != packets.CodeSuccess {
		_ = h.broker.server.SendConnack(cl, code, false, nil) // it goes either way
		return fmt.Errorf("client %.140q: %w", cl.ID, code)
	}
	asked := cl.State.Keepalive
	cl.State.Keepalive = keepAlive(asked)
	cl.State.ServerKeepalive = cl.State.Keepalive != asked
	return nil
}

// OnConnectAuthenticate lets everyone in: who is not welcome did not get here.
func (h *hook) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }

func (h *hook) OnSessionEstablished(cl *mqtt.Client, _ packets.Packet) {
	if c, ok := cl.Net.Conn.(*conn); ok {
		h.broker.wg.Go(c.run)
	}
}

func (h *hook) OnDisconnect(cl *mqtt.Client, _ error, _ bool) {
	if c, ok := cl.Net.Conn.(*conn); ok {
		c.end()
	}
}

// OnPacketEncode adds to a CONNACK what the library keeps for itself, and
// withholds the DISCONNECT that MQTT 3 does not have from servers.
func (h *hook) OnPacketEncode(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	if c, ok := cl.Net.Conn.(*conn); ok && pk.FixedHeader.Type == packets.Disconnect && cl.Properties.ProtocolVersion < 5 {
		c.muted.Store(true)
	}
	if pk.FixedHeader.Type == packets.Connack && pk.ReasonCode == packets.CodeSuccess.Code {
		pk.Properties.TopicAliasMaximum = maxAliases
		pk.Properties.MaximumPacketSize = maxPacket
	}
	return pk
}

// OnPacketRead ends connections whose packets go beyond what the service
// takes.
func (h *hook) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	code := packets.CodeSuccess
	switch pk.FixedHeader.Type {
	case packets.Publish:
		if len(pk.Payload) > maxPayload {
			code = packets.ErrPacketTooLarge
		} else if pk.FixedHeader.Qos > 1 {
			code = packets.ErrQosNotSupported
		} else if strings.HasPrefix(strings.ToUpper(pk.TopicName), mqtt.SysPrefix) {
			code = packets.ErrNotAuthorized // the library would say nothing
		}
	case packets.Subscribe:
		if len(pk.Filters) > maxFilters || cl.State.Subscriptions.Len()+len(pk.Filters) > maxSubs {
			code = packets.ErrQuotaExceeded
		}
	}
	if code == packets.CodeSuccess {
		return pk, nil
	}
	h.dismiss(cl, code)
	return pk, packets.ErrRejectPacket
}

// OnACLCheck is asked about deliveries too, since certificates may have been
// detached since a topic was subscribed.
func (h *hook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	c, ok := cl.Net.Conn.(*conn)
	if write || !ok {
		return true // asked again with the topic behind an alias; the service itself
	}
	_, may := c.rights().canSubscribe(topic)
	return may
}

// OnSubscribe ends the connection of an MQTT 3 client that asks for what it
// may not have. Not established: AWS closes MQTT 3 connections, and lists the
// reason for SUBACK and DISCONNECT in MQTT 5; here it is the SUBACK.
func (h *hook) OnSubscribe(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	c, ok := cl.Net.Conn.(*conn)
	if !ok {
		return pk
	}
	for i, sub := range pk.Filters {
		code, may := c.rights().canSubscribe(sub.Filter)
		if !may && cl.Properties.ProtocolVersion < 5 {
			h.dismiss(cl, code)
			pk.Filters = nil
			return pk
		}
		// Retained messages are for those who name their topic ("MQTT
		// retained messages").
		if strings.ContainsAny(sub.Filter, "+#") {
			pk.Filters[i].RetainHandling = noRetained
		}
	}
	return pk
}

// OnPublish keeps what goes to reserved topics from being distributed, and
// ends the connection of one that may not publish there. The topic is the one
// behind an alias.
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	c, ok := cl.Net.Conn.(*conn)
	if !ok {
		return pk, nil
	}
	if code, may := c.rights().canPublish(pk.TopicName, pk.FixedHeader.Retain); !may {
		h.dismiss(cl, code)
		return pk, packets.ErrRejectPacket
	}
	lost := pk.FixedHeader.Qos > 0 && h.broker.losesAck(pk.TopicName)
	switch {
	case !reserved(pk.TopicName) && !lost:
		return pk, nil
	case !lost:
		return pk, packets.CodeSuccessIgnore // acknowledged, not distributed
	case reserved(pk.TopicName):
		h.ask(cl, pk)
	default:
		_ = h.broker.Publish(pk.TopicName, pk.Payload, pk.FixedHeader.Qos, pk.FixedHeader.Retain)
	}
	return pk, packets.ErrRejectPacket // not acknowledged
}

// OnPublished answers requests, after their acknowledgement.
func (h *hook) OnPublished(cl *mqtt.Client, pk packets.Packet) {
	if pk.Ignore {
		h.ask(cl, pk)
	}
}

// ask hands a request to those who answer it.
func (h *hook) ask(cl *mqtt.Client, pk packets.Packet) {
	c, ok := cl.Net.Conn.(*conn)
	r, known := parseRequest(pk.TopicName)
	if ok && known {
		c.enqueue(func() { h.broker.answer(cl, c, r, pk.Payload) })
	}
}

// dismiss disconnects a client, in MQTT 5 with the reason.
func (h *hook) dismiss(cl *mqtt.Client, code packets.Code) {
	h.broker.logf("disconnects client %q: %s", cl.ID, code.Reason)
	_ = h.broker.server.DisconnectClient(cl, code) // tells the reason again
}
