package front

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync/atomic"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Toxic is something that toxiproxy does to the bytes of answers.
type Toxic struct {
	kind       string
	attributes map[string]int64
}

// Stall lets nothing through any more, and keeps the connection. (The toxic
// named timeout would close it once the store has sent all.)
func Stall() Toxic { return Narrow(0) }

// Narrow lets so many KiB a second through.
func Narrow(rate int64) Toxic { return Toxic{"bandwidth", map[string]int64{"rate": rate}} }

// Slow lets everything through, later by so many milliseconds, and up to the
// jitter more or less.
func Slow(latency, jitter int64) Toxic {
	return Toxic{"latency", map[string]int64{"latency": latency, "jitter": jitter}}
}

// line is the way between front and store, and toxiproxy on it.
type line struct {
	proxy *toxiproxy.Proxy
	added atomic.Int64
}

func newLine(store string) (*line, error) {
	// The toxics log by the library's global logger.
	zerolog.SetGlobalLevel(zerolog.Disabled)
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	l := &line{proxy: toxiproxy.NewProxy(server, "store", "127.0.0.1:0", store)}
	if err := l.proxy.Start(); err != nil {
		return nil, fmt.Errorf("start toxiproxy: %w", err)
	}
	return l, nil
}

func (l *line) address() string { return l.proxy.Listen }

func (l *line) close() { l.proxy.Stop() }

// add puts a toxic on every answer, those under way too.
func (l *line) add(t Toxic) error {
	text, err := json.Marshal(map[string]any{
		"name": fmt.Sprint(t.kind, l.added.Add(1)), "type": t.kind, "stream": "downstream", "attributes": t.attributes,
	})
	if err != nil {
		return fmt.Errorf("describe toxic %s: %w", t.kind, err)
	}
	if _, err := l.proxy.Toxics.AddToxicJson(bytes.NewReader(text)); err != nil {
		return fmt.Errorf("add toxic %s: %w", t.kind, err)
	}
	return nil
}
