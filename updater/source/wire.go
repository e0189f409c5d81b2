package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxErrorBody bounds what is read of an error response, which is taken
// into memory whole. S3's own are a few hundred bytes.
const maxErrorBody = 64 << 10

// maxHeader bounds the header of a response, in bytes. S3's own has about a
// thousand, and at most 2 KiB of metadata.
const maxHeader = 256 << 10

// wire sends single requests: no redirects (a signature is for one host), no
// transparent compression (a range counts stored bytes), no deadline for the
// whole, but one for each silence.
type wire struct {
	transport *http.Transport
	trust     *trust
}

func newWire(n Network) *wire {
	t := n.Timeouts
	dialer := net.Dialer{Timeout: t.Connect}
	trust := &trust{now: n.Now, log: n.Log}
	return &wire{trust: trust, transport: &http.Transport{
		Proxy: proxyOf(n),
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
			return proxyRefusal(resp.StatusCode)
		},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &idleConn{Conn: conn, idle: t.Idle}, nil
		},
		TLSClientConfig:       trust.config(n.TLS),
		TLSHandshakeTimeout:   t.Handshake,
		ResponseHeaderTimeout: t.Header,
		// The library's own limit is a third of what an install may take.
		MaxResponseHeaderBytes: maxHeader,
		// An unused connection goes before its read deadline can meet the
		// next request.
		IdleConnTimeout:    t.Idle / 2,
		MaxIdleConns:       2,
		DisableCompression: true,
	}}
}

// proxyOf is the configured proxy, or that of the environment.
func proxyOf(n Network) func(*http.Request) (*url.URL, error) {
	if n.Proxy == "" {
		return quietly(http.ProxyFromEnvironment)
	}
	return func(*http.Request) (*url.URL, error) { return url.Parse(n.Proxy) }
}

// proxyRefusal is an error unless the proxy has made the connection.
func proxyRefusal(status int) error {
	switch {
	case status == http.StatusOK:
		return nil
	case status == http.StatusProxyAuthRequired:
		return errProxyAuth
	case status < 500 && status != http.StatusTooManyRequests:
		return &answer{kind: ErrDenied, why: fmt.Sprintf("the proxy says %d %s", status, http.StatusText(status)), advice: "allow it there, or correct proxy", final: true}
	}
	return &answer{kind: ErrTransport, why: fmt.Sprintf("the proxy says %d %s", status, http.StatusText(status)), advice: "try again later"}
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

// overTLS reports whether the server, or the proxy before it, shows a
// certificate.
func (w *wire) overTLS(req *http.Request) bool {
	proxy, err := w.transport.Proxy(req)
	return req.URL.Scheme == "https" || err == nil && proxy != nil && proxy.Scheme == "https"
}

// RoundTrip has read the whole of an error's body when it returns.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if w.trust.roots == nil && w.overTLS(req) {
		ownRoots()
	}
	resp, err := w.transport.RoundTrip(req)
	if err != nil && w.trust.forgives(err, req.URL.Hostname()) {
		resp, err = w.transport.RoundTrip(req) // which has no body
	}
	if err != nil || resp.StatusCode < 300 {
		return resp, err
	}
	slow := time.AfterFunc(w.transport.ResponseHeaderTimeout, func() { resp.Body.Close() })
	defer slow.Stop()
	defer resp.Body.Close()
	// What is missing of it is missed by nobody: the status is known.
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return resp, nil
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
