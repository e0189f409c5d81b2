package main

import (
	"errors"
	"fmt"
	"io/fs"

	"abota/cmd/abota-publish/ota"
	"abota/cmd/internal/cli"
	"abota/updater/config"
	"abota/updater/fernet"
	"abota/updater/unpack"
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

// refused is what could be done, but had better not.
func refused(format string, args ...any) error { return coded(cli.ExitRefused, format, args...) }

func exitCode(err error) int {
	var known *codedError
	var wrongUse *cli.UsageError
	var wrongConfig *config.Error
	var wrongJob *ota.Error
	switch {
	case err == nil:
		return cli.ExitDone
	case errors.As(err, &wrongUse):
		return cli.ExitUsage
	case errors.As(err, &known):
		return known.code
	case errors.As(err, &wrongJob):
		return wrongJob.Code
	case errors.Is(err, fernet.ErrInvalid), errors.Is(err, unpack.ErrCorrupt):
		return cli.ExitUntrusted
	case errors.Is(err, unpack.ErrRefused):
		return cli.ExitRefused
	case errors.As(err, &wrongConfig), errors.Is(err, fs.ErrNotExist):
		return cli.ExitUsage
	}
	return cli.ExitFailed
}
