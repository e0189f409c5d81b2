package broker

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// thin is a client that is only a connection, so that many of them weigh
// little.
type thin struct {
	net.Conn
	in *bufio.Reader
}

func notifyOf(i int) string { return jobsTopic(fmt.Sprintf("dev-%d", i), "notify-next") }

// join connects a client and subscribes to what is pending next.
func join(t *testing.T, addr string, i int) *thin {
	t.Helper()
	c := &thin{Conn: dial(t, addr, nil)}
	c.in = bufio.NewReaderSize(c, 512)
	var buf bytes.Buffer
	connect := packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Connect}, ProtocolVersion: 4,
		Connect: packets.ConnectParams{ProtocolName: []byte("MQTT"), Clean: true, Keepalive: 60, ClientIdentifier: fmt.Sprintf("dev-%d", i)},
	}
	subscribe := packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, ProtocolVersion: 4, PacketID: 1,
		Filters: packets.Subscriptions{{Filter: notifyOf(i)}},
	}
	if err := connect.ConnectEncode(&buf); err != nil {
		t.Fatal(err)
	}
	c.exchange(t, buf.Bytes(), packets.Connack)
	buf.Reset()
	if err := subscribe.SubscribeEncode(&buf); err != nil {
		t.Fatal(err)
	}
	c.exchange(t, buf.Bytes(), packets.Suback)
	return c
}

func (c *thin) exchange(t *testing.T, out []byte, want byte) {
	t.Helper()
	if _, err := c.Write(out); err != nil {
		t.Fatal(err)
	}
	if kind, _, err := c.read(); err != nil || kind != want {
		t.Fatalf("got packet %d, %v, want %d", kind, err, want)
	}
}

// read reads one packet.
func (c *thin) read() (kind byte, body []byte, err error) {
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, nil, err
	}
	first, err := c.in.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	n, _, err := packets.DecodeLength(c.in)
	if err != nil {
		return 0, nil, err
	}
	body = make([]byte, n)
	_, err = io.ReadFull(c.in, body)
	return first >> 4, body, err
}

// expect reads the notification of thing i.
func (c *thin) expect(t *testing.T, i int) {
	kind, body, err := c.read()
	if err != nil || kind != packets.Publish || !bytes.Contains(body, []byte(notifyOf(i))) || !bytes.HasSuffix(body, []byte(`{"timestamp":1}`)) {
		t.Errorf("client %d got packet %d, %v: %q", i, kind, err, body)
	}
}
