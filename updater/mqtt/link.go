package mqtt

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/paho"
)

// Link is one kept connection. It is safe for concurrent use.
type Link struct {
	o    Options
	pace pace   // of the goroutine in Run
	said string // what the log was last told of a failure
	owed bool   // it was not told yet that this is over

	// wire has its one place taken while SUBSCRIBE and UNSUBSCRIBE are under way,
	// so that they reach the broker in the order in which they were meant.
	wire chan struct{}

	mu       sync.Mutex
	live     *session // nil while offline
	last     *ending  // why that is so; nil before the first attempt
	wanted   []*subscription
	watchers []*watcher
}

type subscription struct {
	filter  string
	deliver func(topic string, payload []byte)
}

type watcher struct{ up func() }

// New checks the options and connects nothing; [Link.Run] does.
func New(o Options) (*Link, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	return &Link{o: o, pace: newPace(o.First, o.Longest), wire: make(chan struct{}, 1)}, nil
}

// String names the connection for messages.
func (l *Link) String() string { return fmt.Sprintf("%s as client %q", l.o.Address, l.o.ClientID) }

// Run keeps the connection until ctx is done, and then ends it in good order.
// It is for one goroutine, once.
func (l *Link) Run(ctx context.Context) {
	for ctx.Err() == nil {
		lasted, end := l.connection(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := l.pace.after(end.cause, lasted, rand.Float64())
		l.tell(end, wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// tell says a failure once, and not again until there was a connection that
// lasted.
func (l *Link) tell(end *ending, wait time.Duration) {
	if text := end.Error(); text != l.said {
		l.said, l.owed = text, true
		l.o.Log.Warn("no connection to the broker: trying again", "broker", l.o.Address, "client", l.o.ClientID,
			"error", end, "pause", wait.Round(time.Millisecond).String())
	}
}

// connection makes one and stays with it until it ends. lasted is 0 where it
// was never up.
func (l *Link) connection(ctx context.Context) (lasted time.Duration, end *ending) {
	s, end := l.connect(ctx)
	if end == nil {
		end = l.restore(ctx, s)
	}
	if end != nil {
		l.down(end)
		if s != nil {
			s.close()
		}
		return 0, end
	}
	began := time.Now()
	if l.owed {
		l.owed = false
		l.o.Log.Info("connected to the broker again", "broker", l.o.Address)
	}
	l.tellWatchers()
	select {
	case <-ctx.Done():
		end = &ending{passing, "this program is ending", "start it again"}
	case end = <-s.ended:
	}
	l.down(end)
	s.close()
	lasted = time.Since(began)
	if lasted >= l.pace.rhythms[passing].settled {
		l.said = ""
	}
	return lasted, end
}

func (l *Link) down(end *ending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live, l.last = nil, end
}

// restore has everything subscribed to that is wanted, and then shows the
// connection to those who publish.
func (l *Link) restore(ctx context.Context, s *session) *ending {
	l.wire <- struct{}{}
	defer func() { <-l.wire }()
	for {
		missing := l.missing(s)
		if len(missing) == 0 {
			return nil
		}
		if err := s.subscribe(ctx, missing); err != nil {
			return byError(err)
		}
	}
}

// missing are the filters that do not stand yet; with the last of them, the
// connection is in use.
func (l *Link) missing(s *session) (filters []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, sub := range l.wanted {
		if !s.standing[sub.filter] && !slices.Contains(filters, sub.filter) {
			filters = append(filters, sub.filter)
		}
	}
	if len(filters) == 0 {
		l.live = s
	}
	return filters
}

func (l *Link) tellWatchers() {
	l.mu.Lock()
	watchers := l.watchers
	l.mu.Unlock()
	for _, w := range watchers {
		w.up()
	}
}

// current is the connection in use, or why there is none.
func (l *Link) current() (*session, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.live != nil:
		return l.live, nil
	case l.last != nil:
		return nil, l.last
	}
	return nil, &ending{passing, "the first connection is still to be made", "wait"}
}

// Publish has the broker take a message, at quality of service 1, and returns
// nil once it has acknowledged it. While there is no connection it fails at
// once. It waits no longer than Options.Timeout.
func (l *Link) Publish(ctx context.Context, topic string, payload []byte) error {
	s, err := l.current()
	if err == nil {
		err = s.publish(ctx, topic, payload)
	}
	if err != nil {
		return fmt.Errorf("cannot publish to %s at %s because %w", topic, l.o.Address, err)
	}
	return nil
}

// Subscribe has every message delivered whose topic the filter asks for, until
// stop is called. It stands over reconnections. While there is a connection
// Subscribe returns once the broker has granted it, or has not within
// Options.Timeout. A refusal is told to the log: messages that the broker sends
// unasked are delivered all the same.
//
// deliver runs on the link's goroutine and must not block, nor call Subscribe
// or Publish; the payload is its own. After stop it may be called once more.
func (l *Link) Subscribe(filter string, deliver func(topic string, payload []byte)) (stop func()) {
	sub := &subscription{filter, deliver}
	l.mu.Lock()
	l.wanted = append(slices.Clip(l.wanted), sub)
	l.mu.Unlock()
	l.settle(filter)
	return func() {
		l.mu.Lock()
		l.wanted = without(l.wanted, sub)
		l.mu.Unlock()
		go l.settle(filter)
	}
}

// settle has the broker know what is wanted of one filter.
func (l *Link) settle(filter string) {
	l.wire <- struct{}{}
	defer func() { <-l.wire }()
	s, err := l.current()
	if err != nil {
		return // the next connection restores what is wanted then
	}
	l.mu.Lock()
	wanted := slices.ContainsFunc(l.wanted, func(s *subscription) bool { return s.filter == filter })
	l.mu.Unlock()
	switch {
	case wanted && !s.standing[filter]:
		err = s.subscribe(context.Background(), []string{filter})
	case !wanted && s.standing[filter]:
		err = s.unsubscribe(filter)
	}
	if err != nil {
		s.end(byError(err))
	}
}

// Watch has up called after every connection, once all subscriptions stand
// again, and at once where there is one already. up must not block. After stop
// it may be called once more.
func (l *Link) Watch(up func()) (stop func()) {
	w := &watcher{up}
	l.mu.Lock()
	l.watchers = append(slices.Clip(l.watchers), w)
	connected := l.live != nil
	l.mu.Unlock()
	if connected {
		up()
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.watchers = without(l.watchers, w)
	}
}

// without is a list without one of its members. The list itself may be in use.
func without[T comparable](list []T, member T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(m T) bool { return m == member })
}

// Err is nil while there is a connection, and else why there is none.
func (l *Link) Err() error {
	_, err := l.current()
	if err != nil {
		return fmt.Errorf("cannot reach the broker at %s: %w", l.o.Address, err)
	}
	return nil
}

// dispatch hands a message to everybody whose filter asks for it.
func (l *Link) dispatch(m *paho.Publish) {
	l.mu.Lock()
	wanted := l.wanted
	l.mu.Unlock()
	for _, sub := range wanted {
		if matches(sub.filter, m.Topic) {
			sub.deliver(m.Topic, m.Payload)
		}
	}
}
