// Package release holds what the engine knows of a release, whatever its
// format: its identity, and the parts that it consists of. It does no I/O.
package release

import (
	"io/fs"
	"time"
)

// ID tells one release from another.
type ID struct {
	// Checksum is what the publisher says of the artifact before it is
	// fetched (classic: the hexadecimal MD5 of the token, or sha256: and its
	// SHA-256, or etag: and its server's word). It decides "nothing to do".
	Checksum string `json:"checksum,omitempty"`
	// SHA256 is the hexadecimal SHA-256 of the artifact, known once all of
	// it was read: the release's identity.
	SHA256 string `json:"sha256,omitempty"`
	// Version is the publisher's name for it, empty when it has none.
	Version string `json:"version,omitempty"`
	// Source says where it came from, without credentials.
	Source string `json:"source,omitempty"`
	// Size is the artifact's size in bytes as stored, or 0 when unknown.
	Size int64 `json:"size,omitempty"`
	// Published is when the source says that the release was put there, zero
	// when unknown. It is a word and no part of the identity, so it is not kept.
	Published time.Time `json:"-"`
	// Made is when the publisher made it by his clock, in seconds since 1970,
	// known once all of it was proven; 0 when unknown.
	Made int64 `json:"made,omitempty"`
}

// Part is one payload of a release, in the order in which it arrives.
type Part struct {
	// Name is a relative slash path. A folder's ends in a slash.
	Name string `json:"name"`
	// Size is the unpacked size in bytes, or -1 when it is only known once
	// the part was read.
	Size int64 `json:"size"`
	// Mode is the kind of file and its permissions, or 0 when the release does
	// not say them, or has not come to it yet. The content of a symbolic link
	// is where it leads.
	Mode fs.FileMode `json:"-"`
	// Modified is when the file was changed last, or zero when unknown.
	Modified time.Time `json:"-"`
}

// Same reports whether both are the same release: by identity when both know
// it, else by the publisher's checksum. Two unknowns are never the same.
func (id ID) Same(other ID) bool {
	if id.SHA256 != "" && other.SHA256 != "" {
		return id.SHA256 == other.SHA256
	}
	return id.Checksum != "" && id.Checksum == other.Checksum
}

// Name is the shortest text that tells a person which release this is.
func (id ID) Name() string {
	switch {
	case id.Version != "":
		return id.Version
	case id.SHA256 != "":
		return short(id.SHA256)
	case id.Checksum != "":
		return short(id.Checksum)
	}
	return "unknown"
}

func short(digest string) string {
	if len(digest) > 12 {
		return digest[:12]
	}
	return digest
}
