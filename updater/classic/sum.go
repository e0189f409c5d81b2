package classic

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"abota/updater/release"
	"abota/updater/source"
)

// Sum is what the token has to be, in hexadecimal digits: one of both digests,
// or none where nobody says it.
type Sum struct{ MD5, SHA256 string }

// sha256Prefix tells one digest from the other.
const sha256Prefix = "sha256:"

// ParseSum reads a checksum that a person gave: an MD5, or sha256: and the
// digits of a SHA-256.
func ParseSum(text string) (Sum, error) {
	if digits, ok := strings.CutPrefix(text, sha256Prefix); ok {
		digest, err := hex.DecodeString(digits)
		if err != nil || len(digest) != sha256.Size {
			return Sum{}, fmt.Errorf("%q is not sha256: and %d hexadecimal digits", clip(text), hex.EncodedLen(sha256.Size))
		}
		return Sum{SHA256: hex.EncodeToString(digest)}, nil
	}
	digest, err := hex.DecodeString(text)
	if err != nil || len(digest) != md5.Size {
		return Sum{}, fmt.Errorf("%q is neither the %d hexadecimal digits of an MD5 nor sha256: and %d digits", clip(text), hex.EncodedLen(md5.Size), hex.EncodedLen(sha256.Size))
	}
	return Sum{MD5: hex.EncodeToString(digest)}, nil
}

// clip keeps a foreign text short.
func clip(text string) string {
	const most = 100
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

// known reports whether there is a digest to compare with.
func (s Sum) known() bool { return s != Sum{} }

// sum is what the token has to be: as it was given, else as the checksum in
// the source says, which is then pinned.
func (r *Release) sum(ctx context.Context) (Sum, []pin, error) {
	if r.Sum.known() || r.Alone {
		return r.Sum, nil, nil
	}
	md5, info, err := r.checksum(ctx)
	return Sum{MD5: md5}, []pin{{r.Checksum, info}}, err
}

// id is a release by its sum and by what the source says of its token. Where
// there is no sum the source's own name for the token's state tells "nothing
// to do".
func (r *Release) id(sum Sum, token source.Info) release.ID {
	id := release.ID{Checksum: sum.MD5, Version: token.Version, Source: r.Source.String(), Size: max(0, token.Size)}
	switch {
	case sum.SHA256 != "":
		id.Checksum = sha256Prefix + sum.SHA256
	case !sum.known() && token.ETag != "":
		id.Checksum = "etag:" + short(strings.Trim(token.ETag, `"`))
	}
	return id
}

// short is a tag that the journal has room for.
func short(tag string) string {
	if len(tag) > 64 {
		digest := sha256.Sum256([]byte(tag))
		return hex.EncodeToString(digest[:])
	}
	return tag
}

// errSum starts a verdict about a release whose checksum alone is wrong.
var errSum = errors.New("checksum does not match")

// match compares what was read with what it has to be, and says both.
func (p *Payload) match() (kind, is, must string, same bool) {
	if p.sum.SHA256 != "" {
		is := p.digests.sha256Sum()
		return "SHA-256", is, p.sum.SHA256, is == p.sum.SHA256
	}
	is = p.digests.md5Sum()
	return "MD5", is, p.sum.MD5, p.sum.MD5 == "" || is == p.sum.MD5
}

// sumPlace is where the sum was read from.
func (p *Payload) sumPlace() string {
	if p.r.Sum.known() {
		return "the given checksum"
	}
	return p.r.Checksum
}
