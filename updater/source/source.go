// Package source is where objects come from: an S3 bucket ([S3]) or a local
// folder ([Dir]), two concrete types with the same methods.
//
// # Guarantee
//
// A stream ends in io.EOF only after exactly Info.Size bytes, all of them of
// the one object state that Info.ETag names. Everything else is an error: a
// connection that ends early, an object that was replaced meanwhile
// (ErrChanged), a server that answers another range than was asked for. A lost
// connection is resumed inside Read, from the byte where it broke and only if
// the ETag is still the same. A piece read at an offset beside the stream is of
// the same object state, or ErrChanged. Memory is constant, whatever the
// object's size.
// Every error is one line that names the object and where it was looked for;
// none shows a credential or the query of a URL.
//
// # Not guaranteed
//
// Content is not authenticated: an ETag tells that an object changed, not who
// wrote it, and a server that lies consistently is believed. That is for the
// stages that follow. [Dir] sees a file that is overwritten in place by its
// size and modification time, so a writer within one tick of the file
// system's clock goes unnoticed. A server that sends a byte now and then is
// listened to until the context ends.
//
// # The S3 protocol, as far as it is used
//
// Only GetObject, signed with Signature Version 4: plain to open, with
// "Range: bytes=N-" and "If-Match" to resume, with "Range: bytes=N-M" and
// "If-Match" to read a piece, with "If-None-Match" and "Range: bytes=0-0" to
// look for a change. HEAD is never used, since its
// errors carry no body that says what is wrong. Credentials need s3:GetObject
// and nothing else.
package source

import (
	"errors"
	"time"
)

// Each error of this package wraps at most one of these, or the context's.
var (
	// ErrNotFound: there is no such object, or no such bucket or folder.
	ErrNotFound = errors.New("not found")
	// ErrDenied: the source is there and refuses; trying again does not help.
	ErrDenied = errors.New("access denied")
	// ErrTransport: the source could not be reached, or does not answer as it
	// must. Trying again later may help.
	ErrTransport = errors.New("transport failure")
	// ErrChanged: the object is no longer the one that was opened.
	ErrChanged = errors.New("object changed")
)

// Info is what a source says of an object.
type Info struct {
	// Size is the length of the object in bytes, -1 when unknown ([Stdin]).
	Size int64
	// ETag names this state of the object: another content has another ETag.
	// Empty where the server has no name for it, so that a stream cannot be
	// resumed ([Web], [Stdin]).
	ETag string
	// Version is the object's metadata "version", empty when it has none.
	Version string
	// Modified is when the object was written, zero when unknown.
	Modified time.Time
}
