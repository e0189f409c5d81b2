package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// wellFormed refuses what is no JSON, or nested so deep that nobody wrote it.
func wellFormed(raw []byte) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return errors.New("is empty")
	}
	if !utf8.Valid(raw) {
		return errors.New("is not UTF-8 text")
	}
	depth := 0
	dec := json.NewDecoder(bytes.NewReader(raw))
	for {
		token, err := dec.Token()
		switch {
		case errors.Is(err, io.EOF) && depth > 0:
			return errors.New("is not valid JSON: it ends in the middle")
		case errors.Is(err, io.EOF):
			return single(raw)
		case err != nil:
			return fmt.Errorf("is not valid JSON: %w", err)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > maxDepth {
			return fmt.Errorf("is nested more than %d deep", maxDepth)
		}
	}
}

// single refuses more than one value in a row, and what a reader of tokens
// does not mind.
func single(raw []byte) error {
	if err := json.Unmarshal(raw, new(json.RawMessage)); err != nil {
		return fmt.Errorf("is not valid JSON: %w", err)
	}
	return nil
}

// fields is a JSON object. A name counts only as it is written, while
// encoding/json would take other cases too.
type fields struct {
	path   string
	values map[string]json.RawMessage
	// twice is a name that is there more than once, if any is: two readers
	// would see two documents.
	twice string
}

// object takes an object apart that is known to be valid JSON.
func object(raw []byte) (fields, error) {
	f := fields{values: map[string]json.RawMessage{}}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return f, errors.New("is not an object")
	}
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return f, errors.New("is not an object")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return f, err
		}
		if _, found := f.values[name]; found {
			f.twice = name
		}
		f.values[name] = value
	}
	return f, nil
}

// has reports whether there is such a key, whatever its value.
func (f fields) has(name string) bool { _, ok := f.values[name]; return ok }

// absent reports whether a value is missing or null.
func (f fields) absent(name string) bool {
	v, ok := f.values[name]
	return !ok || string(bytes.TrimSpace(v)) == "null"
}

func (f fields) at(name string) string {
	if f.path == "" {
		return name
	}
	return f.path + "." + name
}

// object is the object of this name.
func (f fields) object(name string) (fields, error) {
	inner, err := object(f.values[name])
	inner.path = f.at(name)
	switch {
	case err != nil:
		return inner, fmt.Errorf("has %s, which is not an object", inner.path)
	case inner.twice != "":
		return inner, inner.repeated()
	}
	return inner, nil
}

func (f fields) repeated() error { return fmt.Errorf("has %.60s twice", f.at(f.twice)) }

// text is a string of at most so many bytes on one line; empty where it is
// missing or null.
func (f fields) text(name string, most int) (string, error) {
	if f.absent(name) {
		return "", nil
	}
	var s string
	switch err := json.Unmarshal(f.values[name], &s); {
	case err != nil:
		return "", fmt.Errorf("has a %s that is not text", f.at(name))
	case len(s) > most:
		return "", fmt.Errorf("has a %s of %d bytes, but at most %d are taken", f.at(name), len(s), most)
	}
	for _, r := range s {
		if unicode.Is(unicode.C, r) || r == utf8.RuneError {
			return "", fmt.Errorf("has a %s with a control character in it", f.at(name))
		}
	}
	return s, nil
}

// number is a whole number from least to most.
func (f fields) number(name string, least, most int64) (int64, error) {
	if f.absent(name) {
		return 0, fmt.Errorf("has no %s", f.at(name))
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(f.values[name])), 10, 64)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("has %s %.40s, which is not a whole number from %d to %d", f.at(name), f.values[name], least, most)
	}
	return n, nil
}
