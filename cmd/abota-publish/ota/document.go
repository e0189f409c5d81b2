package ota

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"
)

// document is what devices get. The order of its keys is the sample's.
type document struct {
	AFR   *afrOTA   `json:"afr_ota,omitempty"`
	Abota *abotaDoc `json:"abota,omitempty"`
}

type afrOTA struct {
	Protocols []string  `json:"protocols"`
	Stream    string    `json:"streamname,omitempty"`
	Files     []afrFile `json:"files"`
}

type afrFile struct {
	Path       *string `json:"filepath"`
	Size       int64   `json:"filesize"` // in bytes
	ID         int     `json:"fileid"`
	Cert       string  `json:"certfile"`
	URL        *string `json:"update_data_url"`
	AuthScheme *string `json:"auth_scheme"`
	ECDSA      string  `json:"sig-sha256-ecdsa,omitempty"`
	RSA        string  `json:"sig-sha256-rsa,omitempty"`
}

// documentVersion is of the part that is abota's own.
const documentVersion = 1

type abotaDoc struct {
	Version  int             `json:"version"`
	Source   string          `json:"source,omitempty"`
	Release  string          `json:"release,omitempty"`
	Checksum string          `json:"checksum,omitempty"`
	Package  *packageVersion `json:"package,omitempty"`
}

// encode is the document's JSON, without what only HTML wants escaped.
func (d document) encode() (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		return "", fmt.Errorf("encode the job's document: %w", err)
	}
	text := strings.TrimSuffix(b.String(), "\n")
	if len(text) > maxDocument {
		return "", usage("the job's document has %d bytes, and %d are the most", len(text), maxDocument)
	}
	return text, nil
}

// authScheme is what devices expect beside a pre-signed URL.
const authScheme = "aws.s3.presigned"

// The placeholder that the service replaces by a pre-signed URL whenever a
// device asks for the document. Its URL is encoded, the version included.
const (
	placeholderHead = "${aws:iot:s3-presigned-url-v2:https://"
	placeholderTail = "}"
	placeholderPin  = "%3FversionId%3D"
)

func (a account) placeholder(o object) string {
	return placeholderHead + a.s3Host() + "/" + o.Bucket + "/" + escapeKey(o.Key) + placeholderPin + url.QueryEscape(o.Version) + placeholderTail
}

// escapeKey escapes all but the slashes.
func escapeKey(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(key), "+", "%20"), "%2F", "/")
}

// parsePlaceholder is the object that a placeholder names.
func parsePlaceholder(text string) (object, bool) {
	rest, ok := strings.CutPrefix(text, placeholderHead)
	rest, closed := strings.CutSuffix(rest, placeholderTail)
	rest, version, pinned := strings.Cut(rest, placeholderPin)
	_, path, _ := strings.Cut(rest, "/")
	bucket, key, _ := strings.Cut(path, "/")
	key, err := url.PathUnescape(key)
	version, bad := url.QueryUnescape(version)
	o := object{bucket, key, version}
	return o, ok && closed && pinned && err == nil && bad == nil && o.Bucket != "" && o.Key != "" && o.Version != ""
}

// object is one version of an S3 object.
type object struct {
	Bucket  string `json:"bucket"`
	Key     string `json:"key"`
	Version string `json:"version"`
}

func (o object) String() string {
	return fmt.Sprintf("s3://%s/%s (version %s)", o.Bucket, o.Key, o.Version)
}

// signature is over the SHA-256 of a binary.
type signature struct {
	Algorithm string // ecdsa or rsa
	Base64    string
	Size      int64 // of the binary, in bytes
	Cert      string
}

// algorithms are the two that devices take, by what Signer calls them.
var algorithms = map[string]string{"SHA256withECDSA": ecdsaKey, "SHA256withRSA": rsaKey}

const ecdsaKey, rsaKey = "ecdsa", "rsa"

// facts are what only the services know, once they were asked.
type facts struct {
	account  account
	file     object // what devices get
	stream   string // its id, empty for none
	streamed int    // the file's id in the stream
	sig      signature
	packages []packageVersion // resolved
}

func (r *Request) document(f facts) document {
	own := r.ownPart(f)
	if r.Source != "" {
		return document{Abota: own}
	}
	file := afrFile{Size: f.sig.Size, ID: f.streamed, Cert: f.sig.Cert}
	if f.sig.Algorithm == rsaKey {
		file.RSA = f.sig.Base64
	} else {
		file.ECDSA = f.sig.Base64
	}
	if r.FilePath != "" {
		file.Path = &r.FilePath
	}
	d := afrOTA{Stream: f.stream}
	if r.Protocols.MQTT {
		d.Protocols = append(d.Protocols, "MQTT")
	}
	if r.Protocols.HTTP {
		d.Protocols = append(d.Protocols, "HTTP")
		link, scheme := f.account.placeholder(f.file), authScheme
		file.URL, file.AuthScheme = &link, &scheme
	}
	d.Files = []afrFile{file}
	return document{AFR: &d, Abota: own}
}

// ownPart is nil where abota has nothing to be told.
func (r *Request) ownPart(f facts) *abotaDoc {
	d := &abotaDoc{Version: documentVersion, Source: r.Source, Release: r.Release, Checksum: r.Checksum}
	if len(f.packages) > 0 {
		d.Package = &f.packages[0]
	} else if r.Source == "" {
		return nil
	}
	return d
}

// sameJSON reports whether two texts say the same.
func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}
