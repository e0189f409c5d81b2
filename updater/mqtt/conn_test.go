package mqtt

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
)

// halfOpen is a connection on which the broker's bytes still come, and nothing
// goes out any more.
type halfOpen struct {
	net.Conn
	in io.Reader
}

func (h halfOpen) Read(p []byte) (int, error)     { return h.in.Read(p) }
func (halfOpen) Write([]byte) (int, error)        { return 0, errors.New("broken pipe") }
func (halfOpen) SetWriteDeadline(time.Time) error { return nil }
func (halfOpen) SetReadDeadline(time.Time) error  { return nil }
func (halfOpen) Close() error                     { return nil }

// A write that fails looks for an alert, and may take a byte out of a packet
// that is just being read.
func TestNothingIsReadBehindAFailedWrite(t *testing.T) {
	p := packets.NewControlPacket(packets.PUBLISH)
	p.Content.(*packets.Publish).Topic = "a"
	p.Content.(*packets.Publish).Payload = bytes.Repeat([]byte("0123456789"), 2000)
	var wire bytes.Buffer
	if _, err := p.WriteTo(&wire); err != nil {
		t.Fatal(err)
	}
	whole := wire.Len()
	wire.WriteString("what comes next")
	c := newConn(halfOpen{in: &wire}, time.Second)
	got := make([]byte, whole)
	begun, err := c.Read(got[:100])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte{0xc0, 0}); err == nil {
		t.Fatal("the write went through")
	}
	if n, err := io.ReadFull(c, got[begun:]); err == nil {
		t.Errorf("%d more bytes of a packet came, of which one is missing", n)
	}
}
