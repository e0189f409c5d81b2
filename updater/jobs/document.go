package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrUnknown: the document is not one of abota's. It may be for another agent
// on this device.
var ErrUnknown = errors.New("the document has neither afr_ota nor abota in it, so that abota cannot tell what to do")

// What bounds a document. AWS IoT allows 32768 bytes before it fills in
// pre-signed URLs.
const (
	MaxDocument = 32 << 10
	maxDepth    = 16
)

// Document is what a job asks for. Exactly one of File and Source is there.
type Document struct {
	// File is the one file of an afr_ota document.
	File *File
	// Source is where an abota document finds its release.
	Source *Source
	// Package is what the Software Package Catalog calls the release, zero
	// where it does not know it.
	Package Package
}

// Protocol is how a file is fetched.
type Protocol string

// The protocols of afr_ota documents.
const (
	MQTT Protocol = "MQTT"
	HTTP Protocol = "HTTP"
)

// Algorithm is how a file is signed, as its key in the document says it.
type Algorithm string

// The algorithms that are trusted.
const (
	// ECDSA is over the file's SHA-256; the signature is ASN.1 DER.
	ECDSA Algorithm = "sig-sha256-ecdsa"
	// RSA is PKCS #1 v1.5 over the file's SHA-256. (That it is not PSS is
	// inferred from the name SHA256withRSA that AWS Signer uses.)
	RSA Algorithm = "sig-sha256-rsa"
)

// File is a file of an afr_ota document.
type File struct {
	// Protocol is the one to use: HTTP where there is an address, else MQTT.
	Protocol Protocol
	// Stream is the MQTT stream that has the file, ID which of its files it is
	// (0 to 255). Stream is empty where the document offers HTTP alone.
	Stream string
	ID     int
	// URL is where HTTP finds it, empty with MQTT alone.
	URL URL
	// AuthScheme says how the address is protected, as in aws.s3.presigned.
	AuthScheme string
	// Size is the file's in bytes, at least 1.
	Size int64
	// Path is device specific, and abota does not use it.
	Path string
	// Certificate is the name of the code-signing certificate on this device,
	// or its path there. It names what to check with and is no reason to trust
	// it. Empty where the document names none.
	Certificate string
	Algorithm   Algorithm
	// Signature is over the file as it is fetched: 1 to 1024 bytes.
	Signature []byte
}

// Source is a release in a bucket, or one that an address leads to. Exactly one
// of Bucket and URL is there.
type Source struct {
	// Bucket and Prefix are where the release's objects lie; Prefix may be
	// empty, and has no slash at its ends. Region may be empty: the device's.
	Bucket, Prefix, Region string
	// URL leads to the release itself, over http or https.
	URL URL
	// Checksum, where given, is what the publisher says of the release: 32
	// hexadecimal digits (MD5), or sha256: and 64 of them; in lower case.
	Checksum string
	// Release, where given, is what people call it.
	Release string
}

// Package is a version in the Software Package Catalog.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Parse reads a job's document. An error is ErrUnknown or says in one line, of
// at most 1024 bytes and without control characters, what is wrong with it.
func Parse(raw []byte) (Document, error) {
	d, err := parse(raw)
	if err == nil || errors.Is(err, ErrUnknown) {
		return d, err
	}
	return Document{}, errors.New(oneLine("the job document " + err.Error()))
}

func parse(raw []byte) (Document, error) {
	inner, quoted := unquoted(raw)
	if quoted {
		raw = inner
	}
	if isOthers(raw, quoted) {
		return Document{}, ErrUnknown
	}
	if len(raw) > MaxDocument {
		return Document{}, fmt.Errorf("has %d bytes, but at most %d are read", len(raw), MaxDocument)
	}
	if err := wellFormed(raw); err != nil {
		return Document{}, err
	}
	top, err := object(raw)
	if err != nil {
		return Document{}, err
	}
	if top.has("afr_ota") {
		return parseFile(top)
	}
	return parseSource(top)
}

// isOthers reports whether a document is not meant for abota, in any form that
// another agent may like: plain text, long, or nested deep.
func isOthers(raw []byte, quoted bool) bool {
	if !bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")) {
		return quoted || json.Valid(raw)
	}
	var top map[string]json.RawMessage
	if json.Unmarshal(raw, &top) != nil {
		return false
	}
	_, file := top["afr_ota"]
	_, own := top["abota"]
	return !file && !own
}

// unquoted is a document that came as text with the document in it: that is
// how AWS IoT gives it over HTTP, and how some brokers of tests do over MQTT.
func unquoted(raw []byte) ([]byte, bool) {
	var text string
	if raw = bytes.TrimLeft(raw, " \t\r\n"); len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		return nil, false
	}
	return []byte(text), true
}
