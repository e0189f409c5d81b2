package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"abota/cmd/internal/cli"
)

// newLog writes JSON lines for machines, sentences for a person at a terminal,
// and key=value lines with the time into logs; init's console is a log.
func newLog(w io.Writer, asJSON, verbose, byInit bool) *slog.Logger {
	opts := &slog.HandlerOptions{Level: slog.LevelInfo}
	if verbose {
		opts.Level = slog.LevelDebug
	}
	switch {
	case asJSON:
		return slog.New(slog.NewJSONHandler(w, opts))
	case cli.IsTerminal(w) && !byInit:
		return slog.New(&sentences{w: w, least: opts.Level.Level()})
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// sentences writes one line for a person, over a progress bar that may be
// there. The engine's log uses no groups and no fixed attributes.
type sentences struct {
	w     io.Writer
	least slog.Level
}

func (s *sentences) Enabled(_ context.Context, level slog.Level) bool { return level >= s.least }

func (s *sentences) WithAttrs([]slog.Attr) slog.Handler { return s }
func (s *sentences) WithGroup(string) slog.Handler      { return s }

func (s *sentences) Handle(_ context.Context, r slog.Record) error {
	var line strings.Builder
	line.WriteString("\r\x1b[Kabota: ")
	if r.Level >= slog.LevelWarn {
		line.WriteString(strings.ToLower(r.Level.String()) + ": ")
	}
	line.WriteString(r.Message)
	separator := ": "
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&line, "%s%s %v", separator, a.Key, a.Value)
		separator = ", "
		return true
	})
	_, err := fmt.Fprintln(s.w, line.String())
	return err
}
