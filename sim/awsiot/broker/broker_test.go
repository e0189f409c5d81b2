package broker

import (
	"context"
	"fmt"
	"testing"

	"github.com/eclipse/paho.golang/paho"
	mqtt3 "github.com/eclipse/paho.mqtt.golang"
	"github.com/mochi-mqtt/server/v2/packets"

	"abota/sim/awsiot/service"
)

func TestRepliesReachWhoAskedAndNobodyElse(t *testing.T) {
	w := newWorld(t)
	other := connect(t, w.Addr(), nil, "other")
	other.listen(t, "$aws/things/dev-1/jobs/#")
	c := connect(t, w.Addr(), nil, "dev-1-abota")
	c.say(t, jobsTopic("dev-1", "start-next"), `{"clientToken":"t"}`)
	want := incoming{jobsTopic("dev-1", "start-next/accepted"), `{"clientToken":"t","timestamp":1719943627}`, 0, false}
	if got := next(t, c.got); got != want {
		t.Errorf("got %+v, want %+v, though not subscribed", got, want)
	}
	w.nothing(t, other)

	c.listen(t, jobsTopic("dev-1", "start-next/+"))
	c.say(t, jobsTopic("dev-1", "start-next"), "")
	want.payload = `{"timestamp":1719943627}`
	if got := next(t, c.got); got != want {
		t.Errorf("a request of no bytes got %+v, want %+v", got, want)
	}
	w.nothing(t, c) // not a second time by its subscription
}

func TestMQTT311IsServedTheSame(t *testing.T) {
	w := newWorld(t)
	c := connectOld(t, w.Addr(), nil, "dev-1")
	done(t, "subscribe", c.Subscribe(jobsTopic("dev-1", "notify"), 1, nil))
	done(t, "publish", c.Publish(jobsTopic("dev-1", "start-next"), 1, false, `{"clientToken":"t"}`))
	want := incoming{jobsTopic("dev-1", "start-next/accepted"), `{"clientToken":"t","timestamp":1719943627}`, 0, false}
	if got := next(t, c.got); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	w.Announce(service.Announcement{Topic: jobsTopic("dev-1", "notify"), Payload: []byte(`{"timestamp":1,"jobs":{}}`)})
	want = incoming{jobsTopic("dev-1", "notify"), `{"timestamp":1,"jobs":{}}`, 1, false}
	if got := next(t, c.got); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAnnouncementsReachSubscribersInOrder(t *testing.T) {
	w := newWorld(t)
	one, two := connect(t, w.Addr(), nil, "one"), connect(t, w.Addr(), nil, "two")
	one.listen(t, jobsTopic("dev-1", "notify-next"))
	two.listen(t, jobsTopic("dev-2", "notify-next"))
	for i := range 50 {
		w.Announce(service.Announcement{Topic: jobsTopic("dev-1", "notify-next"), Payload: fmt.Append(nil, i)})
	}
	for i := range 50 {
		if got := next(t, one.got); got.payload != fmt.Sprint(i) {
			t.Fatalf("message %d is %+v", i, got)
		}
	}
	w.nothing(t, two)
}

func TestSecondConnectionTakesOver(t *testing.T) {
	w := newWorld(t)
	first := connect(t, w.Addr(), nil, "dev-1-abota")
	first.listen(t, jobsTopic("dev-1", "notify"))
	second := connect(t, w.Addr(), nil, "dev-1-abota")
	if reason := wait(t, "DISCONNECT", first.gone); reason != packets.ErrSessionTakenOver.Code {
		t.Errorf("the first connection ended with %#x, want 0x8e", reason)
	}
	second.listen(t, jobsTopic("dev-1", "notify"))
	w.Announce(service.Announcement{Topic: jobsTopic("dev-1", "notify"), Payload: []byte("x")})
	next(t, second.got)

	third := connectOld(t, w.Addr(), nil, "dev-1-abota")
	if reason := wait(t, "DISCONNECT", second.gone); reason != packets.ErrSessionTakenOver.Code {
		t.Errorf("the second connection ended with %#x, want 0x8e", reason)
	}
	connect(t, w.Addr(), nil, "dev-1-abota")
	wait(t, "end of the third connection", third.gone)
}

func TestRefusedConnectionsAreToldWhy(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name   string
		id     string
		change func(*paho.Connect)
		want   byte
	}{
		{"a long client ID", repeat("x", 129), func(*paho.Connect) {}, 0x85},
		{"a reserved client ID", "$dev", func(*paho.Connect) {}, 0x85},
		{"a will on a reserved topic", "dev", func(p *paho.Connect) {
			p.WillMessage = &paho.WillMessage{Topic: jobsTopic("dev", "get"), Payload: []byte("x")}
		}, 0x87},
	} {
		got, err := tryConnect(t, w.Addr(), nil, c.id, c.change)
		if err == nil || got.connack == nil || got.connack.ReasonCode != c.want {
			t.Errorf("%s: %v, %+v, want %#x", c.name, err, got.connack, c.want)
		}
	}
}

func TestConnackTellsTheBounds(t *testing.T) {
	w := newWorld(t)
	c := connect(t, w.Addr(), nil, "dev", func(p *paho.Connect) { p.KeepAlive = 3600 })
	p := c.connack.Properties
	if p.ServerKeepAlive == nil || *p.ServerKeepAlive != 1200 {
		t.Errorf("keep-alive is %v, want 1200", p.ServerKeepAlive)
	}
	if p.MaximumQoS == nil || *p.MaximumQoS != 1 || *p.ReceiveMaximum != 100 || *p.MaximumPacketSize != 149504 || *p.TopicAliasMaximum != 8 {
		t.Errorf("CONNACK says %+v", p)
	}
	usual := connect(t, w.Addr(), nil, "dev-2")
	if k := usual.connack.Properties.ServerKeepAlive; k != nil {
		t.Errorf("a keep-alive of 60 became %d", *k)
	}
}

