package jobs

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// link carries messages to the service and back, with delays, losses and
// repetitions.
type link struct {
	service *service
	mu      sync.Mutex
	online  bool
	subs    map[int]sub
	ups     map[int]func()
	next    int
	// lose, optional, says what gets lost; twice what comes twice.
	lose  func(topic string, toThing bool) bool
	twice func() bool
	// acts, optional, sees every request before it is made.
	acts func(topic string, payload []byte)
}

type sub struct {
	filter  string
	deliver func(string, []byte)
}

const delay = 20 * time.Millisecond

func matches(filter, topic string) bool {
	f, t := strings.Split(filter, "/"), strings.Split(topic, "/")
	if len(f) != len(t) {
		return false
	}
	for i := range f {
		if f[i] != "+" && f[i] != t[i] {
			return false
		}
	}
	return true
}

type offlineError struct{}

func (offlineError) Error() string { return "the link is down" }

// Publish is acknowledged after a round trip, also where the service never
// sees it: that is how a lost answer looks.
func (l *link) Publish(ctx context.Context, topic string, payload []byte) error {
	if l.acts != nil {
		l.acts(topic, payload)
	}
	if !l.isOnline() {
		return offlineError{}
	}
	payload = slices.Clone(payload)
	times := 1
	if l.twice != nil && l.twice() {
		times = 2
	}
	for range times {
		time.AfterFunc(delay, func() { l.arrive(topic, payload) })
	}
	if err := sleep(ctx, delay); err != nil {
		return err
	}
	if !l.isOnline() {
		return offlineError{}
	}
	return nil
}

func (l *link) isOnline() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.online }

func (l *link) arrive(topic string, payload []byte) {
	if !l.isOnline() || l.lose != nil && l.lose(topic, false) {
		return
	}
	suffix, answer := l.service.request(topic, payload)
	if answer != nil {
		l.push(topic+suffix, answer)
	}
}

// push brings a message to the thing.
func (l *link) push(topic string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	times := 1
	if l.twice != nil && l.twice() {
		times = 2
	}
	for range times {
		time.AfterFunc(delay, func() {
			if !l.isOnline() || l.lose != nil && l.lose(topic, true) {
				return
			}
			l.mu.Lock()
			var to []func(string, []byte)
			for _, s := range l.subs {
				if matches(s.filter, topic) {
					to = append(to, s.deliver)
				}
			}
			l.mu.Unlock()
			for _, deliver := range to {
				deliver(topic, text)
			}
		})
	}
}

func (l *link) notice(name string, body any) { l.push("$aws/things/"+thing+"/jobs/"+name, body) }

func (l *link) Subscribe(filter string, deliver func(string, []byte)) func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	id := l.next
	l.subs[id] = sub{filter, deliver}
	return func() { l.mu.Lock(); defer l.mu.Unlock(); delete(l.subs, id) }
}

func (l *link) Watch(up func()) func() {
	l.mu.Lock()
	l.next++
	id := l.next
	l.ups[id] = up
	online := l.online
	l.mu.Unlock()
	if online {
		up()
	}
	return func() { l.mu.Lock(); defer l.mu.Unlock(); delete(l.ups, id) }
}

// connect sets the link up or down.
func (l *link) connect(online bool) {
	l.mu.Lock()
	was := l.online
	l.online = online
	ups := slices.Collect(maps.Values(l.ups))
	l.mu.Unlock()
	if online && !was {
		for _, up := range ups {
			up()
		}
	}
}

func newLink() (*link, *service) {
	s := &service{asked: map[string]int{}}
	l := &link{service: s, online: true, subs: map[int]sub{}, ups: map[int]func(){}}
	s.send = l.notice
	return l, s
}
