package unpack

import (
	"errors"
	"fmt"
	"io"
)

// ErrCorrupt is wrapped by every error that says that the archive is damaged
// or contradicts itself, truncation included (io.ErrUnexpectedEOF is then
// wrapped as well).
var ErrCorrupt = errors.New("zip is damaged")

// ErrRefused is wrapped by every error that says that the archive may be
// well-formed, but holds something that is not accepted here.
var ErrRefused = errors.New("zip is not accepted")

// errMisuse is returned by Read before the first Next.
var errMisuse = errors.New("cannot read a zip entry before Next was called")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrCorrupt, fmt.Errorf(format, args...))
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrRefused, fmt.Errorf(format, args...))
}

func truncated(where string) error {
	return corrupt("it ends within %s: %w", where, io.ErrUnexpectedEOF)
}
