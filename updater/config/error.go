package config

import (
	"fmt"
	"strings"
)

// Error is every error of this package: something in the configuration that
// its author has to change.
type Error struct {
	// File is the file's path, the variable's name, or "command line". It is
	// empty when what is wrong is in none of them.
	File string
	// Line counts from 1; 0 means that there is none to name.
	Line int
	// Key is the path of the key with dots, or empty.
	Key string
	// Reason says what is wrong and what to do.
	Reason string
	// Err is the cause, when the file could not be read.
	Err error
}

// Error is one line, as in "config.yaml:12: slots.c: unknown slot: use a and b".
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Reason)
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }
