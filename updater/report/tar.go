package report

import (
	"fmt"
	"io"
	"time"
)

// block is what a tar consists of, in bytes.
const block = 512

// longest is how long a name a header holds, in bytes. A longer one lies before
// it in an entry of its own.
const longest = 100

// tarWriter writes a tar as GNU's does, of files that only their owner reads:
// what archive/tar knows beyond that is much of a small program.
type tarWriter struct {
	w  io.Writer
	at time.Time
}

func (t *tarWriter) add(name string, content []byte) error {
	if len(name) > longest {
		if err := t.entry('L', "././@LongLink", append([]byte(name), 0)); err != nil {
			return err
		}
	}
	return t.entry('0', name, content)
}

// close ends the archive with two empty blocks.
func (t *tarWriter) close() error {
	_, err := t.w.Write(make([]byte, 2*block))
	return err
}

func (t *tarWriter) entry(kind byte, name string, content []byte) error {
	head := t.header(kind, name, len(content))
	for _, part := range [][]byte{head, content, make([]byte, -len(content)&(block-1))} {
		if _, err := t.w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// header holds name, mode, owner, group, size, time, sum, kind, the place of a
// link's target and the format, numbers in octal.
func (t *tarWriter) header(kind byte, name string, size int) []byte {
	const atMode, atSum, atKind, atFormat = longest, 148, 156, 257
	head := make([]byte, block)
	copy(head[:longest], name)
	copy(head[atMode:], fmt.Sprintf("%07o\x00%07o\x00%07o\x00%011o\x00%011o\x00", 0o600, 0, 0, size, max(t.at.Unix(), 0)))
	copy(head[atSum:], "        ") // what the sum counts for itself
	head[atKind] = kind
	copy(head[atFormat:], "ustar  ")
	sum := 0
	for _, b := range head {
		sum += int(b)
	}
	copy(head[atSum:], fmt.Sprintf("%06o\x00", sum))
	return head
}
