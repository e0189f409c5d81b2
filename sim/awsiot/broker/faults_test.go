package broker

import (
	"context"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"abota/sim/awsiot/service"
)

func TestLostRepliesAreNotSent(t *testing.T) {
	w := newWorld(t)
	c := connect(t, w.Addr(), nil, "dev-1")
	w.Set(On("$aws/things/+/jobs/start-next/accepted", First(1, Lose)))
	c.say(t, jobsTopic("dev-1", "start-next"), `{"clientToken":"lost"}`)
	c.say(t, jobsTopic("dev-1", "start-next"), `{"clientToken":"found"}`)
	if got := next(t, c.got); got.payload != `{"clientToken":"found","timestamp":1719943627}` {
		t.Errorf("got %+v", got)
	}
	w.model.mu.Lock()
	defer w.model.mu.Unlock()
	if len(w.model.asked) != 2 {
		t.Errorf("the model saw %v, want both", w.model.asked)
	}
}

func TestLostAnnouncementsAreNotSent(t *testing.T) {
	w := newWorld(t)
	c := connect(t, w.Addr(), nil, "dev-1")
	c.listen(t, jobsTopic("dev-1", "notify-next"))
	w.Set(First(1, Lose))
	for _, text := range []string{"lost", "found"} {
		w.Announce(service.Announcement{Topic: jobsTopic("dev-1", "notify-next"), Payload: []byte(text)})
	}
	if got := next(t, c.got); got.payload != "found" {
		t.Errorf("got %+v", got)
	}
}

func TestLostAcknowledgementsAreOfRequestsTaken(t *testing.T) {
	w := newWorld(t)
	listener := connect(t, w.Addr(), nil, "listener")
	listener.listen(t, "news/#")
	c := connect(t, w.Addr(), nil, "dev-1")
	w.LoseAcks("$aws/things/+/jobs/#", "news/lost")
	for _, x := range []struct {
		topic string
		got   chan incoming
	}{{jobsTopic("dev-1", "start-next"), c.got}, {"news/lost", listener.got}} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.trySay(ctx, x.topic, "{}") }()
		next(t, x.got)
		c.say(t, "news/acknowledged", "")
		next(t, listener.got)
		select {
		case err := <-ended:
			t.Errorf("%s ended with %v, but was not to be acknowledged", x.topic, err)
		default:
		}
		cancel()
		<-ended
	}
	if err := w.Heal(); err != nil {
		t.Fatal(err)
	}
	c.say(t, jobsTopic("dev-1", "start-next"), "{}")
}

func TestThrottledRequestsSaySo(t *testing.T) {
	w := newWorld(t)
	c := connect(t, w.Addr(), nil, "dev-1")
	w.Throttle(1)
	c.say(t, jobsTopic("dev-1", "start-next"), `{"clientToken":"t"}`)
	want := incoming{jobsTopic("dev-1", "start-next/rejected"), `{"code":"RequestThrottled","message":"The rate of requests is too high.","clientToken":"t","timestamp":1719943627}`, 0, false}
	if got := next(t, c.got); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	c.say(t, jobsTopic("dev-1", "start-next"), `{"clientToken":"t"}`)
	if got := next(t, c.got); got.topic != jobsTopic("dev-1", "start-next/accepted") {
		t.Errorf("got %+v", got)
	}
}

func TestDelayedRepliesDoNotDelayPings(t *testing.T) {
	w := newWorld(t)
	c := connect(t, w.Addr(), nil, "dev-1")
	w.Set(On("$aws/things/+/jobs/#", Wait(time.Hour)))
	c.say(t, jobsTopic("dev-1", "start-next"), "{}")
	c.listen(t, "news") // is answered all the same
	w.nothing(t, c)
	if err := w.Heal(); err != nil {
		t.Fatal(err)
	}
}

// Two seconds' worth of bytes take one: the first second's is free.
func TestThroughputIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 64 << 10
		here, there := net.Pipe()
		c := newConn(&Broker{opts: Options{Throughput: rate}}, &port{}, here)
		began := time.Now()
		var wg sync.WaitGroup
		pass := func(from io.Reader, to io.Writer) {
			wg.Go(func() {
				if _, err := to.Write(make([]byte, 2*rate)); err != nil {
					t.Error(err)
				}
			})
			if _, err := io.ReadFull(from, make([]byte, 2*rate)); err != nil {
				t.Error(err)
			}
			wg.Wait()
		}
		pass(there, c)
		if took := time.Since(began); took != time.Second {
			t.Errorf("%d bytes to the client took %v at %d bytes per second", 2*rate, took, rate)
		}
		pass(c, there)
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("as many from the client took until %v", took)
		}
	})
}

func TestFleetIsNotifiedInLittleMemory(t *testing.T) {
	const fleet, perClient = 1000, 32 << 10
	w := newWorld(t, func(o *Options) { o.Log = nil })
	before := heap()
	clients := make([]*thin, fleet)
	for i := range clients {
		clients[i] = join(t, w.Addr(), i)
	}
	if used := heap() - before; used > fleet*perClient {
		t.Errorf("%d clients take %d KiB of heap, more than %d", fleet, used>>10, fleet*perClient>>10)
	} else {
		t.Logf("%d clients take %d KiB of heap, theirs included", fleet, used>>10)
	}
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() { c.expect(t, i) })
	}
	for i := range clients {
		w.Announce(service.Announcement{Topic: notifyOf(i), Payload: []byte(`{"timestamp":1}`)})
	}
	wg.Wait()
	if used := heap() - before; used > fleet*perClient {
		t.Errorf("after all were notified they take %d KiB of heap", used>>10)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
