package awsiot

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"time"

	"abota/sim/awsiot/control"
	"abota/sim/awsiot/roles"
)

// openServers serves the control plane, and with mutual TLS the credentials
// provider and the data planes.
func (c *Cloud) openServers(ctx context.Context) error {
	server, err := control.New(control.Options{
		Service: c.service, Signer: c.signer, Roles: c.roles, Store: c.store, Keys: control.NewKeyring(Account, c.store.Keys()), Clock: c.opts.Clock,
		Account: Account, Region: c.store.Region(), Publish: c.broker.Publish, Log: c.opts.Log,
	})
	if err != nil {
		return err
	}
	pair, err := c.serverCertificate()
	if err != nil {
		return err
	}
	secure := &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: c.authority.Pool(),
	}
	provider := &roles.Provider{Roles: c.roles, Registry: c, Keys: c.store.TemporaryKeys, Certificate: control.CertificateOf}
	e := &c.endpoints
	for _, s := range []struct {
		address *string
		scheme  string
		handler http.Handler
		tls     *tls.Config
	}{
		{&e.Control, "http", server, nil},
		{&e.Credentials, "https", provider, secure},
		{&e.Data, "https", server.Devices(c), secure},
	} {
		address, err := c.listen(ctx, s.handler, s.tls)
		if err != nil {
			return err
		}
		*s.address = s.scheme + "://" + address
	}
	e.Clock = e.Control + control.ClockPath
	c.addresses["iot:Data-ATS"] = c.seen(e.MQTTS)
	c.addresses["iot:Data"] = c.seen(e.MQTTS)
	c.addresses["iot:CredentialProvider"] = c.seen(e.Credentials)
	c.addresses["iot:Jobs"] = c.seen(e.Data)
	return nil
}

// listen serves on a free port, with TLS when there is a configuration.
func (c *Cloud) listen(ctx context.Context, handler http.Handler, secure *tls.Config) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", loopback+":0")
	if err != nil {
		return "", fmt.Errorf("listen for AWS IoT: %w", err)
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: time.Minute,
		ErrorLog: log.New(io.Discard, "", 0), // each refused handshake shows there
	}
	c.servers = append(c.servers, server)
	address := l.Addr().String()
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	go func() {
		_ = server.Serve(l) // ends by Close only
	}()
	return address, nil
}

// seen is an address or URL of ours as devices reach it: host:port.
func (c *Cloud) seen(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		address = u.Host
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return net.JoinHostPort(c.opts.Host, port)
}

// The waits between looks at the model's clock.
const (
	shortTick = 5 * time.Millisecond
	longTick  = 200 * time.Millisecond
)

// tick has the model's time pass, until the function that it returns is
// called.
func (c *Cloud) tick() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			c.service.Tick()
			select {
			case <-ctx.Done():
			case <-time.After(c.untilNext()):
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// untilNext is how long nothing happens, in real time.
func (c *Cloud) untilNext() time.Duration {
	next, any := c.service.Next()
	speed := c.opts.Clock.Speed()
	if !any || speed == 0 {
		return longTick
	}
	wait := time.Duration(float64(next.Sub(c.opts.Clock.Now())) / speed)
	return min(max(wait, shortTick), longTick)
}
