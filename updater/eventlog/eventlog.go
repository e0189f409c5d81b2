// Package eventlog keeps what happened to a device's updates, for whoever has
// to understand later how it came to where it is.
//
// # Guarantee
//
// The log never grows beyond [MaxSize]. A line that a power cut tore, and
// whatever else is no entry, is skipped by [Read] and harms no other line.
// Several processes may write at the same time.
//
// # Not guaranteed
//
// That an entry is there: where the data partition is full, read-only or gone,
// [Log.Append] says so and nothing more happens. Nothing is ever decided by
// this log; that is what the journal is for. Times are the system clock's, which
// may have been wrong.
//
// # Format
//
// Two files, the newer one "events" and the older one "events.1", of one JSON
// object a line: see [Entry]. When a line would make the newer one larger than
// half of MaxSize, it takes the place of the older one. Readers skip fields
// that they do not know.
package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// MaxSize is how large both files together become, in bytes.
const MaxSize = 128 << 10

// half is how large one file becomes, in bytes.
const half = MaxSize / 2

// maxText bounds each text of an entry, in bytes.
const maxText = 512

const newer, older = "events", "events.1"

// Names are the log's files in its folder, the older one first.
var Names = []string{older, newer}

// Entry is one thing that happened. What does not apply is empty.
type Entry struct {
	Time time.Time `json:"time"`
	// BootID tells one boot from the next (the kernel's boot_id).
	BootID string `json:"boot_id,omitempty"`
	// Verb is what abota was called to do.
	Verb string `json:"verb,omitempty"`
	// What happened, in a few fixed words.
	What string `json:"what"`
	Slot string `json:"slot,omitempty"`
	// Release is the publisher's name for it, SHA256 its identity.
	Release string `json:"release,omitempty"`
	SHA256  string `json:"sha256,omitempty"`
	// Code is the exit code that a failure ended in.
	Code   int    `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Log is the log in one folder, which must exist.
type Log struct{ Dir string }

// Append adds an entry. Durable waits until the disk has it.
func (l Log) Append(e Entry, durable bool) error {
	line, err := encode(e)
	if err != nil {
		return err
	}
	f, err := l.openFor(len(line))
	if err != nil {
		return fmt.Errorf("write the event log: %w", err)
	}
	defer f.Close()
	if torn(f) {
		line = append([]byte("\n"), line...)
	}
	// One write, so that two processes do not mix their lines.
	_, err = f.Write(line)
	if err == nil && durable {
		err = f.Sync()
	}
	if err != nil {
		return fmt.Errorf("write the event log: %w", err)
	}
	return nil
}

func encode(e Entry) ([]byte, error) {
	for _, text := range []*string{&e.BootID, &e.Verb, &e.What, &e.Slot, &e.Release, &e.SHA256, &e.Reason} {
		if len(*text) > maxText {
			*text = strings.ToValidUTF8((*text)[:maxText-3], "") + "..."
		}
	}
	line, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode an event: %w", err)
	}
	return append(line, '\n'), nil
}

// openFor opens the newer file with room for n more bytes.
func (l Log) openFor(n int) (*os.File, error) {
	f, err := l.open()
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || st.Size()+int64(n) < half {
		return f, err
	}
	err = l.rotate(f)
	f.Close()
	if err != nil {
		return nil, err
	}
	return l.open()
}

func (l Log) open() (*os.File, error) {
	return os.OpenFile(filepath.Join(l.Dir, newer), os.O_RDWR|os.O_APPEND|os.O_CREATE|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o600)
}

// rotate makes the newer file the older one, unless another process does so or
// has done so.
func (l Log) rotate(f *os.File) error {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return nil
	}
	path := filepath.Join(l.Dir, newer)
	mine, err := f.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Lstat(path); err != nil || !os.SameFile(mine, there) {
		return nil
	}
	if err := os.Rename(path, filepath.Join(l.Dir, older)); err != nil {
		return err
	}
	return syncDir(l.Dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// torn reports whether the last line did not get to its end.
func torn(f *os.File) bool {
	st, err := f.Stat()
	if err != nil || st.Size() == 0 {
		return false
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, st.Size()-1)
	return err == nil && last[0] != '\n'
}

// Read returns what the log holds, oldest first. A log that was never written
// is empty.
func (l Log) Read() ([]Entry, error) {
	var all []Entry
	for _, name := range Names {
		text, err := readBounded(filepath.Join(l.Dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return all, fmt.Errorf("read the event log: %w", err)
		}
		all = append(all, entries(text)...)
	}
	return all, nil
}

func readBounded(path string) ([]byte, error) {
	// A pipe that lies there must not hold us up, nor a link lead elsewhere.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxSize))
}

// entries are the lines that are whole.
func entries(text []byte) []Entry {
	var all []Entry
	for line := range bytes.Lines(text) {
		var e Entry
		if json.Unmarshal(line, &e) == nil && e.What != "" {
			all = append(all, e)
		}
	}
	return all
}
