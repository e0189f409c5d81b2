package broker

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	mqtt3 "github.com/eclipse/paho.mqtt.golang"

	"abota/sim/awsiot/service"
	"abota/sim/front"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

var start = time.Unix(1719943627, 0)

// model is a service whose registry and streams the test holds. What it
// answers to Jobs says which request it was.
type model struct {
	*service.Service

	mu      sync.Mutex
	things  map[string][]string // by certificate
	streams map[string]service.StreamInfo
	asked   []string
}

func (m *model) DescribeCertificate(id string) (out service.DescribeCertificateOutput, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.things[id]; !ok {
		return out, &service.Error{Code: "ResourceNotFound"}
	}
	out.CertificateDescription = service.CertificateDescription{CertificateID: id, CertificateARN: id, Status: "ACTIVE"}
	return out, nil
}

func (m *model) ListPrincipalThings(id string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.things[id], nil
}

func (m *model) attach(certificate string, things ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.things[certificate] = things
}

func (m *model) DescribeStream(id string) (out service.DescribeStreamOutput, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	info, ok := m.streams[id]
	if !ok {
		return out, &service.Error{Type: "ResourceNotFoundException", Code: "ResourceNotFound"}
	}
	return service.DescribeStreamOutput{StreamInfo: info}, nil
}

func (m *model) StartNextPendingJobExecution(in service.StartNextInput) (service.ExecutionOutput, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, in.ThingName+" "+in.ClientToken)
	return service.ExecutionOutput{ClientToken: in.ClientToken, Timestamp: m.Now().Unix()}, nil
}

// world is a broker with its authority and model.
type world struct {
	*Broker
	model *model
	ca    *front.Authority
}

