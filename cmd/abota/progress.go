package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"abota/updater"
)

// progress shows how far an install is: a bar on a terminal, otherwise one
// JSON object a line.
type progress struct {
	w        io.Writer
	terminal bool
	started  time.Time
	shown    time.Time
	last     updater.Progress
}

// How often progress is shown: often enough on a terminal to move, and seldom
// enough in a log to be read.
const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 2 * time.Second
)

func newProgress(w io.Writer) *progress {
	now := time.Now()
	return &progress{w: w, terminal: isTerminal(w), started: now, shown: now}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func (p *progress) show(at updater.Progress) {
	every := lineEvery
	if p.terminal {
		every = barEvery
	}
	p.last = at
	if now := time.Now(); now.Sub(p.shown) >= every {
		p.shown = now
		p.print()
	}
}

// end shows the last state and leaves the cursor on a line of its own.
func (p *progress) end() {
	if p.last.Fetched == 0 {
		return
	}
	p.print()
	if p.terminal {
		fmt.Fprintln(p.w)
	}
}

func (p *progress) print() {
	elapsed := time.Since(p.started)
	rate := float64(p.last.Fetched) / max(elapsed.Seconds(), 1e-3)
	var left time.Duration
	if total := p.last.Release.Size; total > p.last.Fetched && rate > 0 {
		left = time.Duration(float64(total-p.last.Fetched) / rate * float64(time.Second)).Round(time.Second)
	}
	if !p.terminal {
		line, err := json.Marshal(map[string]any{"progress": map[string]any{
			"fetched": p.last.Fetched, "total": p.last.Release.Size, "written": p.last.Written,
			"bytes_per_second": int64(rate), "seconds_left": int64(left.Seconds()),
		}})
		if err == nil {
			fmt.Fprintf(p.w, "%s\n", line)
		}
		return
	}
	fmt.Fprintf(p.w, "\r%s %8s of %s  %8s/s  %s left \x1b[K", bar(p.last.Fetched, p.last.Release.Size), size(p.last.Fetched), size(p.last.Release.Size), size(int64(rate)), left)
}

func bar(done, total int64) string {
	const width = 30
	if total <= 0 {
		return strings.Repeat("?", width)
	}
	full := int(min(done, total) * width / total)
	return fmt.Sprintf("%3d%% %s%s", min(done, total)*100/total, strings.Repeat("█", full), strings.Repeat("░", width-full))
}

// size prints bytes as people read them.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, suffix := float64(n)/unit, "KiB"
	for _, next := range []string{"MiB", "GiB", "TiB"} {
		if value < unit {
			break
		}
		value, suffix = value/unit, next
	}
	return fmt.Sprintf("%.1f %s", value, suffix)
}

// newLog writes JSON for machines, and plain lines for people.
func newLog(w io.Writer, asJSON, verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	opts := &slog.HandlerOptions{Level: level}
	if asJSON {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
