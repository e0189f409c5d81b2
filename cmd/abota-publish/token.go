package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"
)

// digests are taken of a token on its way.
type digests struct {
	md5, sha256 hash.Hash
	size        int64
}

func newDigests() *digests { return &digests{md5: md5.New(), sha256: sha256.New()} }

func (d *digests) Write(p []byte) (int, error) {
	d.md5.Write(p)
	d.sha256.Write(p)
	d.size += int64(len(p))
	return len(p), nil
}

func (d *digests) checksum() string { return hex.EncodeToString(d.md5.Sum(nil)) }
func (d *digests) identity() string { return hex.EncodeToString(d.sha256.Sum(nil)) }

// json is the part of a result that says which token it is.
func (d *digests) json() map[string]any {
	return map[string]any{"checksum": d.checksum(), "sha256": d.identity(), "size": d.size}
}

// digestFile reads a file for its digests.
func (c *command) digestFile(ctx context.Context, path string) (*digests, error) {
	in, err := c.open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return in.digests()
}

// digests reads the file to its end.
func (f *inputFile) digests() (*digests, error) {
	d := newDigests()
	if _, err := io.Copy(d, f); err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return d, nil
}

// A token's version and time, nine bytes, are its first twelve characters.
const (
	tokenHead    = 12
	tokenVersion = 0x80
)

// madeAt is the time that stands, unauthenticated, at a token's front; false
// when the text is no token.
func madeAt(head []byte) (time.Time, bool) {
	raw := make([]byte, base64.URLEncoding.DecodedLen(tokenHead))
	if len(head) < tokenHead {
		return time.Time{}, false
	}
	n, err := base64.URLEncoding.Decode(raw, head[:tokenHead])
	if err != nil || n != len(raw) || raw[0] != tokenVersion {
		return time.Time{}, false
	}
	seconds := binary.BigEndian.Uint64(raw[1:])
	// What was made before the year 2^34 begins like a token, and nothing
	// else is likely to.
	if seconds >= 1<<34 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0).UTC(), true
}

// peekHead looks at a file's first bytes and goes back.
func peekHead(f io.ReadSeeker) ([]byte, error) {
	head := make([]byte, tokenHead)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return head[:n], err
}

// isZip: a zip begins with its first entry's header, or with its end.
func isZip(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06"))
}
