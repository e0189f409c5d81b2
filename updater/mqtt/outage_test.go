package mqtt

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log record
		b := newBroker(t)
		b.fail(true)
		l := b.link(func(o *Options) { o.Log = log.logger() })
		time.Sleep(24 * time.Hour)
		if err := l.Publish(t.Context(), "a", nil); !errors.Is(err, ErrOffline) || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("error %v", err)
		}
		if err := l.Err(); !errors.Is(err, ErrOffline) {
			t.Errorf("Err is %v", err)
		}
		if n := b.dialled(); n < 24*60/5 || n > 24*60/5*2+10 {
			t.Errorf("%d attempts in 24 hours", n)
		}
		pauses := []time.Duration{}
		for i := range b.dials[:10] {
			pauses = append(pauses, b.dials[i+1].Sub(b.dials[i]))
		}
		for i, d := range pauses {
			if most := min(time.Second<<i, 5*time.Minute); d > most || d < most/2 {
				t.Errorf("pauses %s", pauses)
			}
		}
		b.fail(false)
		connected(t, l)
		if l.Err() != nil || l.Publish(t.Context(), "a", nil) != nil {
			t.Error("it is not connected")
		}
		if n := log.count("no connection"); n != 1 {
			t.Errorf("the outage was told %d times:\n%s", n, log.String())
		}
	})
}

func TestALostConnectionIsMadeAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		l := b.link(nil)
		connected(t, l)
		for range 5 {
			time.Sleep(time.Hour)
			lost := time.Now()
			b.fail(false)
			synctest.Wait()
			connected(t, l)
			if took := time.Since(lost); took > time.Second {
				t.Errorf("it took %s", took)
			}
		}
	})
}

func TestARefusalIsToldOnceAndTriedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log record
		b := newBroker(t)
		b.rules.connect = func(string) bool { return false }
		l := b.link(func(o *Options) { o.Log = log.logger() })
		time.Sleep(24 * time.Hour)
		if n := b.dialled(); n < 24*4 || n > 24*8+10 {
			t.Errorf("%d attempts in 24 hours", n)
		}
		if err := l.Publish(t.Context(), "a", nil); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), `not authorised to connect as client \"pump-7-abota\"`) && !strings.Contains(err.Error(), `not authorised to connect as client "pump-7-abota"`) {
			t.Errorf("error %v", err)
		}
		if n := log.count("not authorised"); n != 1 {
			t.Errorf("it was told %d times", n)
		}
		b.rules.mu.Lock()
		b.rules.connect = nil
		b.rules.mu.Unlock()
		connected(t, l)
	})
}

// TestTwoWithOneClientID do not chase each other.
func TestTwoWithOneClientID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log record
		b := newBroker(t)
		first := b.link(func(o *Options) { o.Log = log.logger() })
		connected(t, first)
		second := b.link(nil)
		connected(t, second)
		synctest.Wait()
		if err := first.Publish(t.Context(), "a", nil); !errors.Is(err, ErrTakenOver) || !strings.Contains(err.Error(), "pump-7-abota") {
			t.Errorf("error %v", err)
		}
		time.Sleep(24 * time.Hour)
		if n := b.dialled(); n > 80 {
			t.Errorf("%d connections in 24 hours", n)
		}
		if log.count("pump-7-abota") == 0 {
			t.Errorf("the log does not name the client: %s", log.String())
		}
		t.Logf("%d connections in 24 hours", b.dialled())
	})
}

// TestTwoWithOneClientIDAndASilentBroker: some brokers just hang up on the older
// connection.
func TestTwoWithOneClientIDAndASilentBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		b.rules.connect = func(client string) bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			for old := range b.conns {
				if old != b.newest {
					old.Close()
					delete(b.conns, old)
				}
			}
			return true
		}
		for range 2 {
			connected(t, b.link(nil))
		}
		time.Sleep(24 * time.Hour)
		if n := b.dialled(); n > 600 {
			t.Errorf("%d connections in 24 hours", n)
		}
		t.Logf("%d connections in 24 hours", b.dialled())
	})
}

func TestABrokerThatIsSilentlyGone(t *testing.T) {
	for _, keepAlive := range []time.Duration{2 * time.Second, time.Minute, 20 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			b := newBroker(t)
			l := b.link(func(o *Options) { o.KeepAlive = keepAlive })
			connected(t, l)
			time.Sleep(100 * keepAlive) // pings keep it
			if n := b.dialled(); n != 1 {
				t.Fatalf("%d connections", n)
			}
			b.hush()
			gone := time.Now()
			for l.Err() == nil {
				time.Sleep(10 * time.Millisecond)
			}
			if took := time.Since(gone); took > keepAlive*3/2+time.Second {
				t.Errorf("noticed after %s, with a keep-alive of %s", took, keepAlive)
			}
			if !strings.Contains(l.Err().Error(), "silent") {
				t.Errorf("Err is %v", l.Err())
			}
			connected(t, l)
		})
	}
}
