package service

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is a refusal, in the words of both planes. Every error that the
// service returns is one. Texts are the emulator's own unless a comment says
// where they were seen: most of AWS's are not established.
type Error struct {
	// Type is the exception's name over HTTP, such as InvalidRequestException,
	// and Status its HTTP status.
	Type   string
	Status int
	// Code is what the rejected message says over MQTT; empty for what exists
	// on the control plane only.
	Code    string
	Message string
	// ResourceID and ResourceARN name what exists already.
	ResourceID, ResourceARN string
	// State goes with VersionMismatch and InvalidStateTransition over MQTT.
	State *JobExecutionState
}

func (e *Error) Error() string { return e.Type + ": " + e.Message }

// Body is the error's reply over HTTP; the type goes into the header
// X-Amzn-ErrorType.
func (e *Error) Body() ErrorBody {
	return ErrorBody{Message: e.Message, ResourceID: e.ResourceID, ResourceARN: e.ResourceARN}
}

// ErrorBody is an [Error] over HTTP.
type ErrorBody struct {
	Message     string `json:"message"`
	ResourceID  string `json:"resourceId,omitempty"`
	ResourceARN string `json:"resourceArn,omitempty"`
}

// Rejected is an [Error] on the device's side of jobs over MQTT.
type Rejected struct {
	Code           string             `json:"code"`
	Message        string             `json:"message"`
	ClientToken    string             `json:"clientToken,omitempty"`
	Timestamp      int64              `json:"timestamp,omitzero"`
	ExecutionState *JobExecutionState `json:"executionState,omitempty"`
}

// Reject words any error as the rejected reply to a request with that token.
func (s *Service) Reject(err error, clientToken string) Rejected {
	e := AsError(err)
	code := e.Code
	if code == "" {
		code = "InternalError"
	}
	return Rejected{Code: code, Message: e.Message, ClientToken: clientToken, Timestamp: s.Now().Unix(), ExecutionState: e.State}
}

// AsError is the service's error in err; what is none became an internal
// failure.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Type: "InternalFailureException", Status: http.StatusInternalServerError, Code: "InternalError", Message: err.Error()}
}

func invalid(format string, args ...any) *Error {
	return &Error{Type: "InvalidRequestException", Status: http.StatusBadRequest, Code: "InvalidRequest", Message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) *Error {
	return &Error{Type: "ResourceNotFoundException", Status: http.StatusNotFound, Code: "ResourceNotFound", Message: fmt.Sprintf(format, args...)}
}

func exists(id, arn, format string, args ...any) *Error {
	return &Error{Type: "ResourceAlreadyExistsException", Status: http.StatusConflict, Message: fmt.Sprintf(format, args...), ResourceID: id, ResourceARN: arn}
}

// limitExceeded has status 410 on the control plane.
func limitExceeded(format string, args ...any) *Error {
	return &Error{Type: "LimitExceededException", Status: http.StatusGone, Message: fmt.Sprintf(format, args...)}
}

// badTransition is InvalidStateTransition on both planes.
func badTransition(state *JobExecutionState, format string, args ...any) *Error {
	return &Error{Type: "InvalidStateTransitionException", Status: http.StatusConflict, Code: "InvalidStateTransition", Message: fmt.Sprintf(format, args...), State: state}
}

// versionConflict is the control plane's word for a stale version.
func versionConflict(format string, args ...any) *Error {
	return &Error{Type: "VersionConflictException", Status: http.StatusConflict, Code: "VersionMismatch", Message: fmt.Sprintf(format, args...)}
}

// versionMismatch is the device's: the jobs data plane has no VersionConflict
// over HTTP and says InvalidStateTransition [inferred].
func versionMismatch(state *JobExecutionState, format string, args ...any) *Error {
	e := badTransition(state, format, args...)
	e.Code = "VersionMismatch"
	return e
}

// terminalState answers a device that describes an execution which has ended.
func terminalState(format string, args ...any) *Error {
	return &Error{Type: "TerminalStateException", Status: http.StatusGone, Code: "TerminalStateReached", Message: fmt.Sprintf(format, args...)}
}

// invalidDocument is InvalidJobDocumentException.
func invalidDocument(format string, args ...any) *Error {
	return &Error{Type: "InvalidJobDocumentException", Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// invalidValue is the packages' ValidationException.
func invalidValue(format string, args ...any) *Error {
	return &Error{Type: "ValidationException", Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// conflict is the packages' and shadows' ConflictException.
func conflict(format string, args ...any) *Error {
	return &Error{Type: "ConflictException", Status: http.StatusConflict, Message: fmt.Sprintf(format, args...)}
}
