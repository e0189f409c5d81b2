// Package classic reads the classic release: three objects side by side, as a
// few lines of Python make them. It says in which order source, hashing,
// Fernet and zip are put behind one another, and what a mismatch means.
//
// # Guarantee
//
// [Payload.Next] returns io.EOF only when the whole token was read, its digest
// is what the checksum says, its HMAC holds under the key, and every entry of
// the zip agreed with its CRC, its sizes and the central directory. Everything
// happens in one pass and in constant memory (under 1 MiB).
//
// Three objects that are replaced one after the other cannot be read
// together at one moment. So their states are pinned by ETag, and on any
// mismatch the source is asked whether one of them is another by now. If so
// the error wraps [source.ErrChanged]: start over, nothing is wrong. Else it
// wraps [ErrCorrupt] and says who has to do what. Errors of the source pass
// through as they are and are never called corruption.
//
// A source may hold the token alone (a pre-signed URL, a pipe). Its checksum
// is then given beside it, or there is none: the HMAC proves that the token is
// whole and was made with the key, and what gets lost is only who is to blame
// when it does not hold. "Nothing to do" is then told by the server's ETag.
//
// # Before authentication
//
// The HMAC stands at the token's end. All that comes out before
// [Payload.Next] has returned io.EOF is unproven: write it where nothing
// trusts it yet. Until then the checks of packages fernet and unpack ran on
// bytes that nobody vouched for.
//
// # The first part's size
//
// A zip that was written into a pipe says an entry's size only behind its
// content, which is too late to refuse an image that does not fit. So where
// the first entry's header says none, the last kilobytes of the token are
// read ahead of the stream, and the size that the central directory has there
// becomes [release.Part]'s. That takes one request to the source, for
// unusual archives a few, and never more than 256 KiB.
//
// This size is a hint, unauthenticated as is a size in a local header: fit to
// refuse a release before anything is written, not to accept one, nor to
// condemn one. The stream ends well only when the real size is what the real
// directory says, whatever the hint was. An end that cannot be understood
// gives no hint (-1): the stream will say what is wrong with it. But a source
// that cannot be read, or a token that was replaced, ends the release at
// once, with the same errors as in the stream.
//
// # Not guaranteed
//
// There is no protection against an old release offered again. Whoever has
// the key can make releases, and a key that lies in the bucket is known to
// everybody who can read the bucket. MD5 only catches accidents. A publisher
// who stops half-way leaves a mixture that is reported as ErrCorrupt until he
// goes on; so ErrCorrupt must not condemn a release for good.
//
// # Format
//
//   - The token (firmware.zip): a Fernet token, see package fernet, over a
//     zip, see package unpack. Its object's metadata "version", where there
//     is any, is the release's version. Directories are parts of size 0.
//   - The checksum (checksum.txt): the hexadecimal MD5 of the token's text,
//     alone or followed by white space and a name, as md5sum writes it.
//   - The key (key.key): the Fernet key's text.
package classic

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"abota/updater/release"
	"abota/updater/source"
)

// usualToken is the name that the token has unless it was configured.
const usualToken = "firmware.zip"

// smallObject is the limit, in bytes, of checksum and key.
const smallObject = 4 << 10

// ErrCorrupt is wrapped when the three objects do not belong together or one
// of them is not what it has to be, and none was replaced meanwhile.
var ErrCorrupt = errors.New("release is corrupt")

// ErrKeyFile is wrapped when the device's own key file is not usable.
var ErrKeyFile = errors.New("key file is not usable")

// Source is where the three objects lie.
type Source interface {
	Open(ctx context.Context, name string) (*source.Object, error)
	Get(ctx context.Context, name string, limit int64) ([]byte, source.Info, error)
	// Look says what Open would say of the object.
	Look(ctx context.Context, name string) (source.Info, error)
	// Changed reports whether the object is no longer the one that was read.
	Changed(ctx context.Context, name string, was source.Info) (bool, error)
	// String names the source, without credentials.
	String() string
}

// Release is what a source offers under three names.
type Release struct {
	Source                   Source
	Token, Checksum, KeyName string
	// KeyFile is the key's file on this device. With it the key in the
	// source is never fetched.
	KeyFile string
	// Sum is what the token has to be, where somebody says it. Checksum in the
	// source is then never fetched.
	Sum Sum
	// Alone says that the source holds the token and nothing beside it: the
	// key has to be in KeyFile, and without a Sum it alone proves the token.
	Alone bool
	// Warn is told, once, when others can read the key too: because it lies
	// in the bucket, or by the mode of its file. Optional.
	Warn func(string)

	warned sync.Once
}

// Check reads the checksum, a few bytes, and nothing else. Where there is none
// to read it looks whether the token is there.
func (r *Release) Check(ctx context.Context) (release.ID, error) {
	sum, pins, err := r.sum(ctx)
	if err != nil {
		return release.ID{}, err
	}
	if len(pins) > 0 {
		return release.ID{Checksum: sum.MD5, Source: r.Source.String(), Published: pins[0].info.Modified}, nil
	}
	token, err := r.Source.Look(ctx, r.Token)
	if err != nil {
		return release.ID{}, err
	}
	id := r.id(sum, token)
	id.SHA256 = sum.SHA256 // which would be its identity
	id.Published = token.Modified
	return id, nil
}

// LoadKey reads the key and forgets it: a device that cannot load it could not
// install a release.
func (r *Release) LoadKey(ctx context.Context) error {
	_, _, err := r.key(ctx)
	return err
}

// Open reads checksum and key and starts to read the token. ctx ends all of
// the payload's reading.
func (r *Release) Open(ctx context.Context) (*Payload, error) {
	sum, pins, err := r.sum(ctx)
	if err != nil {
		return nil, err
	}
	key, info, err := r.key(ctx)
	if err != nil {
		return nil, err
	}
	if r.KeyFile == "" {
		pins = append(pins, pin{r.KeyName, info})
	}
	ctx, cancel := context.WithCancel(ctx)
	token, err := r.openToken(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	pins = append(pins, pin{r.Token, token.Info()})
	p := &Payload{r: r, ctx: ctx, cancel: cancel, sum: sum, id: r.id(sum, token.Info()), pins: pins, key: key, token: token}
	p.start()
	return p, nil
}

// openToken says so when the token is there under its usual name only.
func (r *Release) openToken(ctx context.Context) (*source.Object, error) {
	token, err := r.Source.Open(ctx, r.Token)
	if !errors.Is(err, source.ErrNotFound) || r.Token == usualToken || r.Alone {
		return token, err
	}
	usual, missing := r.Source.Open(ctx, usualToken)
	if missing != nil {
		return nil, err
	}
	usual.Close()
	return nil, fmt.Errorf("%w (there is a %s: if that is the release, set file_name to it)", err, usualToken)
}

// in names an object for messages.
func (r *Release) in(name string) string { return fmt.Sprintf("%s in %s", name, r.Source) }

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrCorrupt, fmt.Errorf(format, args...))
}
