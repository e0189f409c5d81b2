package control

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"abota/sim/awsiot/roles"
	"abota/sim/awsiot/service"
	"abota/sim/awsiot/signer"
	"abota/sim/store"
)

// maxBody bounds a request to all but S3, in bytes. The largest in the models
// is a message for MQTT, of 128 KiB.
const maxBody = 1 << 20

// Options say what is served.
type Options struct {
	Service *service.Service
	Signer  *signer.Signer
	Roles   *roles.Roles
	Store   *store.Store
	Keys    *Keyring
	Clock   *service.VirtualClock // the service's
	// Account and Region are what the emulator is.
	Account, Region string
	// Publish hands a message to the clients of the MQTT broker.
	Publish func(topic string, payload []byte, qos byte, retain bool) error
	// Log gets a line for each operation, by its name; nil drops it.
	Log func(string)
}

// Server serves all services at one address.
type Server struct {
	Options
	s3     http.Handler
	tables map[string][]operation
}

// New makes a server of what the options name; all of them are needed.
func New(opts Options) (*Server, error) {
	s := &Server{Options: opts}
	var err error
	if s.s3, err = passOn(opts.Store.Endpoint()); err != nil {
		return nil, err
	}
	s.tables = map[string][]operation{
		"iot":           iotOperations(),
		"execute-api":   iotOperations(), // as older SDKs sign for it, boto3 1.26 among them
		"signer":        signerOperations(),
		"iot-jobs-data": jobsOperations(),
		"iotdata":       dataOperations(),
	}
	return s, nil
}

// ServeHTTP serves one request, by the service that it is signed for.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if oldSignature(r) {
		s.s3.ServeHTTP(w, r)
		return
	}
	sign, f := readSignature(r)
	if f == nil && sign != nil && sign.service == "s3" {
		s.s3.ServeHTTP(w, r)
		return
	}
	w.Header().Set("X-Amzn-RequestId", requestID())
	if f == nil && sign == nil && r.URL.Path == ClockPath {
		s.serveClock(w, r)
		return
	}
	if f == nil && sign == nil {
		f = refuse("MissingAuthenticationTokenException", "the request %s %s is not signed: every service here is told from the others by the scope of a Signature Version 4, so give the client the printed keys", r.Method, r.URL.Path)
	}
	if f != nil {
		s.refuse(w, r, f)
		return
	}
	if sign.service == "sts" {
		s.serveSTS(w, r, sign)
		return
	}
	s.serve(w, r, sign)
}

// oldSignature is Version 2, which some clients still make for links to S3.
func oldSignature(r *http.Request) bool {
	q := r.URL.Query()
	return strings.HasPrefix(r.Header.Get("Authorization"), "AWS ") || q.Has("AWSAccessKeyId") && q.Has("Signature")
}

// serve is a service of the REST-JSON protocol.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, sign *signature) {
	body, _, f := s.admit(r, sign)
	if f == nil && sign.region != s.Region {
		f = refuse("InvalidSignatureException", "the request is signed for region %s, but this emulator is %s: set the client's region", sign.region, s.Region)
	}
	table, known := s.tables[sign.service]
	if f == nil && !known {
		f = refuse("UnknownOperationException", "this emulator has no service %q: it has iot, iot-jobs-data, iotdata, signer, sts and s3", sign.service)
	}
	if f != nil {
		s.refuse(w, r, f)
		return
	}
	s.answer(w, r, sign.service, table, body)
}

// admit reads and verifies a request.
func (s *Server) admit(r *http.Request, sign *signature) ([]byte, key, *fault) {
	body, f := readBody(r)
	if f != nil {
		return nil, key{}, f
	}
	k, f := s.Keys.find(sign.access, sign.token(r))
	if f != nil {
		return nil, key{}, f
	}
	return body, k, sign.verify(r, body, k)
}

func readBody(r *http.Request) ([]byte, *fault) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, refuse("RequestEntityTooLargeException", "the body is larger than %d bytes", maxBody)
	case err != nil:
		return nil, refuse("InvalidRequestException", "the body cannot be read: %v", err)
	}
	return body, nil
}

// answer does what a verified request asks for.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, name string, table []operation, body []byte) {
	op, params := find(table, r.Method, r.URL.EscapedPath())
	if op == nil {
		s.refuse(w, r, refuse("UnknownOperationException", "%s %s is no operation of %s that this emulator has", r.Method, r.URL.EscapedPath(), name))
		return
	}
	c := &call{request: r, params: params, query: r.URL.Query(), body: body}
	if f := checkQuery(name, c.query); f != nil {
		s.refuse(w, r, f)
		return
	}
	out, err := op.do(s, c)
	if err != nil {
		s.refuse(w, r, asFault(err))
		return
	}
	s.log(op.name + " " + r.URL.Path)
	if text, is := out.(raw); is {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text) // the client may be gone
		return
	}
	reply(w, http.StatusOK, out)
}

// refuse answers with an error, and says it.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, f *fault) {
	s.log(r.Method + " " + r.URL.Path + ": " + f.Error())
	f.write(w)
}

func (s *Server) log(line string) {
	if s.Log != nil {
		s.Log(line)
	}
}
