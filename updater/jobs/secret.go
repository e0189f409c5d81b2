package jobs

import (
	"fmt"
	"io"
	"log/slog"
)

// URL is an address that may open a private object for whoever knows it, as
// pre-signed ones do. Every way of printing it gives ***; Reveal alone gives
// the text.
type URL string

const hidden = "***"

// Reveal is the address itself, for the one place that fetches it.
func (u URL) Reveal() string { return string(u) }

// String hides the address.
func (u URL) String() string { return hidden }

// GoString hides the address.
func (u URL) GoString() string { return hidden }

// Format hides the address from every verb, also from %x and %d.
func (u URL) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText hides the address from encoders, but not that there is none.
func (u URL) MarshalText() ([]byte, error) {
	if u == "" {
		return nil, nil
	}
	return []byte(hidden), nil
}

// LogValue hides the address from structured logs.
func (u URL) LogValue() slog.Value { return slog.StringValue(hidden) }
