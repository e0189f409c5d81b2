package jobs

import "sync"

// mailbox is a queue of events that never blocks who puts one in. What says
// nothing new beside what is in it is left out, so that it stays small.
type mailbox struct {
	mu     sync.Mutex
	events []Event
	// full holds a signal while there are events.
	full chan struct{}
}

func newMailbox() *mailbox { return &mailbox{full: make(chan struct{}, 1)} }

func (m *mailbox) put(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch last := len(m.events) - 1; e.(type) {
	case Progressed:
		if last >= 0 {
			if _, same := m.events[last].(Progressed); same {
				m.events[last] = e
				return
			}
		}
	case Notified, Connected:
		if last >= 0 && m.events[last] == e {
			return
		}
	}
	m.events = append(m.events, e)
	select {
	case m.full <- struct{}{}:
	default:
	}
}

// take is the oldest event, nil when there is none.
func (m *mailbox) take() Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.events) == 0 {
		return nil
	}
	e := m.events[0]
	m.events = m.events[1:]
	if len(m.events) > 0 {
		select {
		case m.full <- struct{}{}:
		default:
		}
	}
	return e
}
