package broker

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"abota/updater/mqtt"
	"abota/updater/source"
)

// link keeps a device's own connection to the broker.
func link(t *testing.T, addr string, config *tls.Config) *mqtt.Link {
	t.Helper()
	l, err := mqtt.New(mqtt.Options{
		ClientID: "dev-1-abota", Timeout: time.Second, First: time.Millisecond, Longest: 10 * time.Millisecond, Address: addr,
		Dial: func(ctx context.Context, _ string, _ []string) (net.Conn, error) {
			var d tls.Dialer
			d.Config = config
			return d.DialContext(ctx, "tcp", addr)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return l
}

// The device's own code reads a file from the emulator whatever happens to its
// messages and its connection.
func TestDeviceReadsAStream(t *testing.T) {
	const size = 700_001
	w, m := newStreamWorld(t, size)
	config, _ := w.device(t, "dev-1")
	onStreams := func(f Fault) Fault { return On("$aws/things/+/streams/#", f) }
	alpn := config.Clone()
	alpn.NextProtos = []string{protocolALPN}
	for _, c := range []struct {
		name, format string
		alpn         bool
		fault        Fault
		every        int64 // bytes, after which the connection is gone
	}{
		{"CBOR", source.FormatCBOR, false, nil, 0},
		{"JSON, as on port 443", source.FormatJSON, true, nil, 0},
		{"losses", source.FormatCBOR, false, onStreams(Sometimes(4, 1, Lose)), 0},
		{"twice and in any order", source.FormatJSON, false, onStreams(All(Twice, Shuffle(1))), 0},
		{"cut again and again", source.FormatCBOR, false, nil, 200_000},
		{"all of it", source.FormatCBOR, true, onStreams(All(Shuffle(2), Sometimes(4, 3, Lose), Sometimes(5, 4, Twice))), 300_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.Set(c.fault)
			addr, tlsConfig := w.AddrTLS(), config
			if c.alpn {
				addr, tlsConfig = w.AddrALPN(), alpn
			}
			s, err := source.NewStream(source.StreamOptions{
				Link: link(t, addr, tlsConfig), Thing: "dev-1", Stream: "S", Size: size, Format: c.format, BlockSize: 8192,
				Network: source.Network{Timeouts: source.Timeouts{Idle: 300 * time.Millisecond}},
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			o, err := s.Open(ctx, "fw")
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			var got bytes.Buffer
			for {
				_, err := io.CopyN(&got, o, max(c.every, 1<<16))
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if c.every > 0 {
					w.Stop()
					if err := w.Listen(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if !bytes.Equal(got.Bytes(), m.files["fw@v1"]) {
				t.Errorf("%d bytes came, and not those of the file", got.Len())
			}
		})
	}
}
