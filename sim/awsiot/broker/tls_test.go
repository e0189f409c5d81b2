package broker

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"abota/sim/front"
)

func tryDial(addr string) (net.Conn, error) { return net.DialTimeout("tcp", addr, patience) }

func TestDevicesComeWithTheirCertificate(t *testing.T) {
	w := newWorld(t)
	config, id := w.device(t, "dev-1")
	stranger, err := front.NewAuthority("stranger", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	foreign, _ := certificate(t, stranger)
	unknown, _ := certificate(t, w.ca)
	with := func(change func(*tls.Config)) *tls.Config {
		c := config.Clone()
		change(c)
		return c
	}
	for _, c := range []struct {
		name   string
		addr   string
		config *tls.Config
		want   bool
	}{
		{"as on 8883", w.AddrTLS(), config, true},
		{"as on 8883, protocol named", w.AddrTLS(), with(func(c *tls.Config) { c.NextProtos = []string{protocolALPN} }), true},
		{"as on 8883, TLS 1.2", w.AddrTLS(), with(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), true},
		{"as on 8883, another protocol named", w.AddrTLS(), with(func(c *tls.Config) { c.NextProtos = []string{"h2"} }), false},
		{"as on 443, protocol named", w.AddrALPN(), with(func(c *tls.Config) { c.NextProtos = []string{protocolALPN} }), true},
		{"as on 443, not named", w.AddrALPN(), config, false},
		{"no certificate", w.AddrTLS(), with(func(c *tls.Config) { c.Certificates = nil }), false},
		{"a stranger's certificate", w.AddrTLS(), with(func(c *tls.Config) { c.Certificates = []tls.Certificate{foreign} }), false},
		{"one that is not registered", w.AddrTLS(), with(func(c *tls.Config) { c.Certificates = []tls.Certificate{unknown} }), false},
		{"no TLS", w.AddrTLS(), nil, false},
	} {
		cl, err := tryConnect(t, c.addr, c.config, "dev-1")
		if (err == nil) != c.want {
			t.Errorf("%s: %v, want to be let in: %v", c.name, err, c.want)
			continue
		}
		if c.want {
			cl.say(t, jobsTopic("dev-1", "start-next"), "{}")
			next(t, cl.got)
		}
	}
	connect(t, w.AddrTLS(), config, "by-name")
	for _, cl := range w.Clients() {
		if cl.ID == "by-name" && (cl.Certificate != id || cl.Name != "leaf" || cl.Port != "mqtts" || cl.Version != 5) {
			t.Errorf("known as %+v", cl)
		}
	}
}

func TestServerNameMayBeDemanded(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.RequireSNI = true })
	config, _ := w.device(t, "dev-1")
	connect(t, w.AddrTLS(), config, "named")
	config.ServerName = "127.0.0.1" // an address is not sent
	if _, err := tryConnect(t, w.AddrTLS(), config, "not-named"); err == nil {
		t.Error("let in without a name of the server")
	}
}

func TestCertificatesOpenTheirThingsOnly(t *testing.T) {
	w := newWorld(t)
	config, id := w.device(t, "dev-1")
	c := connect(t, w.AddrTLS(), config, "dev-1")
	if ack, err := c.trySubscribe(t, jobsTopic("dev-2", "notify")); err == nil || ack == nil || ack.Reasons[0] != 0x87 {
		t.Errorf("SUBACK of another thing's topic: %v %+v, want 0x87", err, ack)
	}
	c.listen(t, jobsTopic("dev-1", "notify"))
	go c.trySay(t.Context(), jobsTopic("dev-2", "start-next"), "{}")
	if got := wait(t, "DISCONNECT", c.gone); got != 0x87 {
		t.Errorf("ended with %#x, want 0x87", got)
	}
	w.model.mu.Lock()
	if len(w.model.asked) > 0 {
		t.Errorf("the model was asked all the same: %v", w.model.asked)
	}
	w.model.mu.Unlock()

	three := connectOld(t, w.AddrTLS(), config, "dev-1")
	three.Subscribe(jobsTopic("dev-2", "notify"), 1, nil)
	wait(t, "end of the MQTT 3 connection", three.gone)

	// Detached while it is connected.
	c = connect(t, w.AddrTLS(), config, "dev-1")
	c.listen(t, jobsTopic("dev-1", "notify"))
	w.model.attach(id)
	if err := w.Publish(jobsTopic("dev-1", "notify"), []byte("not for it any more"), 1, false); err != nil {
		t.Fatal(err)
	}
	w.nothing(t, c)
	go c.trySay(t.Context(), jobsTopic("dev-1", "start-next"), "{}")
	if got := wait(t, "DISCONNECT", c.gone); got != 0x87 {
		t.Errorf("after it was detached it ended with %#x, want 0x87", got)
	}
}
