package front

import (
	"net/http"
	"path"
	"sync"
	"time"
)

// Exchange is one request of the device.
type Exchange struct {
	// Object is the last part of the path, Range what was asked of it.
	Object, Range string
	// Status is what was answered, 0 when nothing was.
	Status int
	// Sent are the bytes of the body that were handed to the connection.
	Sent int64
}

// Meter keeps what was asked and sent, and when it was disturbed.
type Meter struct {
	mu        sync.Mutex
	exchanges []*Exchange
	hit       time.Time // the first disturbance
	from      int       // exchanges from here on began after the last one
	well      time.Time // the first byte of one of those
}

// Exchanges are all requests so far, in their order.
func (m *Meter) Exchanges() []Exchange {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Exchange, len(m.exchanges))
	for i, x := range m.exchanges {
		all[i] = *x
	}
	return all
}

// Sent is how many bytes of an object went out, as the object or a part of it.
func (m *Meter) Sent(object string) int64 {
	var sum int64
	for _, x := range m.Exchanges() {
		if x.Object == object && x.Status < http.StatusMultipleChoices {
			sum += x.Sent
		}
	}
	return sum
}

// Disturbed notes that something was done to the device just now.
func (m *Meter) Disturbed() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.hit.IsZero() {
		m.hit = time.Now()
	}
	m.from, m.well = len(m.exchanges), time.Time{}
}

// Hit is when the first disturbance was; zero without any.
func (m *Meter) Hit() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hit
}

// Recovery is the time from the first disturbance to the first good byte of a
// request that was made after the last one; false when there was none.
func (m *Meter) Recovery() (time.Duration, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.well.Sub(m.hit), !m.hit.IsZero() && !m.well.IsZero()
}

// Reset forgets everything.
func (m *Meter) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.exchanges, m.hit, m.from, m.well = nil, time.Time{}, 0, time.Time{}
}

func (m *Meter) begin(w http.ResponseWriter, r *http.Request) *meteredWriter {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := &Exchange{Object: path.Base(r.URL.Path), Range: r.Header.Get("Range")}
	mw := &meteredWriter{ResponseWriter: w, meter: m, x: x, at: len(m.exchanges)}
	m.exchanges = append(m.exchanges, x)
	return mw
}

// meteredWriter is the device's end of an answer.
type meteredWriter struct {
	http.ResponseWriter
	meter *Meter
	x     *Exchange
	at    int
}

// Unwrap lets http.ResponseController flush.
func (w *meteredWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *meteredWriter) WriteHeader(status int) {
	w.note(status, 0)
	w.ResponseWriter.WriteHeader(status)
}

func (w *meteredWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.note(http.StatusOK, n)
	return n, err
}

// note adds bytes, and the status unless one was said before.
func (w *meteredWriter) note(status, n int) {
	m := w.meter
	m.mu.Lock()
	defer m.mu.Unlock()
	if w.x.Status == 0 && status >= http.StatusOK {
		w.x.Status = status
	}
	w.x.Sent += int64(n)
	good := n > 0 && w.x.Status < http.StatusMultipleChoices
	if good && !m.hit.IsZero() && m.well.IsZero() && w.at >= m.from {
		m.well = time.Now()
	}
}
