// Package source is where objects come from: an S3 bucket ([S3]), a web server
// ([Web]), a stream of AWS IoT ([Stream]), a local folder ([Dir]) or a pipe
// ([Stdin]), concrete types with the same methods.
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
//
// A server that sends less than Network.MinRate does not hold a stream for
// ever, whether it drips, stalls, or hangs up after a few bytes; waiting for
// the reader's own storage does not count against it. What a server asks for
// with Retry-After is waited for, or left to the caller ([RetryAfter]).
//
// Every error is one line that names the object and where it was looked for;
// none shows a credential or the query of a URL. Neither is sent to a server
// that another one redirects to, and nothing is redirected from https to http.
//
// # Time
//
// Certificates are checked at Network.Now, which need not be the system's
// clock. Where a certificate is good but for its start, which is still to
// come, it is checked at its start, and the time of that source is then no
// earlier. S3 requests are signed by the system's clock unless the server's
// Date says otherwise; nothing else uses that date, but to read a Retry-After.
//
// # Not guaranteed
//
// Content is not authenticated: an ETag tells that an object changed, not who
// wrote it, and a server that lies consistently is believed. That is for the
// stages that follow. [Dir] sees a file that is overwritten in place by its
// size and modification time, so a writer within one tick of the file
// system's clock goes unnoticed. A web server may name no state of its
// objects; then Info.ETag is empty, a broken stream is not resumed, pieces are
// not read, and a replaced object shows by its size and date alone. [Stdin] is
// read once, ends where its writer ends, and never shows a change.
//
// # The S3 protocol, as far as it is used
//
// Only GetObject, signed with Signature Version 4: plain to open, with
// "Range: bytes=N-" and "If-Match" to resume, with "Range: bytes=N-M" and
// "If-Match" to read a piece, with "Range: bytes=0-0" to look at an object, and
// "If-None-Match" beside it to look for a change. HEAD is never used, since its
// errors carry no body that says what is wrong. Credentials need s3:GetObject
// and nothing else. A bucket that is said to be in another region is asked for
// there, once.
//
// # HTTP, as far as it is used
//
// The same GETs, unsigned, so that a pre-signed URL serves them all; to resume
// also with "If-Range", for servers that know no If-Match. Where there is no
// strong ETag, a Last-Modified that RFC 9110 calls strong stands in for it,
// with "If-Unmodified-Since" and "If-Modified-Since". A URL with a query holds
// for its own object; else names are files in the same folder.
//
// # Streams of AWS IoT, as far as they are used
//
// As the developer guide has them ("AWS IoT MQTT-based file delivery"), over a
// connection that is somebody else's ([Link]), on the topics
// $aws/things/THING/streams/STREAM/KIND/FORMAT, where FORMAT is cbor or json:
//
//   - describe {"c":token} is answered by description {"c","s","r":[{"f","z"}]}:
//     the stream's version and the sizes of its files. The version is what
//     Info.ETag is here; each connection asks for it again.
//   - get {"c","s","f","l","o","n"} asks for n blocks of l bytes from block o on,
//     128 KiB at most; each comes as data {"c","f","l","i","p"}, in any order, or
//     is lost. The bitmap "b" is not sent, since its form in JSON is not
//     established. Two requests are under way at most, so that 256 KiB are held,
//     and what is missing after a while, or after the connection was lost, is
//     asked for again by itself.
//   - rejected {"c","o","m"} says no; a code's meaning is in rejects.
//
// A message counts if it bears this exchange's random token and this file's
// number, and a block if it was asked for and has the length that it must have.
// That keeps others' answers out, and is no authentication: who may publish on
// these topics can make up a block.
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
	// ErrMismatch: the object is not the one that was promised.
	ErrMismatch = errors.New("not what was promised")
	// ErrTooLarge: an object that has to be small is not.
	ErrTooLarge = errors.New("object is too large")
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
