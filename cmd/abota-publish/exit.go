package main

import (
	"errors"
	"fmt"
	"io/fs"

	"abota/updater/config"
	"abota/updater/fernet"
	"abota/updater/unpack"
)

// The exit codes. They are part of the interface: scripts branch on them.
const (
	exitDone      = 0
	exitFailed    = 1
	exitUsage     = 2
	exitUntrusted = 5
	exitTransport = 6
	exitRefused   = 7
)

// codedError is an error whose exit code is known where it arises.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

func coded(code int, format string, args ...any) error {
	return &codedError{code, fmt.Errorf(format, args...)}
}

// usageError is a wrong command line.
func usageError(format string, args ...any) error {
	return coded(exitUsage, "%w (abota-publish --help says more)", fmt.Errorf(format, args...))
}

// refused is what could be done, but had better not.
func refused(format string, args ...any) error { return coded(exitRefused, format, args...) }

func exitCode(err error) int {
	var known *codedError
	var wrongConfig *config.Error
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &known):
		return known.code
	case errors.Is(err, fernet.ErrInvalid), errors.Is(err, unpack.ErrCorrupt):
		return exitUntrusted
	case errors.Is(err, unpack.ErrRefused):
		return exitRefused
	case errors.As(err, &wrongConfig), errors.Is(err, fs.ErrNotExist):
		return exitUsage
	}
	return exitFailed
}
