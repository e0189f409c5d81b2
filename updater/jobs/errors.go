package jobs

import (
	"errors"
	"fmt"
)

// Errors that callers tell apart.
var (
	// ErrOver: the execution has ended: succeeded, failed, cancelled, timed out,
	// removed or deleted.
	ErrOver = errors.New("the job execution is over")
	// ErrNoReply: AWS IoT did not answer, however often it was asked.
	ErrNoReply = errors.New("AWS IoT does not answer")
	// ErrCannotDisarm: the device has no way to take back what a job installed.
	ErrCannotDisarm = errors.New("this device cannot take an installed release back")
)

// Code is why AWS IoT rejected a request.
type Code string

// The codes that the agent tells apart.
const (
	CodeInvalidRequest  Code = "InvalidRequest"
	CodeInvalidState    Code = "InvalidStateTransition"
	CodeNotFound        Code = "ResourceNotFound"
	CodeVersionMismatch Code = "VersionMismatch"
	CodeInternal        Code = "InternalError"
	CodeThrottled       Code = "RequestThrottled"
	CodeTerminal        Code = "TerminalStateReached"
)

// RejectedError is an answer of AWS IoT that says no.
type RejectedError struct {
	// Request is what was asked, as in "update AFR_OTA-1".
	Request string
	Code    Code
	Message string
	// Status and Version are the execution's as they are, where the service
	// said so (with CodeVersionMismatch and CodeInvalidState); else empty.
	Status  Status
	Version int64
}

func (e *RejectedError) Error() string {
	text := fmt.Sprintf("AWS IoT rejected the request %q: %s", e.Request, e.Code)
	if e.Message != "" {
		text += ": " + oneLine(e.Message)
	}
	return text
}

// heals reports whether the same request may be taken later.
func (e *RejectedError) heals() bool { return e.Code == CodeThrottled || e.Code == CodeInternal }

// over reports whether a request failed because the execution has ended, or is
// not there any more, and what it ended as where that is known.
func over(err error) (Status, bool) {
	var r *RejectedError
	switch {
	case errors.Is(err, ErrOver):
		return "", true
	case !errors.As(err, &r):
		return "", false
	case r.Code == CodeNotFound:
		return Removed, true
	case r.Code == CodeTerminal:
		return "", true
	// Which of the two comes first is not documented: an end is a version too.
	case (r.Code == CodeInvalidState || r.Code == CodeVersionMismatch) && r.Status != "" && r.Status.Over():
		return r.Status, true
	}
	return "", false
}
