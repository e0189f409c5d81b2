package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"abota/sim/awsiot/service"
)

// Model is the service behind the topics; *service.Service is one.
type Model interface {
	Now() time.Time
	Reject(err error, clientToken string) service.Rejected

	GetPendingJobExecutions(service.GetPendingInput) (service.GetPendingOutput, error)
	StartNextPendingJobExecution(service.StartNextInput) (service.ExecutionOutput, error)
	DescribeDeviceJobExecution(service.DescribeInput) (service.ExecutionOutput, error)
	UpdateJobExecution(service.UpdateInput) (service.UpdateOutput, error)

	DescribeStream(id string) (service.DescribeStreamOutput, error)

	GetThingShadow(thing, name string) ([]byte, error)
	UpdateThingShadow(thing, name string, body []byte) ([]byte, error)
	DeleteThingShadow(thing, name string) ([]byte, error)

	DescribeCertificate(id string) (service.DescribeCertificateOutput, error)
	ListPrincipalThings(principal string) ([]string, error)
}

// Options say what the broker serves. Without an Authority it does not listen
// with TLS.
type Options struct {
	Model   Model
	Objects Objects // where the files of streams lie

	Certificate tls.Certificate // the server's
	Authority   *x509.CertPool  // who issues device certificates

	// RequireSNI refuses TLS clients that do not name the server, as AWS
	// does. Clients that dial an address, not a name, name none.
	RequireSNI bool
	// Throughput bounds each connection, in bytes per second and direction;
	// 0 is unbounded. AWS's is [ConnectionThroughput].
	Throughput int
	// HexBitmaps reads the bitmap of a JSON stream request as hexadecimal
	// digits, as the service's documentation has it, and nothing else.
	HexBitmaps bool
	// Log gets what is worth a line; nil drops it.
	Log func(string)
}

// Broker is a running broker. Its methods may be called at any time.
type Broker struct {
	opts    Options
	server  *mqtt.Server
	ports   [3]*port
	streams *streams
	outbox  outbox

	mu       sync.Mutex
	live     map[*conn]struct{}
	faults   faults
	throttle int // so many requests of Jobs are throttled; all if negative
	closed   bool
	wg       sync.WaitGroup // connections and ports
}

// New starts a broker on three free ports, until Close.
func New(opts Options) (*Broker, error) {
	b := &Broker{opts: opts, live: map[*conn]struct{}{}, streams: newStreams(opts), outbox: newOutbox()}
	b.server = mqtt.New(&mqtt.Options{
		Capabilities:           capabilities(),
		Logger:                 slog.New(slog.NewTextHandler(io.Discard, nil)),
		SysTopicResendInterval: int64((24 * time.Hour).Seconds()), // nobody may read them
		InlineClient:           true,
	})
	if err := b.server.AddHook(&hook{broker: b}, nil); err != nil {
		return nil, fmt.Errorf("start the broker: %w", err)
	}
	if err := b.server.Serve(); err != nil {
		return nil, fmt.Errorf("start the broker: %w", err)
	}
	b.ports = b.newPorts()
	b.wg.Go(b.announce)
	if err := b.Listen(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// capabilities are the service's, as its CONNACK for MQTT 5 tells them.
func capabilities() *mqtt.Capabilities {
	c := mqtt.NewDefaultServerCapabilities()
	c.MaximumQos = 1
	c.ReceiveMaximum = maxInflight
	c.MaximumInflight = maxInflight
	c.MaximumPacketSize = maxPacket
	c.TopicAliasMaximum = maxAliases
	c.MaximumSessionExpiryInterval = uint32(sessionExpiry.Seconds())
	// The library makes room for so many messages for each client at once.
	c.MaximumClientWritesPending = 512
	// What the client said in a packet is not for its acknowledgement.
	c.Compatibilities.NoInheritedPropertiesOnAck = true
	return c
}

// Close ends the broker and all connections.
func (b *Broker) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	b.mu.Unlock()
	b.Stop()
	b.outbox.close()
	b.wg.Wait()
	if err := b.server.Close(); err != nil {
		return fmt.Errorf("stop the broker: %w", err)
	}
	return nil
}

// Publish hands a message to all who are subscribed, as the service does it
// for itself: to reserved topics too.
func (b *Broker) Publish(topic string, payload []byte, qos byte, retain bool) error {
	if err := b.server.Publish(topic, payload, retain, qos); err != nil {
		return fmt.Errorf("publish to %s: %w", topic, err)
	}
	return nil
}

// Client is one that is connected.
type Client struct {
	ID          string // the MQTT client identifier
	Port        string // "mqtt", "mqtts" or "alpn"
	Version     byte   // 4 is MQTT 3.1.1, 5 is MQTT 5
	Certificate string // its ID; empty without TLS
	Name        string // the certificate's common name
}

// Clients are those that are connected now.
func (b *Broker) Clients() []Client {
	var list []Client
	for _, cl := range b.server.Clients.GetAll() {
		if c, ok := cl.Net.Conn.(*conn); ok && !cl.Closed() {
			list = append(list, Client{cl.ID, c.port.name, cl.Properties.ProtocolVersion, c.certificate, c.name})
		}
	}
	return list
}

// Kick disconnects a client as an operator of the service would, with reason
// 0x98 in MQTT 5. False means that it is not connected.
func (b *Broker) Kick(id string) bool {
	cl, ok := b.server.Clients.Get(id)
	if !ok || cl.Closed() {
		return false
	}
	_ = b.server.DisconnectClient(cl, packets.ErrAdministrativeAction) // tells the reason again
	return true
}

// Cut takes a client's connection away without a word, as a network does.
// False means that it is not connected.
func (b *Broker) Cut(id string) bool {
	cl, ok := b.server.Clients.Get(id)
	if !ok || cl.Closed() {
		return false
	}
	c, ok := cl.Net.Conn.(*conn)
	if ok {
		c.cut()
	}
	return ok
}

func (b *Broker) logf(format string, args ...any) {
	if b.opts.Log != nil {
		b.opts.Log(fmt.Sprintf(format, args...))
	}
}

// serve is the life of one connection.
func (b *Broker) serve(ctx context.Context, c *conn) {
	defer c.Close()
	defer c.end()
	if !b.enter(c) {
		return
	}
	defer b.leave(c)
	if err := c.greet(ctx); err != nil {
		b.logf("%s: refused a connection: %v", c.port.name, err)
		return
	}
	// Who does not say CONNECT is not waited for; from then on the keep-alive holds.
	if err := c.SetReadDeadline(time.Now().Add(handshakeTime)); err != nil {
		return
	}
	if err := b.server.EstablishConnection(c.port.name, c); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		b.logf("%s: a connection ended: %v", c.port.name, err)
	}
}

// enter notes a live connection, unless its port was closed meanwhile.
func (b *Broker) enter(c *conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.port.listener == nil {
		return false
	}
	b.live[c] = struct{}{}
	return true
}

func (b *Broker) leave(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.live, c)
}
