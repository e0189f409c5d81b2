package mqtt

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

func TestMessagesReachWhoAsksForThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		l := b.link(nil)
		var before, exact, again, all inbox
		l.Subscribe("$aws/things/t/jobs/notify-next", before.deliver) // while offline
		connected(t, l)
		l.Subscribe("$aws/things/t/jobs/+/get/accepted", exact.deliver)
		stop := l.Subscribe("$aws/things/t/jobs/+/get/accepted", again.deliver)
		l.Subscribe("$aws/things/t/#", all.deliver)
		for _, topic := range []string{"$aws/things/t/jobs/notify-next", "$aws/things/t/jobs/J1/get/accepted", "$aws/things/u/jobs/notify-next"} {
			if err := l.Publish(t.Context(), topic, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if got := before.take(); got != "$aws/things/t/jobs/notify-next=x" {
			t.Errorf("notify-next: %q", got)
		}
		for _, i := range []*inbox{&exact, &again} {
			if got := i.take(); got != "$aws/things/t/jobs/J1/get/accepted=x" {
				t.Errorf("get: %q", got)
			}
		}
		if got := all.take(); strings.Count(got, "=") < 2 || strings.Contains(got, "/u/") {
			t.Errorf("all: %q", got)
		}
		// One of two with the same filter ends, and the other stands.
		stop()
		synctest.Wait()
		if err := l.Publish(t.Context(), "$aws/things/t/jobs/J2/get/accepted", nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := exact.take() + again.take(); got != "$aws/things/t/jobs/J2/get/accepted=" {
			t.Errorf("after stop: %q", got)
		}
	})
}

func TestWhatEndsIsUnsubscribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		l := b.link(nil)
		connected(t, l)
		standing := func() int {
			cl, ok := b.server.Clients.Get("pump-7-abota")
			if !ok {
				t.Fatal("the broker does not know the client")
			}
			return cl.State.Subscriptions.Len()
		}
		for range 50 {
			stop := l.Subscribe("a/b", func(string, []byte) {})
			if got := standing(); got != 1 {
				t.Fatalf("%d subscriptions stand", got)
			}
			stop() // unsubscribing may come behind the next Subscribe
		}
		stop := l.Subscribe("a/b", func(string, []byte) {})
		synctest.Wait()
		if got := standing(); got != 1 {
			t.Errorf("%d subscriptions stand", got)
		}
		stop()
		synctest.Wait()
		if got := standing(); got != 0 {
			t.Errorf("%d subscriptions are left", got)
		}
	})
}

func TestSubscriptionsStandBeforeWatchersAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		l := b.link(nil)
		var got inbox
		for i := range 20 { // more than fit into one packet
			l.Subscribe("topic/"+string(rune('a'+i)), got.deliver)
		}
		ups := 0
		stop := l.Watch(func() {
			ups++
			if err := b.server.Publish("topic/t", []byte("x"), false, 0); err != nil {
				t.Error(err)
			}
		})
		connected(t, l)
		for range 5 {
			time.Sleep(time.Hour)
			b.fail(false)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := strings.TrimSpace(strings.Repeat("topic/t=x ", 6)); ups != 6 || got.take() != want {
			t.Errorf("%d connections, and not a message in each", ups)
		}
		stop()
		b.fail(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if ups != 6 {
			t.Error("it was told after stop")
		}
	})
}

func TestPublishThatIsNotAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		b.rules.publish = func(packets.Packet) error { return packets.ErrRejectPacket } // which sends no PUBACK
		l := b.link(nil)
		connected(t, l)
		began := time.Now()
		if err := l.Publish(t.Context(), "a", nil); !errors.Is(err, ErrUnanswered) || time.Since(began) != 10*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Publish(ctx, "a", nil); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnanswered) {
			t.Errorf("error %v", err)
		}
		// It does not stay so for ever: another connection may be better.
		for range 10 {
			_ = l.Publish(t.Context(), "a", nil)
		}
		time.Sleep(time.Minute)
		if b.dialled() != 2 {
			t.Errorf("%d connections", b.dialled())
		}
	})
}

func TestPublishWhileTheConnectionIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		b.rules.publish = func(packets.Packet) error { return packets.ErrRejectPacket }
		l := b.link(nil)
		connected(t, l)
		time.AfterFunc(3*time.Second, func() { b.fail(false) })
		began := time.Now()
		if err := l.Publish(t.Context(), "a", nil); !errors.Is(err, ErrOffline) || time.Since(began) != 3*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

