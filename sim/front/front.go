package front

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// sendBuffer bounds what the kernel may hold of an answer, in bytes.
const sendBuffer = 64 << 10

// Front is a server before a store. Its methods may be called at any time,
// also while requests are under way.
type Front struct {
	Meter
	upstream *url.URL
	store    *httputil.ReverseProxy
	tls      *tls.Config

	mu      sync.Mutex
	lines   []*line // the last one is for new requests
	fault   Fault
	address string
	port    net.Listener // nil while it refuses
	server  *http.Server
}

// New puts a front before the store at the URL. With a configuration it speaks
// TLS, and plain HTTP with nil.
func New(store string, config *tls.Config) (*Front, error) {
	u, err := url.Parse(store)
	if err != nil {
		return nil, fmt.Errorf("put a front before the store: %w", err)
	}
	f := &Front{upstream: u, tls: config, address: "127.0.0.1:0"}
	f.store = f.proxy()
	if err := errors.Join(f.Replace(), f.Answer()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// proxy passes requests on as they are. Each gets a connection of its own
// behind it, so that what was done to one line is not met again.
func (f *Front) proxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: f.upstream.Scheme, Host: f.line().address()})
			r.Out.Host = r.In.Host
		},
		Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // each cut shows there
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {
			panic(http.ErrAbortHandler) // no server, no answer
		},
	}
}

// Endpoint is the front's URL, by address.
func (f *Front) Endpoint() string {
	scheme := "http"
	if f.tls != nil {
		scheme = "https"
	}
	return scheme + "://" + f.Address()
}

// Address is where it listens, or would.
func (f *Front) Address() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.address
}

// Answer listens, at the same port as before if it did.
func (f *Front) Answer() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.port != nil {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", f.address)
	if err != nil {
		return fmt.Errorf("listen before the store: %w", err)
	}
	f.port, f.address = l, l.Addr().String()
	f.server = &http.Server{
		Handler:           http.HandlerFunc(f.serve),
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // each refused handshake shows there
		ConnContext:       remember,
	}
	l = narrow{l}
	if f.tls != nil {
		l = tls.NewListener(l, f.tls)
	}
	go func(s *http.Server) {
		_ = s.Serve(l) // ends by Refuse only
	}(f.server)
	return nil
}

// Refuse stops listening and drops every connection.
func (f *Front) Refuse() {
	f.mu.Lock()
	port, server := f.port, f.server
	f.port = nil
	f.mu.Unlock()
	if port != nil {
		// The server knows its listener only once it serves.
		port.Close()
		server.Close()
	}
}

// Close ends the front and its lines.
func (f *Front) Close() {
	f.Refuse()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.lines {
		l.close()
	}
	f.lines = nil
}

// Afflict puts a toxic on the line to the store, also on answers under way.
func (f *Front) Afflict(t Toxic) error { return f.line().add(t) }

// Replace gives new requests a line without toxics; those under way keep
// theirs.
func (f *Front) Replace() error {
	l, err := newLine(f.upstream.Host)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, l)
	return nil
}

func (f *Front) line() *line {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lines[len(f.lines)-1]
}

// Set makes fault the one that requests meet from now on; nil is none.
func (f *Front) Set(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// Heal takes every fault away and answers again.
func (f *Front) Heal() error {
	f.Set(nil)
	return errors.Join(f.Replace(), f.Answer())
}

func (f *Front) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	fault := f.fault
	f.mu.Unlock()
	mw := f.begin(w, r)
	if fault == nil {
		fault = Pass
	}
	fault(f, mw, r)
}

// narrow is a listener whose connections hold little.
type narrow struct{ net.Listener }

func (n narrow) Accept() (net.Conn, error) {
	conn, err := n.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
		err = tcp.SetWriteBuffer(sendBuffer)
	}
	return conn, err
}

type connKey struct{}

// remember keeps the TCP connection for those who want to reset it.
func remember(ctx context.Context, conn net.Conn) context.Context {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return context.WithValue(ctx, connKey{}, conn)
}

// tear ends a connection without a farewell: by RST instead of FIN when reset
// is set. It does not return.
func tear(r *http.Request, reset bool) {
	if conn, ok := r.Context().Value(connKey{}).(*net.TCPConn); ok && reset {
		_ = conn.SetLinger(0) // fails only if it is gone already
	}
	panic(http.ErrAbortHandler)
}
