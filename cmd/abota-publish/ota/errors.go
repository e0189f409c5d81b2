package ota

import (
	"errors"
	"fmt"

	"abota/cmd/internal/cli"
)

// Error is an error whose exit code is known.
type Error struct {
	Code int // one of cli's
	Err  error
	// cause is what a service answered, where Err has only its words.
	cause error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.cause}
}

func coded(code int, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// codeOf is the exit code of an error of this package.
func codeOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return cli.ExitFailed
}

// wrong is a setting, here or at the service, that has to be changed first.
func wrong(format string, args ...any) error { return coded(cli.ExitUsage, format, args...) }

// refused is what could be sent, but had better not.
func refused(format string, args ...any) error { return coded(cli.ExitRefused, format, args...) }

// untrusted is what does not belong together.
func untrusted(format string, args ...any) error { return coded(cli.ExitUntrusted, format, args...) }

// usage is a wrong command line.
func usage(format string, args ...any) error { return cli.Usage(format, args...) }
