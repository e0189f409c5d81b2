package mqtt

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho/log"
)

var errSilent = errors.New("the broker has been silent for too long")

// pinger tries a connection that is silent in one of its directions, and ends
// it when nothing at all comes back for half of the keep-alive: so a broker
// that is gone is noticed after one and a half. The library's own takes two.
type pinger struct {
	// dead is told first: what else the library reports follows from it.
	dead func(error)

	mu             sync.Mutex
	sent, received time.Time
}

// Run pings until ctx is done or the connection is found to be dead.
func (p *pinger) Run(ctx context.Context, conn net.Conn, seconds uint16) error {
	keepAlive := time.Duration(seconds) * time.Second
	if keepAlive == 0 { // the broker has said that it wants none
		return nil
	}
	p.PacketSent()
	p.PacketReceived()
	timer := time.NewTimer(keepAlive)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if wait := time.Until(p.due(keepAlive)); wait > 0 {
			timer.Reset(wait)
			continue
		}
		asked := time.Now()
		if _, err := packets.NewControlPacket(packets.PINGREQ).WriteTo(conn); err != nil {
			return err
		}
		p.PacketSent()
		timer.Reset(keepAlive / 2)
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if p.silentSince(asked) {
			p.dead(errSilent)
			return errSilent
		}
		timer.Reset(max(0, time.Until(p.due(keepAlive))))
	}
}

// due is when one of the directions will have been silent for too long.
func (p *pinger) due(keepAlive time.Duration) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	older := p.sent
	if p.received.Before(older) {
		older = p.received
	}
	return older.Add(keepAlive)
}

func (p *pinger) silentSince(t time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.received.Before(t)
}

// PacketSent notes that something was sent.
func (p *pinger) PacketSent() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = time.Now()
}

// PacketReceived notes that something came.
func (p *pinger) PacketReceived() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.received = time.Now()
}

// PingResp is noted as any packet is.
func (p *pinger) PingResp() {}

// SetDebug is not needed.
func (p *pinger) SetDebug(log.Logger) {}