func TestWhatThePolicyDoesNotAllow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log record
		b := newBroker(t)
		b.rules.access = func(topic string, _ bool) bool { return !strings.HasPrefix(topic, "secret") }
		l := b.link(func(o *Options) { o.Log = log.logger() })
		l.Subscribe("secret/#", func(string, []byte) {})
		connected(t, l)
		if err := l.Publish(t.Context(), "secret/a", nil); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "iot:Publish") {
			t.Errorf("error %v", err)
		}
		if log.count("iot:Subscribe") != 1 || log.count("secret/#") != 1 {
			t.Errorf("the log says %s", log.String())
		}
		if b.dialled() != 1 || l.Publish(t.Context(), "open", nil) != nil {
			t.Error("the connection did not last")
		}
	})
}

// TestUnaskedAnswersAreDelivered: AWS IoT sends them whether the subscription
// was granted or not.
func TestUnaskedAnswersAreDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		b.rules.access = func(topic string, write bool) bool { return write }
		l := b.link(nil)
		var got inbox
		l.Subscribe("$aws/things/t/jobs/$next/get/accepted", got.deliver)
		connected(t, l)
		cl, _ := b.server.Clients.Get("pump-7-abota")
		err := cl.WritePacket(packets.Packet{
			FixedHeader: packets.FixedHeader{Type: packets.Publish}, ProtocolVersion: 5,
			TopicName: "$aws/things/t/jobs/$next/get/accepted", Payload: []byte("{}"),
		})
		synctest.Wait()
		if err != nil || got.take() != "$aws/things/t/jobs/$next/get/accepted={}" {
			t.Errorf("not delivered: %v", err)
		}
	})
}

func TestAMessageOfTheLargestSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		l := b.link(nil)
		got := 0
		l.Subscribe("a", func(_ string, p []byte) { got += len(p) })
		connected(t, l)
		for range 20 {
			if err := l.Publish(t.Context(), "a", make([]byte, 128<<10)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if got != 20*128<<10 {
			t.Errorf("%d bytes came", got)
		}
	})
}

func TestRunEndsInGoodOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		l, err := New(Options{Address: "broker.example.com", ClientID: "c", Dial: b.dial})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { l.Run(ctx); close(over) }()
		connected(t, l)
		cancel()
		<-over
		synctest.Wait()
		b.rules.mu.Lock()
		defer b.rules.mu.Unlock()
		if len(b.rules.disconnected) != 1 || b.rules.disconnected[0] != nil && !errors.Is(b.rules.disconnected[0], packets.CodeDisconnect) {
			t.Errorf("the broker saw %v", b.rules.disconnected)
		}
		if err := l.Publish(t.Context(), "a", nil); !errors.Is(err, ErrOffline) {
			t.Errorf("error %v", err)
		}
	})
}

func TestRunEndsWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		b.fail(true)
		l, err := New(Options{Address: "broker.example.com", ClientID: "c", Dial: b.dial})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		l.Run(ctx)
	})
}

func TestOptions(t *testing.T) {
	for says, o := range map[string]Options{
		"no address is given": {ClientID: "c"},
		"that is no address":  {ClientID: "c", Address: "https://host"},
		`"host:x"`:            {ClientID: "c", Address: "host:x"},
		`"host:0"`:            {ClientID: "c", Address: "host:0"},
		`":8883"`:             {ClientID: "c", Address: ":8883"},
		"no client ID":        {Address: "host"},
		"1 to 128 bytes":      {Address: "host", ClientID: strings.Repeat("x", 129)},
		`"a\x00b"`:            {Address: "host", ClientID: "a\x00b"},
		"every 1.5s":          {Address: "host", ClientID: "c", KeepAlive: 1500 * time.Millisecond},
		"every 24h0m0s":       {Address: "host", ClientID: "c", KeepAlive: 24 * time.Hour},
		"every -1m0s":         {Address: "host", ClientID: "c", KeepAlive: -time.Minute},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: error %v does not say %q", o, err, says)
		}
	}
	for address, want := range map[string]string{
		"a.iot.eu-west-1.amazonaws.com": "a.iot.eu-west-1.amazonaws.com:8883",
		"host:443":                      "host:443", "[::1]:1883": "[::1]:1883", "[::1]": "[::1]:8883", "::1": "[::1]:8883",
	} {
		if l, err := New(Options{Address: address, ClientID: "c"}); err != nil || l.o.Address != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	if got := protocols("host:443"); !slices.Equal(got, []string{"x-amzn-mqtt-ca"}) {
		t.Errorf("port 443 has the names %v", got)
	}
	if got := protocols("host:8883"); got != nil {
		t.Errorf("port 8883 has the names %v", got)
	}
}
