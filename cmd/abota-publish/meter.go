package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
)

// How often progress is shown: often enough on a terminal to move, and seldom
// enough in a log to be read.
const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 2 * time.Second
)

// meter shows how much of one thing is done: a bar on a terminal, JSON lines
// with --json, and else an occasional line. It may be used concurrently.
type meter struct {
	w        io.Writer
	terminal bool
	json     bool
	what     string
	total    int64
	started  time.Time

	mu    sync.Mutex
	done  int64
	shown time.Time
}

func newMeter(c *command, what string, total int64) *meter {
	now := time.Now()
	return &meter{w: c.stderr, terminal: !c.json && isTerminal(c.stderr), json: c.json, what: what, total: total, started: now, shown: now}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Read counts what somebody else has read: it is the hook that minio-go wants.
func (m *meter) Read(p []byte) (int, error) {
	m.add(len(p))
	return len(p), nil
}

func (m *meter) add(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	// A part that is sent again is counted again.
	m.done = min(m.done+int64(n), m.total)
	every := lineEvery
	if m.terminal {
		every = barEvery
	}
	if now := time.Now(); now.Sub(m.shown) >= every {
		m.shown = now
		m.print()
	}
}

// end leaves the cursor of a terminal on a line of its own.
func (m *meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.terminal && m.shown != m.started:
		m.print()
		fmt.Fprintln(m.w)
	case m.json:
		m.print()
	}
}

func (m *meter) print() {
	rate := float64(m.done) / max(time.Since(m.started).Seconds(), 1e-3)
	left := time.Duration(float64(m.total-m.done) / max(rate, 1) * float64(time.Second)).Round(time.Second)
	switch {
	case m.json:
		line, err := json.Marshal(map[string]any{"progress": map[string]any{
			"what": m.what, "done": m.done, "total": m.total,
			"bytes_per_second": int64(rate), "seconds_left": int64(left.Seconds()),
		}})
		if err == nil {
			fmt.Fprintf(m.w, "%s\n", line)
		}
	case m.terminal:
		const width = 30
		full := int(m.done * width / max(m.total, 1))
		fmt.Fprintf(m.w, "\r%s %s%s %s of %s  %s/s  %s left\x1b[K", m.what, strings.Repeat("█", full), strings.Repeat("░", width-full), inUnits(m.done), inUnits(m.total), inUnits(int64(rate)), left)
	default:
		fmt.Fprintf(m.w, "%s: %s of %s, %s/s, %s left\n", m.what, inUnits(m.done), inUnits(m.total), inUnits(int64(rate)), left)
	}
}

// inUnits prints a size as people read it.
func inUnits(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
