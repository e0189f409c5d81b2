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
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.delivering {
		return
	}
	o.delivering = true
	defer func() { o.delivering = false }()
	for len(o.waiting) > 0 {
		batch := o.waiting
		o.waiting = nil
		o.mu.Unlock()
		for _, a := range batch {
			if announce != nil {
				announce(a)
			}
		}
		o.mu.Lock()
	}
}
