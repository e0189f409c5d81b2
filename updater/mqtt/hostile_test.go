package mqtt

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// says is a broker that says what it is told to, and swallows what comes until
// the connection ends.
func says(answer []byte) func(context.Context, string, []string) (net.Conn, error) {
	return func(context.Context, string, []string) (net.Conn, error) {
		ours, theirs := newPipe()
		theirs.Write(answer)
		go func() {
			io.Copy(io.Discard, theirs)
			theirs.Close()
		}()
		return ours, nil
	}
}

var granted = []byte{0x20, 3, 0, 0, 0} // a CONNACK

func startLink(t *testing.T, dial func(context.Context, string, []string) (net.Conn, error)) *Link {
	l, err := New(Options{Address: "broker.example.com", ClientID: "pump-7-abota", Dial: dial})
	if err != nil {
		t.Fatal(err)
	}
	run(t, l)
	return l
}

func TestWhatABrokerMaySay(t *testing.T) {
	refusal := func(code byte) []byte { return []byte{0x20, 3, 0, code, 0} }
	farewell := func(code byte) []byte { return append(bytes.Clone(granted), 0xE0, 2, code, 0) }
	for name, c := range map[string]struct {
		answer []byte
		is     error
		text   string
	}{
		"client ID":         {refusal(0x85), ErrRefused, "pump-7-abota"},
		"not authorised":    {refusal(0x87), ErrRefused, "not authorised"},
		"banned":            {refusal(0x8A), ErrRefused, "not authorised"},
		"old protocol":      {refusal(0x84), ErrRefused, "MQTT 5"},
		"moved":             {refusal(0x9D), ErrRefused, "moved"},
		"busy":              {refusal(0x89), ErrOffline, "0x89"},
		"rate":              {refusal(0x9F), ErrOffline, "0x9F"},
		"MQTT 3 refusal":    {[]byte{0x20, 2, 0, 1}, ErrRefused, "MQTT 5"},
		"MQTT 3":            {[]byte{0x20, 2, 0, 0}, ErrRefused, "MQTT 5"},
		"taken over":        {farewell(0x8E), ErrTakenOver, "pump-7-abota"},
		"topic not allowed": {farewell(0x87), ErrRefused, "policy"},
		"shutting down":     {farewell(0x8B), ErrOffline, "0x8B"},
		"another server":    {farewell(0x9C), ErrRefused, "moved"},
		"HTTP":              {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), ErrOffline, ""},
		"nothing":           {nil, ErrOffline, "nothing was received"},
		"PUBACK at once":    {[]byte{0x40, 2, 0, 1}, ErrOffline, ""},
		// In a CONNACK, a method of authentication that nobody asked for.
		"unasked method": {append([]byte{0x20, 7, 0, 0, 4, 0x15, 0, 1, 'x'}, 0xE0, 2, 0x8B, 0), ErrOffline, ""},
		"AUTH":           {bytes.Repeat([]byte{0xF0, 2, 0x18, 0}, 5), ErrOffline, "packet type 15"},
		"PUBREC":         {append(bytes.Clone(granted), 0x50, 2, 0, 1), ErrOffline, "packet type 5"},
		"QoS 2":          {append(bytes.Clone(granted), 0x34, 7, 0, 1, 'a', 0, 1, 0, 'x'), ErrOffline, "packet type 3"},
		"large CONNACK":  {[]byte{0x20, 0xff, 0xff, 0xff, 0x7f}, ErrRefused, "268435460 bytes"},
		"large PUBLISH":  {append(bytes.Clone(granted), 0x30, 0xff, 0xff, 0xff, 0x7f), ErrRefused, "268435460 bytes"},
		"just too large": {append(bytes.Clone(granted), 0x30, 0xfd, 0xff, 0x0f), ErrRefused, "262145 bytes"},
		"endless length": {append(bytes.Clone(granted), 0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), ErrOffline, "no MQTT"},
		// The length of properties, in five bytes, where it is read as an int.
		"CONNACK properties":    {[]byte{0x20, 7, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f}, ErrOffline, "no MQTT"},
		"PUBLISH properties":    {append(bytes.Clone(granted), 0x30, 8, 0, 1, 'a', 0xff, 0xff, 0xff, 0xff, 0x0f), ErrOffline, "no MQTT"},
		"QoS 1 properties":      {append(bytes.Clone(granted), 0x32, 10, 0, 1, 'a', 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f), ErrOffline, "no MQTT"},
		"PUBACK properties":     {append(bytes.Clone(granted), 0x40, 8, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f), ErrOffline, "no MQTT"},
		"SUBACK properties":     {append(bytes.Clone(granted), 0x90, 7, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f), ErrOffline, "no MQTT"},
		"DISCONNECT properties": {append(bytes.Clone(granted), 0xE0, 6, 0x8E, 0xff, 0xff, 0xff, 0xff, 0x0f), ErrOffline, "no MQTT"},
		"long topic":            {append(append(bytes.Clone(granted), 0x30, 0xc3, 0x4f, 0x27, 0x10), make([]byte, 10177)...), ErrOffline, "no MQTT"},
		"second CONNACK":        {append(bytes.Clone(granted), granted...), ErrOffline, ""},
		"type 0":                {append(bytes.Clone(granted), 0, 0), ErrOffline, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := startLink(t, says(c.answer))
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				time.Sleep(11 * time.Second)
				runtime.ReadMemStats(&after)
				err := l.Err()
				if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
					t.Errorf("Err is %v", err)
				}
				if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
					t.Errorf("%d KiB were allocated", got>>10)
				}
			})
		})
	}
}

