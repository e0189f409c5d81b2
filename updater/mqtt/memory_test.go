package mqtt

import (
	"context"
	"net"
	"runtime"
	"testing"
	"testing/synctest"

	pahopackets "github.com/eclipse/paho.golang/packets"
)

// echo is a broker that keeps nothing itself: it acknowledges every message and
// sends it back.
func echo(context.Context, string, []string) (net.Conn, error) {
	ours, theirs := newPipe()
	go func() {
		defer theirs.Close()
		for {
			p, err := pahopackets.ReadPacket(theirs)
			if err != nil {
				return
			}
			switch c := p.Content.(type) {
			case *pahopackets.Connect:
				theirs.Write(granted)
			case *pahopackets.Subscribe:
				theirs.Write([]byte{0x90, 4, byte(c.PacketID >> 8), byte(c.PacketID), 0, 1})
			case *pahopackets.Publish:
				theirs.Write([]byte{0x40, 2, byte(c.PacketID >> 8), byte(c.PacketID)})
				c.WriteTo(theirs)
			}
		}
	}()
	return ours, nil
}

// TestMemoryDoesNotGrowWithMessages: nothing is kept of what went through.
func TestMemoryDoesNotGrowWithMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := startLink(t, echo)
		came := 0
		l.Subscribe("a", func(string, []byte) { came++ })
		connected(t, l)
		send := func(n int) int64 {
			for range n {
				if err := l.Publish(t.Context(), "a", make([]byte, 1000)); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		before := send(100)
		if grown := send(5000) - before; grown > 1<<20 || came != 5100 {
			t.Errorf("%d messages came, and left %d KiB", came, grown>>10)
		}
	})
}
