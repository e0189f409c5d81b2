package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"abota/sim/awsiot/service"
	"abota/sim/awsiot/signer"
)

// fault is an error reply of the REST-JSON protocol.
type fault struct {
	kind    string // the exception's name
	status  int
	body    any
	message string
}

func (f *fault) Error() string { return f.kind + ": " + f.message }

// statuses are those of exceptions that this package and the signer word
// themselves.
var statuses = map[string]int{
	"AccessDeniedException":               http.StatusForbidden,
	"ExpiredTokenException":               http.StatusForbidden,
	"IncompleteSignatureException":        http.StatusForbidden,
	"InternalFailureException":            http.StatusInternalServerError,
	"InvalidRequestException":             http.StatusBadRequest,
	"InvalidSignatureException":           http.StatusForbidden,
	"MissingAuthenticationTokenException": http.StatusForbidden,
	"RequestEntityTooLargeException":      http.StatusRequestEntityTooLarge,
	"ResourceNotFoundException":           http.StatusNotFound,
	"SerializationException":              http.StatusBadRequest,
	"UnauthorizedException":               http.StatusUnauthorized,
	"UnknownOperationException":           http.StatusNotFound,
	"UnrecognizedClientException":         http.StatusForbidden,
	"ValidationException":                 http.StatusBadRequest,
}

// refuse words an exception of the table of statuses.
func refuse(kind, format string, args ...any) *fault {
	return &fault{kind: kind, status: statuses[kind], message: fmt.Sprintf(format, args...)}
}

// asFault is any error as a reply.
func asFault(err error) *fault {
	var f *fault
	var s *signer.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &s):
		return refuse(s.Code, "%s", s.Message)
	}
	e := service.AsError(err)
	return &fault{kind: e.Type, status: e.Status, message: e.Message, body: e.Body()}
}

// write sends the reply. The code stands in the body too, as the signer's
// model has it; the others' clients pass over it.
func (f *fault) write(w http.ResponseWriter) {
	body := f.body
	if body == nil {
		body = struct {
			Message string `json:"message"`
			Code    string `json:"code"`
		}{f.message, f.kind}
	}
	w.Header().Set("X-Amzn-ErrorType", f.kind)
	reply(w, f.status, body)
}

// reply sends a body in JSON.
func reply(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may be gone
}
