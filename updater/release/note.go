package release

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// NotePath is where an image says what it is, from the root of its file
// system.
const NotePath = "etc/abota/release"

// MaxNote is how large that file may be, in bytes.
const MaxNote = 4 << 10

// maxVersion bounds a version in bytes: it stands in one line of a status.
const maxVersion = 64

// Note is what an image says of itself. In the file it is either the version
// alone on one line, or lines of the form key=value:
//
//	version=1.4.0
//	floor=1.2
//
// Empty lines and lines that start with # do not count, and neither do keys
// that this version does not know.
type Note struct {
	Version string
	// Floor is the lowest version that may be installed once this image was
	// confirmed: numbers with dots, or empty for none.
	Floor string
}

// ParseNote reads a note.
func ParseNote(text []byte) (Note, error) {
	if len(text) > MaxNote {
		return Note{}, fmt.Errorf("it is larger than %d bytes", MaxNote)
	}
	if !utf8.Valid(text) {
		return Note{}, errors.New("it is not UTF-8 text")
	}
	values, err := noteLines(text)
	if err != nil {
		return Note{}, err
	}
	n := Note{Version: values["version"], Floor: values["floor"]}
	switch {
	case n.Version == "" || len(n.Version) > maxVersion || strings.ContainsFunc(n.Version, unicode.IsControl):
		return Note{}, fmt.Errorf("it names no version of 1 to %d bytes: write version=1.4.0", maxVersion)
	case n.Floor != "" && numbers(n.Floor) == nil:
		return Note{}, fmt.Errorf("floor=%.40q is not numbers with dots, as 1.2", n.Floor)
	}
	return n, nil
}

// noteLines are the values by their keys. One line that is no key and value is
// the version.
func noteLines(text []byte) (map[string]string, error) {
	values := map[string]string{}
	for line := range bytes.Lines(text) {
		line := strings.TrimSpace(string(line))
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			key, value = "version", line
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if _, twice := values[key]; twice {
			return nil, fmt.Errorf("it gives %.40q twice", key)
		}
		values[key] = value
	}
	return values, nil
}

// Below reports whether floor a is lower than floor b. Numbers with dots are
// compared one by one, so that 1.10 is above 1.9, and 1 is 1.0. The empty floor
// is below every other.
func Below(a, b string) bool {
	left, right := numbers(a), numbers(b)
	if left == nil || right == nil {
		return left == nil && right != nil
	}
	for i := range max(len(left), len(right)) {
		if l, r := at(left, i), at(right, i); l != r {
			return l < r
		}
	}
	return false
}

func at(all []uint64, i int) uint64 {
	if i < len(all) {
		return all[i]
	}
	return 0
}

// numbers is nil for what is no floor.
func numbers(text string) []uint64 {
	var all []uint64
	for word := range strings.SplitSeq(text, ".") {
		n, err := strconv.ParseUint(word, 10, 32)
		if err != nil {
			return nil
		}
		all = append(all, n)
	}
	return all
}
