package source

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxErrorBody bounds what is read of an error response, which the SDK takes
// into memory whole. S3's own are a few hundred bytes.
const maxErrorBody = 64 << 10

// wire sends single requests: no redirects (a signature is for one host), no
// transparent compression (a range counts stored bytes), no deadline for the
// whole, but one for each silence.
type wire struct{ transport *http.Transport }

func newWire(o S3Options) *wire {
	t := o.Timeouts
	dialer := net.Dialer{Timeout: t.Connect}
	return &wire{&http.Transport{
		Proxy: quietly(http.ProxyFromEnvironment),
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &idleConn{Conn: conn, idle: t.Idle}, nil
		},
		TLSClientConfig:       o.TLS.Clone(),
		TLSHandshakeTimeout:   t.Handshake,
		ResponseHeaderTimeout: t.Header,
		// An unused connection goes before its read deadline can meet the
		// next request.
		IdleConnTimeout:    t.Idle / 2,
		MaxIdleConns:       2,
		DisableCompression: true,
	}}
}

// quietly keeps the environment's proxy URL, which may hold a password, out
// of the error that says it cannot be parsed.
func quietly(proxy func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(req *http.Request) (*url.URL, error) {
		u, err := proxy(req)
		if err != nil {
			return nil, errors.New("HTTP_PROXY or HTTPS_PROXY is not a URL")
		}
		return u, nil
	}
}

// Do is what the SDK calls.
func (w *wire) Do(req *http.Request) (*http.Response, error) {
	resp, err := w.transport.RoundTrip(req)
	if err == nil && resp.StatusCode >= 300 {
		resp.Body = limitedBody{io.LimitReader(resp.Body, maxErrorBody), resp.Body}
	}
	return resp, err
}

type limitedBody struct {
	io.Reader
	io.Closer
}

// idleConn fails a Read that brings nothing for the idle time. Time in which
// nobody reads does not count: a slow disk is not the network's fault.
type idleConn struct {
	net.Conn
	idle time.Duration
}

func (c *idleConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}
