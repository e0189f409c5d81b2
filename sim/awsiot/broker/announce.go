package broker

import (
	"sync"
	"time"

	"abota/sim/awsiot/service"
)

// Announce publishes what the model says on its own, in that order. It does not
// wait, and is made to be the model's hook.
func (b *Broker) Announce(a service.Announcement) { b.outbox.put(a) }

// announce publishes announcements until the broker is closed. Not
// established: at which quality of service AWS publishes them; at the highest,
// each subscriber chooses.
func (b *Broker) announce() {
	for {
		list, ok := b.outbox.take()
		if !ok {
			return
		}
		for _, a := range list {
			b.spread(a)
		}
	}
}

func (b *Broker) spread(a service.Announcement) {
	for _, m := range b.afflict(Message{}, []Message{{Topic: a.Topic, Payload: a.Payload}}) {
		b.outbox.pause(m.After)
		if err := b.Publish(m.Topic, m.Payload, 1, false); err != nil {
			b.logf("cannot announce: %v", err)
		}
	}
}

// outbox holds announcements, so that the model never waits for a client.
type outbox struct {
	mu   sync.Mutex
	list []service.Announcement
	wake chan struct{} // holds at most one
	done chan struct{}
}

func newOutbox() outbox {
	return outbox{wake: make(chan struct{}, 1), done: make(chan struct{})}
}

func (o *outbox) put(a service.Announcement) {
	o.mu.Lock()
	o.list = append(o.list, a)
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take waits for announcements; false means that there will be none.
func (o *outbox) take() ([]service.Announcement, bool) {
	select {
	case <-o.wake:
	case <-o.done:
		return nil, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.list
	o.list = nil
	return list, true
}

func (o *outbox) close() { close(o.done) }

func (o *outbox) pause(d time.Duration) { pause(d, o.done) }
