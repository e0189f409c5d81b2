package ota

import (
	"fmt"

	"abota/cmd/internal/cli"
)

// Error is an error whose exit code is known.
type Error struct {
	Code int // one of cli's
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

func coded(code int, format string, args ...any) error {
	return &Error{code, fmt.Errorf(format, args...)}
}

// wrong is a setting, here or at the service, that has to be changed first.
func wrong(format string, args ...any) error { return coded(cli.ExitUsage, format, args...) }

// refused is what could be sent, but had better not.
func refused(format string, args ...any) error { return coded(cli.ExitRefused, format, args...) }

// untrusted is what does not belong together.
func untrusted(format string, args ...any) error { return coded(cli.ExitUntrusted, format, args...) }

// usage is a wrong command line.
func usage(format string, args ...any) error { return cli.Usage(format, args...) }
