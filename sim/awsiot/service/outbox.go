package service

import "sync"

// outbox holds announcements until they are delivered, one after another in
// the order they were put, by one goroutine at a time.
type outbox struct {
	mu         sync.Mutex
	waiting    []Announcement
	delivering bool
}

func (o *outbox) put(a Announcement) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, a)
}

// deliver hands over what waits. Where another goroutine, or a caller further
// up, is at it already, that one also delivers what came since.
func (o *outbox) deliver(announce func(Announcement)) {
	for batch := o.take(); len(batch) > 0; batch = o.take() {
		for _, a := range batch {
			if announce != nil {
				announce(a)
			}
		}
		o.done()
	}
}

// take is what waits, nothing while somebody delivers.
func (o *outbox) take() []Announcement {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.delivering || len(o.waiting) == 0 {
		return nil
	}
	batch := o.waiting
	o.waiting, o.delivering = nil, true
	return batch
}

func (o *outbox) done() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.delivering = false
}
