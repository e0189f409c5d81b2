package hostile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"iter"
	"math/rand/v2"
	"strings"

	"abota/updater"
	"abota/updater/release"
)

// image is a release of one image. Its name says how it behaves: what is
// "unhealthy" fails its health check, what "panics" never reaches user space.
type image struct {
	name string
	data []byte
}

func newImage(name string, size int) *image {
	sum := sha256.Sum256([]byte(name))
	data := make([]byte, size)
	_, _ = rand.NewChaCha8(sum).Read(data)
	copy(data, name+"\x00")
	return &image{name: name, data: data}
}

func (i *image) is(word string) bool { return strings.Contains(i.name, word) }

func (i *image) id() release.ID {
	sum := sha256.Sum256(i.data)
	return release.ID{Checksum: hex.EncodeToString(sum[:8]), Version: i.name, Source: "memory"}
}

// offer is what the device's source has.
type offer struct{ image *image }

func (o offer) Check(context.Context) (release.ID, error) { return o.image.id(), nil }

func (o offer) Open(context.Context) (updater.Payload, error) {
	return &pass{image: o.image, left: bytes.NewReader(o.image.data)}, nil
}

// pass is one reading of a release.
type pass struct {
	image *image
	left  *bytes.Reader
	begun bool
	done  bool
}

func (p *pass) Next() (release.Part, error) {
	if !p.begun {
		p.begun = true
		return release.Part{Name: "image", Size: p.left.Size()}, nil
	}
	p.done = true
	return release.Part{}, io.EOF
}

// Parts: an image has no parts worth telling.
func (p *pass) Parts() iter.Seq[release.Part] { return func(func(release.Part) bool) {} }

func (p *pass) Read(b []byte) (int, error) { return p.left.Read(b) }

func (p *pass) ID() release.ID {
	id := p.image.id()
	if p.done {
		sum := sha256.Sum256(p.image.data)
		id.SHA256 = hex.EncodeToString(sum[:])
	}
	return id
}

func (p *pass) Fetched() int64 { return p.left.Size() - int64(p.left.Len()) }
func (p *pass) Close() error   { return nil }