func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	s, err := service.New(service.Config{Region: "eu-west-1", Account: "123456789012", Clock: service.NewClock(start, 0)})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{model: &model{Service: s, things: map[string][]string{}, streams: map[string]service.StreamInfo{}}}
	if w.ca, err = front.NewAuthority("fleet", time.Now().Add(-time.Hour), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	server, _, _, err := w.ca.Issue(front.Leaf{Hosts: []string{"127.0.0.1", "localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{Model: w.model, Certificate: server, Authority: w.ca.Pool(), Log: func(line string) { t.Log(line) }}
	for _, f := range change {
		f(&opts)
	}
	if w.Broker, err = New(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// certificate is a device's, with its ID.
func certificate(t *testing.T, ca *front.Authority) (tls.Certificate, string) {
	t.Helper()
	pair, _, _, err := ca.Issue(front.Leaf{NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(pair.Certificate[0])
	return pair, hex.EncodeToString(sum[:])
}

// device dials with a certificate that is attached to things.
func (w *world) device(t *testing.T, things ...string) (config *tls.Config, id string) {
	t.Helper()
	pair, id := certificate(t, w.ca)
	w.model.attach(id, things...)
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: w.ca.Pool(), ServerName: "localhost"}, id
}

// incoming is what a client got.
type incoming struct {
	topic   string
	payload string
	qos     byte
	retain  bool
}

// client is an MQTT 5 client.
type client struct {
	*paho.Client
	connack *paho.Connack
	got     chan incoming
	gone    chan byte // the reason of a DISCONNECT, or noReason
}

const noReason = 0xff

func dial(t *testing.T, addr string, config *tls.Config) net.Conn {
	t.Helper()
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	if config == nil {
		return raw
	}
	return tls.Client(raw, config)
}

// connect connects an MQTT 5 client and wants to be let in.
func connect(t *testing.T, addr string, config *tls.Config, id string, change ...func(*paho.Connect)) *client {
	t.Helper()
	c, err := tryConnect(t, addr, config, id, change...)
	if err != nil {
		t.Fatalf("client %q is not let in: %v", id, err)
	}
	return c
}

func tryConnect(t *testing.T, addr string, config *tls.Config, id string, change ...func(*paho.Connect)) (*client, error) {
	t.Helper()
	c := &client{got: make(chan incoming, 1024), gone: make(chan byte, 16)}
	c.Client = paho.NewClient(paho.ClientConfig{
		Conn: dial(t, addr, config),
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(m paho.PublishReceived) (bool, error) {
			c.got <- incoming{m.Packet.Topic, string(m.Packet.Payload), m.Packet.QoS, m.Packet.Retain}
			return true, nil
		}},
		OnServerDisconnect: func(d *paho.Disconnect) { c.gone <- d.ReasonCode },
		OnClientError:      func(error) { c.gone <- noReason },
	})
	p := &paho.Connect{ClientID: id, CleanStart: true, KeepAlive: 60}
	for _, f := range change {
		f(p)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ack, err := c.Connect(ctx, p)
	c.connack = ack
	return c, err
}

// listen subscribes and wants to be let.
func (c *client) listen(t *testing.T, filters ...string) {
	t.Helper()
	if ack, err := c.trySubscribe(t, filters...); err != nil {
		t.Fatalf("cannot subscribe to %v: %v %+v", filters, err, ack)
	}
}

func (c *client) trySubscribe(t *testing.T, filters ...string) (*paho.Suback, error) {
	t.Helper()
	s := &paho.Subscribe{}
	for _, f := range filters {
		s.Subscriptions = append(s.Subscriptions, paho.SubscribeOptions{Topic: f, QoS: 1})
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return c.Subscribe(ctx, s)
}

// say publishes at QoS 1 and wants it acknowledged.
func (c *client) say(t *testing.T, topic, payload string) {
	t.Helper()
	if err := c.trySay(t.Context(), topic, payload); err != nil {
		t.Fatalf("publish to %s: %v", topic, err)
	}
}

func (c *client) trySay(ctx context.Context, topic, payload string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := c.Publish(ctx, &paho.Publish{Topic: topic, QoS: 1, Payload: []byte(payload)})
	return err
}

// next is the next message.
func next(t *testing.T, got chan incoming) incoming {
	t.Helper()
	return wait(t, "message", got)
}

func wait[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s came", what)
		panic("unreachable")
	}
}

// nothing says that no message came: one that is published now comes next.
func (w *world) nothing(t *testing.T, c *client) {
	t.Helper()
	c.listen(t, "barrier/#")
	if err := w.Publish("barrier/1", nil, 0, false); err != nil {
		t.Fatal(err)
	}
	if m := next(t, c.got); m.topic != "barrier/1" {
		t.Errorf("got %s %s, which is not for this client", m.topic, m.payload)
	}
}

// old is an MQTT 3.1.1 client.
type old struct {
	mqtt3.Client
	got  chan incoming
	gone chan error
}

func connectOld(t *testing.T, addr string, config *tls.Config, id string, change ...func(*mqtt3.ClientOptions)) *old {
	t.Helper()
	c := &old{got: make(chan incoming, 1024), gone: make(chan error, 16)}
	scheme := "tcp"
	if config != nil {
		scheme = "ssl"
	}
	o := mqtt3.NewClientOptions().AddBroker(scheme + "://" + addr).SetClientID(id).SetTLSConfig(config).
		SetAutoReconnect(false).SetProtocolVersion(4).SetConnectTimeout(patience).
		SetDefaultPublishHandler(func(_ mqtt3.Client, m mqtt3.Message) {
			c.got <- incoming{m.Topic(), string(m.Payload()), m.Qos(), m.Retained()}
		}).
		SetConnectionLostHandler(func(_ mqtt3.Client, err error) { c.gone <- err })
	for _, f := range change {
		f(o)
	}
	c.Client = mqtt3.NewClient(o)
	done(t, "connect", c.Connect())
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

func done(t *testing.T, what string, token mqtt3.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) {
		t.Fatalf("%s: no acknowledgement came", what)
	}
	if err := token.Error(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func jobsTopic(thing, rest string) string { return fmt.Sprintf("$aws/things/%s/jobs/%s", thing, rest) }

func repeat(text string, n int) string { return strings.Repeat(text, n) }
