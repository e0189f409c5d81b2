package control

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// serveSTS is the query protocol: a form in, XML out.
func (s *Server) serveSTS(w http.ResponseWriter, r *http.Request, sign *signature) {
	body, k, f := s.admit(r, sign)
	if f != nil {
		writeSTSError(w, f)
		return
	}
	form := r.URL.Query()
	if r.Method == http.MethodPost {
		var err error
		if form, err = url.ParseQuery(string(body)); err != nil {
			writeSTSError(w, refuse("ValidationException", "the body is no form: %v", err))
			return
		}
	}
	switch action := form.Get("Action"); action {
	case "GetCallerIdentity":
		s.callerIdentity(w, k)
	case "AssumeRole":
		s.assumeRole(w, form)
	default:
		writeSTSError(w, refuse("UnknownOperationException", "%q is no operation of sts that this emulator has", action))
	}
}

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

type metadata struct {
	RequestID string `xml:"RequestId"`
}

func (s *Server) callerIdentity(w http.ResponseWriter, k key) {
	type result struct {
		ARN     string `xml:"Arn"`
		UserID  string `xml:"UserId"`
		Account string
	}
	id := s.Account
	if k.SessionToken != "" {
		id = k.AccessKey + ":session"
	}
	writeXML(w, http.StatusOK, struct {
		XMLName  xml.Name `xml:"GetCallerIdentityResponse"`
		Space    string   `xml:"xmlns,attr"`
		Result   result   `xml:"GetCallerIdentityResult"`
		Metadata metadata `xml:"ResponseMetadata"`
	}{Space: stsNamespace, Result: result{k.arn, id, s.Account}, Metadata: metadata{requestID()}})
}

// The durations of AssumeRole, in seconds.
const minSession, usualSession, maxSession = 900, 3600, 43200

// assumeRole gives keys that may do everything, under the name of the role.
func (s *Server) assumeRole(w http.ResponseWriter, form url.Values) {
	role, name := form.Get("RoleArn"), form.Get("RoleSessionName")
	duration, err := usualSession, error(nil)
	if text := form.Get("DurationSeconds"); text != "" {
		duration, err = strconv.Atoi(text)
	}
	if !strings.Contains(role, ":role/") || name == "" || err != nil || duration < minSession || duration > maxSession {
		writeSTSError(w, refuse("ValidationException", "AssumeRole takes the ARN of a role, a RoleSessionName, and %d to %d DurationSeconds", minSession, maxSession))
		return
	}
	keys, until, err := s.Store.TemporaryKeys("", time.Duration(duration)*time.Second)
	if err != nil {
		writeSTSError(w, refuse("InternalFailureException", "%v", err))
		return
	}
	arn := strings.Replace(strings.Replace(role, ":role/", ":assumed-role/", 1), ":iam:", ":sts:", 1) + "/" + name
	s.Keys.add(keys, arn, until)
	type result struct {
		ARN    string `xml:"AssumedRoleUser>Arn"`
		ID     string `xml:"AssumedRoleUser>AssumedRoleId"`
		Access string `xml:"Credentials>AccessKeyId"`
		Secret string `xml:"Credentials>SecretAccessKey"`
		Token  string `xml:"Credentials>SessionToken"`
		Until  string `xml:"Credentials>Expiration"`
	}
	writeXML(w, http.StatusOK, struct {
		XMLName  xml.Name `xml:"AssumeRoleResponse"`
		Space    string   `xml:"xmlns,attr"`
		Result   result   `xml:"AssumeRoleResult"`
		Metadata metadata `xml:"ResponseMetadata"`
	}{
		Space:    stsNamespace,
		Result:   result{arn, keys.AccessKey + ":" + name, keys.AccessKey, keys.SecretKey, keys.SessionToken, until.UTC().Format(time.RFC3339)},
		Metadata: metadata{requestID()},
	})
}

// stsCodes are the query protocol's words for exceptions.
var stsCodes = map[string]string{
	"UnrecognizedClientException":  "InvalidClientTokenId",
	"InvalidSignatureException":    "SignatureDoesNotMatch",
	"IncompleteSignatureException": "IncompleteSignature",
	"ExpiredTokenException":        "ExpiredToken",
	"UnknownOperationException":    "InvalidAction",
	"ValidationException":          "ValidationError",
}

func writeSTSError(w http.ResponseWriter, f *fault) {
	code, known := stsCodes[f.kind]
	if !known {
		code = f.kind
	}
	type failure struct {
		Type, Code, Message string
	}
	writeXML(w, f.status, struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Space     string   `xml:"xmlns,attr"`
		Error     failure
		RequestID string `xml:"RequestId"`
	}{Space: stsNamespace, Error: failure{"Sender", code, f.message}, RequestID: requestID()})
}

func writeXML(w http.ResponseWriter, status int, body any) {
	text, err := xml.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may be gone
}
