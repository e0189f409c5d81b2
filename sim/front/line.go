package front

import (
	"bytes"
	"encoding/json"
	"fmt"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Toxic is something that toxiproxy does to the bytes of answers.
type Toxic struct {
	kind       string
	attributes map[string]int64
}

// Stall lets nothing through any more, and keeps the connection.
func Stall() Toxic { return Toxic{"timeout", map[string]int64{"timeout": 0}} }

// Narrow lets so many KiB a second through.
func Narrow(rate int64) Toxic { return Toxic{"bandwidth", map[string]int64{"rate": rate}} }

// Slow lets everything through, later by so many milliseconds, and up to the
// jitter more or less.
func Slow(latency, jitter int64) Toxic {
	return Toxic{"latency", map[string]int64{"latency": latency, "jitter": jitter}}
}

// line is the way between front and store, and toxiproxy on it.
type line struct{ proxy *toxiproxy.Proxy }

func newLine(store string) (*line, error) {
	// The toxics log by the library's global logger.
	zerolog.SetGlobalLevel(zerolog.Disabled)
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	l := &line{toxiproxy.NewProxy(server, "store", "127.0.0.1:0", store)}
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
		"name": t.kind, "type": t.kind, "stream": "downstream", "attributes": t.attributes,
	})
	if err != nil {
		return fmt.Errorf("describe toxic %s: %w", t.kind, err)
	}
	if _, err := l.proxy.Toxics.AddToxicJson(bytes.NewReader(text)); err != nil {
		return fmt.Errorf("add toxic %s: %w", t.kind, err)
	}
	return nil
}