func TestWhatGoesTooFarEndsTheConnection(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name string
		do   func(*client)
		want byte
	}{
		{"a payload over 128 KiB", func(c *client) { go c.trySay(t.Context(), "a", repeat("x", maxPayload+1)) }, 0x95},
		{"a long topic", func(c *client) { go c.trySay(t.Context(), repeat("x", 257), "") }, 0x90},
		{"eight slashes", func(c *client) { go c.trySay(t.Context(), "1/2/3/4/5/6/7/8/9", "") }, 0x90},
		{"a topic to be read only", func(c *client) { go c.trySay(t.Context(), "$aws/events/job/1/completed", "") }, 0x87},
		{"a topic of other brokers", func(c *client) { go c.trySay(t.Context(), "$SYS/x", "") }, 0x87},
		{"a retained message there", func(c *client) {
			go c.Publish(t.Context(), &paho.Publish{Topic: jobsTopic("a", "get"), QoS: 1, Retain: true, Payload: []byte("{}")})
		}, 0x87},
		{"nine filters", func(c *client) { go c.trySubscribe(t, "1", "2", "3", "4", "5", "6", "7", "8", "9") }, 0x97},
	} {
		cl := connect(t, w.Addr(), nil, "greedy")
		c.do(cl)
		if got := wait(t, "DISCONNECT after "+c.name, cl.gone); got != c.want {
			t.Errorf("%s: ended with %#x, want %#x", c.name, got, c.want)
		}
	}
	fair := connect(t, w.Addr(), nil, "fair")
	fair.say(t, "a", repeat("x", maxPayload))
	fair.say(t, repeat("x", 256), "")
	for i := range maxSubs {
		fair.listen(t, fmt.Sprintf("f/%d", i))
	}
	go fair.trySubscribe(t, "one/more")
	if got := wait(t, "DISCONNECT after 51 filters", fair.gone); got != 0x97 {
		t.Errorf("51 filters ended with %#x, want 0x97", got)
	}
}

func TestQoS2IsNotServed(t *testing.T) {
	w := newWorld(t)
	c := connectOld(t, w.Addr(), nil, "dev")
	c.Publish("a", 2, false, "x")
	wait(t, "end of the connection", c.gone)
}

func TestTopicsBehindAnAliasAreChecked(t *testing.T) {
	w := newWorld(t)
	config, _ := w.device(t, "dev-1")
	c := connect(t, w.AddrTLS(), config, "dev-1")
	alias := uint16(1)
	publish := func(topic string) {
		go c.Publish(context.Background(), &paho.Publish{Topic: topic, QoS: 1, Payload: []byte("{}"), Properties: &paho.PublishProperties{TopicAlias: &alias}})
	}
	publish(jobsTopic("dev-1", "start-next"))
	next(t, c.got)
	publish("") // the same again
	if got := next(t, c.got); got.topic != jobsTopic("dev-1", "start-next/accepted") {
		t.Errorf("got %+v", got)
	}
	publish(jobsTopic("dev-2", "start-next"))
	if got := wait(t, "DISCONNECT", c.gone); got != 0x87 {
		t.Errorf("ended with %#x, want 0x87", got)
	}
}

func TestSessionsOutliveTheListener(t *testing.T) {
	w := newWorld(t)
	addr := w.Addr()
	kept := func(o *mqtt3.ClientOptions) { o.SetCleanSession(false) }
	c := connectOld(t, addr, nil, "dev", kept)
	done(t, "subscribe", c.Subscribe("news", 1, nil))
	w.Stop()
	wait(t, "end of the connection", c.gone)
	if _, err := tryDial(addr); err == nil {
		t.Error("it still listens")
	}
	if err := w.Publish("news", []byte("while it was gone"), 1, false); err != nil {
		t.Fatal(err)
	}
	if err := w.Listen(); err != nil {
		t.Fatal(err)
	}
	if w.Addr() != addr {
		t.Errorf("listens at %s, not again at %s", w.Addr(), addr)
	}
	again := connectOld(t, addr, nil, "dev", kept)
	if got := next(t, again.got); got.payload != "while it was gone" {
		t.Errorf("got %+v", got)
	}
}

func TestRetainedMessagesAreForWhoNamesTheTopic(t *testing.T) {
	w := newWorld(t)
	if err := w.Publish("news/1", []byte("kept"), 1, true); err != nil {
		t.Fatal(err)
	}
	c := connect(t, w.Addr(), nil, "dev")
	c.listen(t, "news/+")
	w.nothing(t, c)
	c.listen(t, "news/1")
	if got := next(t, c.got); got.payload != "kept" || !got.retain {
		t.Errorf("got %+v", got)
	}
}

func TestKickAndCut(t *testing.T) {
	w := newWorld(t)
	kicked, cut := connect(t, w.Addr(), nil, "kicked"), connect(t, w.Addr(), nil, "cut")
	if !w.Kick("kicked") || !w.Cut("cut") || w.Kick("nobody") || w.Cut("nobody") {
		t.Error("who is connected is not known")
	}
	if got := wait(t, "DISCONNECT", kicked.gone); got != 0x98 {
		t.Errorf("kicked with %#x, want 0x98", got)
	}
	if got := wait(t, "end", cut.gone); got != noReason {
		t.Errorf("cut with %#x, want no word", got)
	}
}

func TestClosedBrokerIsGone(t *testing.T) {
	w := newWorld(t)
	c := connect(t, w.Addr(), nil, "dev")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	wait(t, "end of the connection", c.gone)
	if _, err := tryDial(w.Addr()); err == nil {
		t.Error("it still listens")
	}
}
