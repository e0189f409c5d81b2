package signature

import (
	"context"
	"errors"
	"io"
	"iter"

	"abota/updater/release"
)

// Payload is what this package needs of a release on its way in: what the
// engine needs.
type Payload interface {
	io.Reader
	Next() (release.Part, error)
	Parts() iter.Seq[release.Part]
	ID() release.ID
	Fetched() int64
	Close() error
}

// doubter is a payload that can tell what is behind a signature that does not
// fit: perhaps the artifact was replaced while it was read.
type doubter interface{ Doubt(cause error) error }

// Release is a release that counts only under a signature beside it. All fields
// but Known are required.
type Release struct {
	// Look says what there is of the artifact, by what is small; and Artifact
	// starts the one pass over it.
	Look     func(context.Context) (release.ID, error)
	Artifact func(context.Context) (Payload, error)
	By       *Detached
	// Known are the releases that this device has met. One that the signature
	// fits is the release, and then nothing is asked of the source.
	Known func() ([]release.ID, error)
}

// Check says which release it is where that can be known before it is read.
func (r *Release) Check(ctx context.Context) (release.ID, error) {
	id, known, err := r.recognised()
	if err == nil && !known {
		id, err = r.Look(ctx)
	}
	id.Checksum = r.By.Checksum()
	return id, err
}

// recognised is the release among those that this device has met.
func (r *Release) recognised() (id release.ID, known bool, err error) {
	if r.Known == nil {
		return id, false, nil
	}
	met, err := r.Known()
	if err != nil {
		return id, false, err
	}
	for _, id := range met {
		if id.SHA256 != "" && r.By.VerifyHex(id.SHA256) == nil {
			return id, true, nil
		}
	}
	return id, false, nil
}

// Open starts the one pass.
func (r *Release) Open(ctx context.Context) (Payload, error) {
	p, err := r.Artifact(ctx)
	if err != nil {
		return nil, err
	}
	return &checked{Payload: p, by: r.By}, nil
}

// checked is a payload whose end is only believed when the signature fits.
type checked struct {
	Payload
	by  *Detached
	err error // sticky, once Next ended
}

func (c *checked) Next() (release.Part, error) {
	if c.err != nil {
		return release.Part{}, c.err
	}
	part, err := c.Payload.Next()
	if errors.Is(err, io.EOF) { // whoever reads this may take that for the end, too
		err = c.prove()
	}
	c.err = err
	return part, err
}

// prove is asked at the very end, when the digest is known.
func (c *checked) prove() error {
	err := c.by.VerifyHex(c.Payload.ID().SHA256)
	if err == nil {
		return io.EOF
	}
	if d, may := c.Payload.(doubter); may {
		return d.Doubt(err)
	}
	return err
}

// Parts are none before the signature was found to fit.
func (c *checked) Parts() iter.Seq[release.Part] {
	if !errors.Is(c.err, io.EOF) {
		return func(func(release.Part) bool) {}
	}
	return c.Payload.Parts()
}

// ID has the checksum that Check has. The digest is nobody's name before the
// signature was found to fit.
func (c *checked) ID() release.ID {
	id := c.Payload.ID()
	id.Checksum = c.by.Checksum()
	if !errors.Is(c.err, io.EOF) {
		id.SHA256 = ""
	}
	return id
}
