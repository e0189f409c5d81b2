package fleet

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
)

// imageSize is how large a release's image is, in bytes, and slotSize how large
// a slot.
const (
	imageSize = 64 << 10
	slotSize  = imageSize
)

// image is a firmware: a line that says its version, and noise.
type image struct {
	version string
	data    []byte
	sha256  string
}

const (
	imageMagic = "abota simulated firmware "
	maxVersion = 16 // bytes, with the end of the line
)

// newImage makes the firmware of a version. The same seed makes the same bytes.
func newImage(version string, size int, seed uint64) image {
	data := make([]byte, size)
	noise := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), version[0]})
	_, _ = noise.Read(data) // never fails
	copy(data, imageMagic+version+"\n")
	sum := sha256.Sum256(data)
	return image{version, data, hex.EncodeToString(sum[:])}
}

// file is what the image is called where it is published.
func (i image) file() string { return fmt.Sprintf("firmware-%s.bin", i.version) }

// versionOf is what an image in a slot says of itself; empty when there is none.
func versionOf(start []byte) string {
	text, ok := strings.CutPrefix(string(start), imageMagic)
	if !ok {
		return ""
	}
	version, _, ok := strings.Cut(text[:min(len(text), maxVersion)], "\n")
	if !ok {
		return ""
	}
	return version
}

// holds reports whether a slot begins with all of an image.
func (i image) holds(slot []byte) bool { return bytes.HasPrefix(slot, i.data) }