func TestTheLargestPacketIsTaken(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := newConn(ours, time.Second)
	defer c.Close()
	packet := append([]byte{0x30, 0xfc, 0xff, 0x0f}, make([]byte, maxPacket-4)...)
	go theirs.Write(append(packet, 0xD0, 0))
	got := make([]byte, len(packet)+2)
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got[:len(packet)], packet) {
		t.Error(err)
	}
}

func TestAMessageThatTheBrokerDoesNotTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := startLink(t, says([]byte{0x20, 8, 0, 0, 5, 0x27, 0, 0, 0x03, 0xe8})) // 1000 bytes at most
		connected(t, l)
		if err := l.Publish(t.Context(), "a", make([]byte, 1000)); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "1000") {
			t.Errorf("error %v", err)
		}
		if err := l.Publish(t.Context(), "a", make([]byte, 900)); !errors.Is(err, ErrUnanswered) {
			t.Errorf("error %v", err)
		}
	})
}

// TestABrokerThatTakesNothing: the network holds back what is written.
func TestABrokerThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := startLink(t, func(context.Context, string, []string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				header := make([]byte, 2)
				io.ReadFull(theirs, header)
				io.ReadFull(theirs, make([]byte, header[1]))
				theirs.Write(granted)
			}()
			return ours, nil
		})
		connected(t, l)
		began := time.Now()
		if err := l.Publish(t.Context(), "a", nil); err == nil || time.Since(began) > 11*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

// FuzzBroker has a broker say anything once the connection is granted.
func FuzzBroker(f *testing.F) {
	f.Add([]byte{0x30, 5, 0, 1, 'a', 0, 'x'})
	f.Add([]byte{0x32, 7, 0, 1, 'a', 0, 1, 0, 'x'})
	f.Add([]byte{0x34, 7, 0, 1, 'a', 0, 1, 0, 'x', 0x62, 2, 0, 1})
	f.Add([]byte{0x40, 2, 0, 1, 0x90, 4, 0, 1, 0, 1, 0xB0, 4, 0, 1, 0, 0, 0xD0, 0})
	f.Add([]byte{0xE0, 2, 0x8E, 0})
	f.Add([]byte{0xF0, 2, 0x18, 0})
	f.Add([]byte{0x30, 12, 0, 1, 'a', 8, 0x23, 0, 1, 0x0B, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, said []byte) {
		synctest.Test(t, func(t *testing.T) {
			l := startLink(t, says(append(bytes.Clone(granted), said...)))
			l.Subscribe("a", func(string, []byte) {})
			stop := l.Watch(func() { go l.Publish(t.Context(), "a", nil) })
			time.Sleep(30 * time.Second)
			stop()
		})
	})
}

// TestAFailureIsTheSameEachTime: else the log would tell it each time.
func TestAFailureIsTheSameEachTime(t *testing.T) {
	reset := func(port int) string {
		local := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: port}
		return byError(&net.OpError{Op: "read", Net: "tcp", Source: local, Addr: local, Err: syscall.ECONNRESET}).Error()
	}
	if a, b := reset(40001), reset(40002); a != b || !strings.Contains(a, "read: connection reset by peer") {
		t.Errorf("%q, then %q", a, b)
	}
}
