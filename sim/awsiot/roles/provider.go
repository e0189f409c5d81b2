package roles

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"abota/sim/store"
)

// Registry says whose a certificate is.
type Registry interface {
	// Things are those to which a certificate is attached, by its ID: the
	// SHA-256 of its DER in lower-case hexadecimal digits. False means that it
	// is unknown or not active.
	Things(certificate string) ([]string, bool)
}

// Keys makes temporary keys for a policy; (*store.Store).TemporaryKeys does.
type Keys func(policy string, valid time.Duration) (store.Keys, time.Time, error)

// policy is what every role may do here.
const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":["arn:aws:s3:::*"]}]}`

// Provider is the credentials provider, GET /role-aliases/{alias}/credentials,
// behind a server that demands and verifies client certificates.
type Provider struct {
	Roles    *Roles
	Registry Registry
	Keys     Keys
	// Certificate is the ID of a request's certificate.
	Certificate func(*http.Request) string
}

// refusal is an error reply.
type refusal struct {
	status  int
	kind    string
	message string
}

// ServeHTTP serves one request.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	keys, until, refused := p.answer(r)
	w.Header().Set("Content-Type", "application/json")
	if refused != nil {
		w.Header().Set("X-Amzn-ErrorType", refused.kind)
		w.WriteHeader(refused.status)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": refused.message}) // the device may be gone
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"credentials": map[string]string{
		"accessKeyId": keys.AccessKey, "secretAccessKey": keys.SecretKey, "sessionToken": keys.SessionToken,
		"expiration": until.UTC().Format(time.RFC3339),
	}})
}

func (p *Provider) answer(r *http.Request) (store.Keys, time.Time, *refusal) {
	no := func(status int, kind, message string) (store.Keys, time.Time, *refusal) {
		return store.Keys{}, time.Time{}, &refusal{status, kind, message}
	}
	rest, fits := strings.CutPrefix(r.URL.Path, "/role-aliases/")
	name, is := strings.CutSuffix(rest, "/credentials")
	if !fits || !is || r.Method != http.MethodGet {
		return no(http.StatusNotFound, "UnknownOperationException", "the credentials provider answers GET /role-aliases/ALIAS/credentials, not "+r.Method+" "+r.URL.Path)
	}
	things, active := p.Registry.Things(p.Certificate(r))
	if !active {
		return no(http.StatusForbidden, "AccessDeniedException", "the certificate is not registered or not active")
	}
	if thing := r.Header.Get("X-Amzn-Iot-Thingname"); thing != "" && !slices.Contains(things, thing) {
		return no(http.StatusForbidden, "AccessDeniedException", "the certificate is not attached to thing "+thing)
	}
	alias, err := p.Roles.Describe(name)
	if err != nil {
		return no(http.StatusNotFound, "ResourceNotFoundException", "there is no role alias "+name)
	}
	keys, until, err := p.Keys(policy, time.Duration(alias.Duration)*time.Second)
	if err != nil {
		return no(http.StatusInternalServerError, "InternalFailureException", err.Error())
	}
	return keys, until, nil
}
