package mqtt

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.golang/packets"
)

// maxPacket is the largest packet that is taken, in bytes. AWS IoT sends
// messages of at most 128 KiB.
const maxPacket = 256 << 10

// errOversized is a packet that is not read.
type errOversized struct{ size int }

func (e errOversized) Error() string {
	return fmt.Sprintf("the broker sends a packet of %d bytes, and this device takes %d", e.size, maxPacket)
}

// errUnexpected is a packet of a type that no broker sends to this client.
type errUnexpected struct{ kind byte }

func (e errUnexpected) Error() string {
	return fmt.Sprintf("the broker sends what it must not (packet type %d)", e.kind)
}

// expected are the types of packets that are taken. The others belong to
// quality of service 2 and to authentication in steps, which this client does
// not ask for; the library would act on them, and not always well.
var expected = [16]bool{
	packets.CONNACK: true, packets.PUBLISH: true, packets.PUBACK: true, packets.SUBACK: true,
	packets.UNSUBACK: true, packets.PINGRESP: true, packets.DISCONNECT: true,
}

// conn is a connection as the library needs it. The library believes the length
// that a packet's header claims, up to 256 MiB; so that is checked here, before
// the packet is read, as is its type. A write that does not get through ends the connection.
// It is a sync.Locker because the library writes a packet in pieces, and from
// several goroutines.
type conn struct {
	net.Conn
	sync.Mutex
	in      *bufio.Reader
	left    int // bytes of the packet under way
	timeout time.Duration
	// failed says that a write did not get through: what is read then may lack
	// the byte that looking for an alert took.
	failed atomic.Bool
}

func newConn(c net.Conn, timeout time.Duration) *conn {
	return &conn{Conn: c, in: bufio.NewReaderSize(c, 4<<10), timeout: timeout}
}

// Read returns bytes of one packet only.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.left == 0 {
		size, err := c.nextPacket()
		if err != nil {
			return 0, err
		}
		c.left = size
	}
	n, err := c.in.Read(p[:min(len(p), c.left)])
	c.left -= n
	if c.failed.Load() {
		return 0, net.ErrClosed
	}
	return n, err
}

// qos1 and qos2 are the flags of a PUBLISH for its quality of service.
const qos1, qos2 = 1 << 1, 1 << 2

var errNoMQTT = errors.New("the broker sends what is no MQTT")

// errOldBroker is a CONNACK without properties, which MQTT 5 never leaves out:
// it is MQTT 3's, whatever it says.
var errOldBroker = errors.New("the broker does not speak MQTT 5")

// oldConnack is how long MQTT 3's is, in bytes behind its header (MQTT 3.1.1, 3.2).
const oldConnack = 2

// maxLength is how many bytes a packet's length has at most (MQTT 5.0, 1.5.5).
const maxLength = 4

// nextPacket is the size of the packet that begins here, with its header.
func (c *conn) nextPacket() (int, error) {
	length := 0
	for i := range maxLength {
		header, err := c.in.Peek(2 + i)
		if err != nil {
			return 0, err
		}
		if kind := header[0] >> 4; !expected[kind] || kind == packets.PUBLISH && header[0]&qos2 != 0 {
			return 0, errUnexpected{kind}
		}
		digit := header[1+i]
		length |= int(digit&0x7f) << (7 * i)
		if digit&0x80 != 0 {
			continue
		}
		if header[0]>>4 == packets.CONNACK && length == oldConnack {
			return 0, errOldBroker
		}
		size := 2 + i + length
		if size > maxPacket {
			return 0, errOversized{size}
		}
		return size, c.checkProperties(2+i, size)
	}
	return 0, errNoMQTT
}

// checkProperties has a second look at a packet before the library reads it:
// a length of properties in more than four bytes is no MQTT, and a crash of
// the library where an int has 32 bits.
func (c *conn) checkProperties(header, size int) error {
	start, err := c.in.Peek(min(size, maxStart))
	if err != nil {
		return err
	}
	at := header + propertiesAt(start[0], start[header:])
	switch {
	case at >= size: // it has none
		return nil
	case at+maxLength > maxStart:
		return errNoMQTT
	}
	for _, digit := range start[at:min(at+maxLength, size)] {
		if digit&0x80 == 0 {
			return nil
		}
	}
	return errNoMQTT
}

// maxStart is more than the part of a packet before its properties, in bytes:
// AWS IoT's topics have at most 256.
const maxStart = 2 << 10

// propertiesAt is where the length of the properties lies in the body of a
// packet (MQTT 5.0, chapter 3).
func propertiesAt(first byte, body []byte) int {
	switch first >> 4 {
	case packets.DISCONNECT:
		return 1
	case packets.PUBACK:
		return 3
	case packets.PUBLISH:
		if len(body) < 2 {
			return 2
		}
		at := 2 + int(binary.BigEndian.Uint16(body))
		if first&qos1 != 0 {
			at += 2
		}
		return at
	}
	return 2
}

// Write bounds how long the network may take.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		c.failed.Store(true)
		err = cmp.Or(c.alert(), err)
		c.Close() // what follows would not be a packet
	}
	return n, err
}

// alert is what the broker may have said before it hung up: that it does not
// accept the device's certificate comes, with TLS 1.3, behind the handshake.
func (c *conn) alert() error {
	if c.SetReadDeadline(time.Now().Add(c.timeout/10)) != nil {
		return nil
	}
	_, err := c.Conn.Read(make([]byte, 1))
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "remote error" {
		return err
	}
	return nil
}
