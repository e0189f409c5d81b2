package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
)

const (
	// receiveMaximum is how many messages the broker may have under way.
	receiveMaximum = 8
	// maxFilters is how many filters AWS IoT takes in one SUBSCRIBE.
	maxFilters = 8
	// maxUnanswered is how many messages may stay unacknowledged before the
	// connection is given up: each keeps one of the broker's places.
	maxUnanswered = 8
)

// session is one connection, from CONNECT to its end.
type session struct {
	client  *paho.Client
	timeout time.Duration
	largest int          // packet that the broker takes, in bytes
	ended   chan *ending // has one, once it is over
	// over is done when it is: the library lets go of what waits for an answer
	// only when its time has passed.
	over    context.Context
	cancel  context.CancelFunc
	refused func(string) // is told of filters that the broker does not grant
	// standing are the filters that the broker was asked for; under Link.wire.
	standing   map[string]bool
	unanswered atomic.Int32
}

// end notes why this connection is over; the first reason counts.
func (s *session) end(e *ending) {
	select {
	case s.ended <- e:
	default:
	}
	s.cancel()
}

// close ends it in good order, where it is not over already.
func (s *session) close() {
	s.cancel()
	_ = s.client.Disconnect(&paho.Disconnect{})
}

// within is a context that ends with the session too.
func (s *session) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.over, cancel)
	return ctx, func() { stop(); cancel() }
}

// connect makes a connection and waits for the broker's consent.
func (l *Link) connect(ctx context.Context) (*session, *ending) {
	raw, err := l.dial(ctx)
	if err != nil {
		return nil, byError(err)
	}
	s := &session{timeout: l.o.Timeout, largest: math.MaxInt, ended: make(chan *ending, 1), standing: map[string]bool{}}
	s.over, s.cancel = context.WithCancel(context.Background())
	s.refused = func(filter string) {
		l.o.Log.Warn("the broker does not grant a subscription: allow iot:Subscribe and iot:Receive in the policy of this device's certificate", "filter", filter)
	}
	s.client = paho.NewClient(paho.ClientConfig{
		Conn: newConn(raw, l.o.Timeout), PacketTimeout: l.o.Timeout, PingHandler: &pinger{dead: func(err error) { s.end(byError(err)) }}, AuthHandler: noAuth{},
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(m paho.PublishReceived) (bool, error) {
			l.dispatch(m.Packet)
			return true, nil
		}},
		OnServerDisconnect: func(d *paho.Disconnect) { s.end(byDisconnect(d.ReasonCode, l.o.ClientID)) },
		OnClientError:      func(err error) { s.end(byError(err)) },
	})
	answer, err := s.client.Connect(ctx, l.packet())
	if err != nil {
		raw.Close()
		if answer != nil && answer.ReasonCode >= 0x80 {
			return nil, byConnack(answer.ReasonCode, l.o.ClientID)
		}
		return nil, byError(err)
	}
	if p := answer.Properties; p != nil && p.MaximumPacketSize != nil {
		s.largest = int(min(*p.MaximumPacketSize, math.MaxInt32))
	}
	return s, nil
}

// packet is the CONNECT.
func (l *Link) packet() *paho.Connect {
	window, largest := uint16(receiveMaximum), uint32(maxPacket)
	return &paho.Connect{
		ClientID: l.o.ClientID, KeepAlive: uint16(l.o.KeepAlive / time.Second), CleanStart: true,
		Properties: &paho.ConnectProperties{ReceiveMaximum: &window, MaximumPacketSize: &largest},
	}
}

func (l *Link) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*l.o.Timeout)
	defer cancel()
	names := protocols(l.o.Address)
	if l.o.Dial != nil {
		return l.o.Dial(ctx, l.o.Address, names)
	}
	if l.o.TLS == nil {
		return (&net.Dialer{}).DialContext(ctx, "tcp", l.o.Address)
	}
	return l.dialTLS(ctx, l.o.Address, names)
}

// dialTLS sends the host's name as SNI, by which AWS IoT finds the account.
func (l *Link) dialTLS(ctx context.Context, address string, names []string) (net.Conn, error) {
	config := l.o.TLS.Clone()
	config.NextProtos = names
	return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
}

func (s *session) subscribe(ctx context.Context, filters []string) error {
	ctx, cancel := s.within(ctx)
	defer cancel()
	for some := range slices.Chunk(filters, maxFilters) {
		p := &paho.Subscribe{}
		for _, f := range some {
			p.Subscriptions = append(p.Subscriptions, paho.SubscribeOptions{Topic: f, QoS: 1})
		}
		granted, err := s.client.Subscribe(ctx, p)
		if err != nil && granted == nil {
			return err
		}
		for i, f := range some {
			s.standing[f] = true // or is refused, and would be again
			if i >= len(granted.Reasons) || granted.Reasons[i] >= 0x80 {
				s.refused(f)
			}
		}
	}
	return nil
}

func (s *session) unsubscribe(filter string) error {
	ctx, cancel := s.within(context.Background())
	defer cancel()
	delete(s.standing, filter)
	answer, err := s.client.Unsubscribe(ctx, &paho.Unsubscribe{Topics: []string{filter}})
	if answer != nil {
		return nil // a refusal changes nothing: nobody listens any more
	}
	return err
}

// overhead is more than what a PUBLISH has beside topic and payload, in bytes.
const overhead = 16

func (s *session) publish(ctx context.Context, topic string, payload []byte) error {
	if size := len(topic) + len(payload) + overhead; size > s.largest {
		return fmt.Errorf("%w: it has %d bytes, and the broker takes %d", ErrTooLarge, size, s.largest)
	}
	within, cancel := s.within(ctx)
	defer cancel()
	answer, err := s.client.Publish(within, &paho.Publish{Topic: topic, QoS: 1, Payload: payload})
	switch {
	case err == nil:
		s.unanswered.Store(0)
		return nil
	case answer != nil:
		return fmt.Errorf("%w: the broker does not take it (reason 0x%02X): allow iot:Publish on this topic in the policy of the device's certificate", ErrRefused, answer.ReasonCode)
	case errors.Is(err, paho.ErrInvalidArguments):
		return fmt.Errorf("%w: the broker takes no messages at quality of service 1: use another broker", ErrRefused)
	case s.over.Err() != nil, !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: the connection was lost before the broker acknowledged it", ErrOffline)
	}
	if s.unanswered.Add(1) >= maxUnanswered {
		s.end(&ending{passing, "the broker does not acknowledge what is published", adviceNetwork})
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w within %s", ErrUnanswered, s.timeout)
}

// noAuth is called by the library where a broker speaks of authentication that
// nobody has asked for, whether there is one or not.
type noAuth struct{}

func (noAuth) Authenticate(*paho.Auth) *paho.Auth {
	return &paho.Auth{ReasonCode: packets.AuthContinueAuthentication, Properties: &paho.AuthProperties{}}
}

func (noAuth) Authenticated() {}
