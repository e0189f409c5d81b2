package faults

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// relay is the network between a device and the broker: it passes bytes on, and
// can do what networks do.
type relay struct {
	mu       sync.Mutex
	target   string
	tls      *tls.Config // who it says it is; nil leaves that to the target
	address  string
	listener net.Listener // nil while nobody listens
	live     map[net.Conn]bool
	accepted int
	silent   bool          // nothing passes in either direction
	oneWay   bool          // or, with it, only what goes to the device
	thawed   chan struct{} // closed when that ends
	wg       sync.WaitGroup
}

func newRelay(target string) (*relay, error) {
	r := &relay{target: target, address: "127.0.0.1:0", live: map[net.Conn]bool{}}
	return r, r.listen()
}

// listen accepts connections, at the same port as before.
func (r *relay) listen() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listener != nil {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", r.address)
	if err != nil {
		return fmt.Errorf("listen before the broker: %w", err)
	}
	r.listener, r.address = l, l.Addr().String()
	r.wg.Go(func() { r.accept(l) })
	return nil
}

func (r *relay) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return // ends by refuse only
		}
		r.mu.Lock()
		r.accepted++
		r.live[c] = true
		target, config := r.target, r.tls
		r.mu.Unlock()
		r.wg.Go(func() { r.serve(c, target, config) })
	}
}

// serve passes one connection on.
func (r *relay) serve(device net.Conn, target string, config *tls.Config) {
	defer r.drop(device)
	inner := device
	if config != nil {
		secure := tls.Server(device, config)
		if secure.SetDeadline(time.Now().Add(10*time.Second)) != nil || secure.Handshake() != nil || secure.SetDeadline(time.Time{}) != nil {
			return
		}
		inner = secure
	}
	var d net.Dialer
	broker, err := d.DialContext(context.Background(), "tcp", target)
	if err != nil {
		return
	}
	r.mu.Lock()
	r.live[broker] = true
	r.mu.Unlock()
	defer r.drop(broker)
	var both sync.WaitGroup
	both.Go(func() {
		defer r.drop(broker)
		r.pass(broker, inner, false)
	})
	both.Go(func() {
		defer r.drop(device)
		r.pass(inner, broker, true)
	})
	both.Wait()
}

func (r *relay) pass(to io.Writer, from io.Reader, down bool) {
	buf := make([]byte, 4<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			r.hold(down)
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// hold waits as long as nothing passes.
func (r *relay) hold(down bool) {
	r.mu.Lock()
	silent, thawed := r.silent && !(r.oneWay && down), r.thawed
	r.mu.Unlock()
	if silent {
		<-thawed
	}
}

// reset ends every connection by RST.
func (r *relay) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.live {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // fails only if it is gone already
		}
		c.Close()
	}
}

// refuse ends every connection, and takes no new ones.
func (r *relay) refuse() {
	r.mu.Lock()
	if r.listener != nil {
		r.listener.Close()
		r.listener = nil
	}
	r.mu.Unlock()
	r.reset()
}

// freeze has nothing pass any more, without a word to anybody.
func (r *relay) freeze() { r.hush(false) }

// mute has nothing of what the device says pass.
func (r *relay) mute() { r.hush(true) }

func (r *relay) hush(oneWay bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.silent {
		r.silent, r.thawed = true, make(chan struct{})
	}
	r.oneWay = oneWay
}

// thaw lets bytes pass. What was on its way while nothing passed is lost with
// its connections.
func (r *relay) thaw() {
	r.mu.Lock()
	was := r.silent
	r.mu.Unlock()
	if !was {
		return
	}
	r.reset()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silent = false
	close(r.thawed)
}

// become has the relay speak TLS itself, as a broker with this certificate, and
// go on to the target; nil passes TLS on.
func (r *relay) become(config *tls.Config, target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tls, r.target = config, target
}

// connections is how many there were.
func (r *relay) connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accepted
}

func (r *relay) drop(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.Close()
	delete(r.live, c)
}

func (r *relay) close() {
	r.refuse()
	r.thaw()
	r.reset()
	r.wg.Wait()
}
