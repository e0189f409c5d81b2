package raw

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"sync/atomic"

	"abota/updater/readahead"
	"abota/updater/release"
	"abota/updater/source"
)

// One ring of these buffers lets fetching and hashing use another core than
// writing.
const (
	aheadBuffers = 4
	aheadSize    = 64 << 10
)

// Payload is an image on its way in:
//
//	object → digest → (ahead) → image
//
// It is for one reader at a time; Fetched and Close may be called from
// elsewhere.
type Payload struct {
	r      *Release
	ctx    context.Context
	cancel context.CancelFunc
	id     release.ID
	part   release.Part

	object *source.Object
	digest *digest
	image  io.ReadCloser
	left   int64 // of the image, in bytes
	begun  bool
	err    error // sticky: the verdict, or io.EOF
}

func newPayload(ctx context.Context, cancel context.CancelFunc, r *Release, object *source.Object) *Payload {
	p := &Payload{r: r, ctx: ctx, cancel: cancel, id: r.id(object.Info()), object: object, left: r.Size}
	p.part = release.Part{Name: cmp.Or(r.Part, DefaultName), Size: r.Size, Mode: 0o644, Modified: object.Info().Modified}
	p.digest = &digest{src: object, sum: sha256.New()}
	p.image = readahead.New(p.digest, aheadBuffers, aheadSize)
	return p
}

// Next names the one part. The second time it reads what was not read of it,
// and returns io.EOF only when the image ended where it had to.
func (p *Payload) Next() (release.Part, error) {
	switch {
	case p.err != nil:
		return release.Part{}, p.err
	case !p.begun:
		p.begun = true
		return p.part, nil
	}
	if _, err := io.Copy(io.Discard, reading{p}); err != nil {
		return release.Part{}, err
	}
	p.err = p.finish()
	return release.Part{}, p.err
}

// Parts is the one part, once Next has returned io.EOF, and none before.
func (p *Payload) Parts() iter.Seq[release.Part] {
	return func(yield func(release.Part) bool) {
		if p.err == io.EOF {
			yield(p.part)
		}
	}
}

// reading hides everything of a payload but Read.
type reading struct{ io.Reader }

// Read reads the image. Its io.EOF says that Size bytes came, not yet that no
// more would.
func (p *Payload) Read(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	if p.left == 0 || !p.begun {
		return 0, io.EOF
	}
	n, err := p.image.Read(b[:min(int64(len(b)), p.left)])
	p.left -= int64(n)
	if err == io.EOF && p.left > 0 {
		err = p.Doubt(corrupt("%s ends after %d bytes, but the update says %d: create the update anew from this file, or put the right file there", p.r.in(), p.r.Size-p.left, p.r.Size))
	}
	if err != nil && err != io.EOF {
		p.err = err
	}
	return n, err
}

// finish is the last check: the source must end where the image does.
func (p *Payload) finish() error {
	n, err := io.ReadFull(p.image, make([]byte, 1))
	switch {
	case n > 0:
		return p.Doubt(corrupt("%s has more than the %d bytes that the update says: create the update anew from this file, or put the right file there", p.r.in(), p.r.Size))
	case err != io.EOF:
		return err
	}
	p.id.SHA256 = hex.EncodeToString(p.digest.sum.Sum(nil))
	return io.EOF
}

// Doubt says what is behind cause, which speaks against the image: an error
// that wraps [source.ErrChanged] when it was replaced since it was opened, so
// that starting over may help, else cause.
func (p *Payload) Doubt(cause error) error {
	changed, err := p.r.Source.Changed(p.ctx, p.r.Object, p.object.Info())
	switch {
	case changed || errors.Is(err, source.ErrNotFound):
		return fmt.Errorf("%w: %s was replaced while the release was read: start over", source.ErrChanged, p.r.in())
	case errors.Is(err, errors.ErrUnsupported): // a source that never changes
		return cause
	case err != nil:
		return fmt.Errorf("the image is not what it has to be (%s), and whether it was replaced meanwhile cannot be found out: %w", cause, err)
	}
	return cause
}

// ID is the release's identity. SHA256 is filled once Next returned io.EOF.
func (p *Payload) ID() release.ID { return p.id }

// Fetched is how many bytes of the image were read so far.
func (p *Payload) Fetched() int64 { return p.digest.n.Load() }

// Close stops everything that still runs, and does not wait for it. A Read
// under way ends with an error.
func (p *Payload) Close() error {
	p.cancel()
	p.image.Close()
	return p.object.Close()
}

// digest is taken of what passes through.
type digest struct {
	src io.Reader
	sum hash.Hash
	n   atomic.Int64
}

func (d *digest) Read(p []byte) (int, error) {
	n, err := d.src.Read(p)
	d.sum.Write(p[:n])
	d.n.Add(int64(n))
	return n, err
}
