package front

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/elazarl/goproxy"
)

// Forward is an HTTP proxy, as between a company and the world.
type Forward struct {
	server  *http.Server
	address string
	passed  atomic.Int64
}

// NewForward starts one. With a user it demands the password.
func NewForward(user, password string) (*Forward, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the HTTP proxy: %w", err)
	}
	p := goproxy.NewProxyHttpServer()
	p.KeepHeader = true // or signatures would not hold
	p.Logger = log.New(io.Discard, "", 0)
	f := &Forward{address: l.Addr().String()}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	f.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user != "" && r.Header.Get("Proxy-Authorization") != want {
			w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
			http.Error(w, "who are you?", http.StatusProxyAuthRequired)
			return
		}
		r.Header.Del("Proxy-Authorization")
		f.passed.Add(1)
		p.ServeHTTP(w, r)
	})}
	go func() {
		_ = f.server.Serve(l) // ends by Close only
	}()
	return f, nil
}

// URL is the proxy's address, with user and password when they are given as
// "user:password".
func (f *Forward) URL(login string) string {
	if login != "" && !strings.HasSuffix(login, "@") {
		login += "@"
	}
	return "http://" + login + f.address
}

// Passed is how many requests or tunnels it let through.
func (f *Forward) Passed() int64 { return f.passed.Load() }

// Close ends it.
func (f *Forward) Close() { f.server.Close() }
