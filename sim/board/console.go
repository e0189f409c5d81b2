package board

import (
	"bytes"
	"io"
	"regexp"
)

// control matches what a console line holds for terminals only.
var control = regexp.MustCompile(`\x1b\[[0-9;?=]*[A-Za-z]|\x1b[78=>]|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]`)

// maxLine bounds a line without an end.
const maxLine = 4096

// lines cuts the serial output into lines and hands each to emit.
type lines struct {
	raw  io.Writer
	emit func(string)
	part []byte
}

func (b *Board) consoleSink() io.Writer {
	return &lines{raw: b.cfg.Console, emit: func(text string) { b.log.add(Console, text) }}
}

func (l *lines) Write(p []byte) (int, error) {
	if l.raw != nil {
		if _, err := l.raw.Write(p); err != nil {
			return 0, err
		}
	}
	l.part = append(l.part, p...)
	for {
		line, rest, whole := bytes.Cut(l.part, []byte("\n"))
		if !whole && len(line) < maxLine {
			return len(p), nil
		}
		if text := control.ReplaceAll(line, nil); len(text) > 0 {
			l.emit(string(text))
		}
		l.part = rest
	}
}
