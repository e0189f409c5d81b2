package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// How often progress is shown: often enough on a terminal to move, and seldom
// enough in a log to be read.
const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 2 * time.Second
)

// Count is a number of bytes and its name in the JSON lines.
type Count struct {
	Name  string
	Bytes int64
}

// Progress shows how much of one thing is done: a bar on a terminal, and one
// JSON object a line elsewhere and with --json. It is not for concurrent use.
type Progress struct {
	w        io.Writer
	what     string
	terminal bool
	always   bool // even what is done at once gets its line
	started  time.Time
	shown    time.Time
	total    int64
	counts   []Count
}

// Progress begins with something. Its name, what, may be empty.
func (o *Output) Progress(what string) *Progress {
	now := time.Now()
	_, terminal := columns(o.Stderr)
	return &Progress{w: o.Stderr, what: what, terminal: terminal && !o.JSON, always: o.JSON, started: now, shown: now}
}

// Show tells that done of total bytes are done; a total of zero is unknown.
// What more there is to count goes into the JSON lines only.
func (p *Progress) Show(total int64, done Count, more ...Count) {
	p.total, p.counts = total, append(append(p.counts[:0], done), more...)
	every := lineEvery
	if p.terminal {
		every = barEvery
	}
	if now := time.Now(); now.Sub(p.shown) >= every {
		p.shown = now
		p.print()
	}
}

// End shows the last state and leaves the cursor on a line of its own. What
// was over too soon to be shown stays unseen, but for --json.
func (p *Progress) End() {
	if len(p.counts) == 0 || !p.always && p.shown.Equal(p.started) {
		return
	}
	p.print()
	if p.terminal {
		fmt.Fprintln(p.w)
	}
}

func (p *Progress) print() {
	done := p.counts[0].Bytes
	rate := int64(float64(done) / max(time.Since(p.started).Seconds(), 1e-3))
	var left int64
	if rate > 0 {
		left = (max(p.total-done, 0) + rate - 1) / rate // none is left only at the end
	}
	if p.terminal {
		width, _ := columns(p.w)
		fmt.Fprintf(p.w, "\r%s\x1b[K", bar(width, p.what, done, p.total, rate, left))
		return
	}
	fields := map[string]any{"total": p.total, "bytes_per_second": rate, "seconds_left": left}
	if p.what != "" {
		fields["what"] = p.what
	}
	for _, c := range p.counts {
		fields[c.Name] = c.Bytes
	}
	if line, err := json.Marshal(map[string]any{"progress": fields}); err == nil {
		fmt.Fprintf(p.w, "%s\n", line)
	}
}
