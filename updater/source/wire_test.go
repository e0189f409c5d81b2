package source

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestUnusableProxyIsNotPrinted(t *testing.T) {
	_, err := quietly(func(*http.Request) (*url.URL, error) {
		return nil, errors.New("invalid proxy address http://user:" + testSecret)
	})(nil)
	if err == nil || strings.Contains(err.Error(), testSecret) || !strings.Contains(err.Error(), "HTTP_PROXY") {
		t.Errorf("error %v", err)
	}
}

// deadlines records what is set on a connection.
type deadlines struct {
	net.Conn
	set []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

func (d *deadlines) Read(p []byte) (int, error) { return len(p), nil }

func TestOnlySilenceDuringAReadCounts(t *testing.T) {
	d := &deadlines{}
	c := &idleConn{Conn: d, idle: time.Hour}
	for i := range 3 {
		before := time.Now()
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if len(d.set) != i+1 || d.set[i].Before(before.Add(time.Hour)) {
			t.Fatalf("read %d: deadlines %v, want one more, an hour from its start", i, d.set)
		}
	}
}
