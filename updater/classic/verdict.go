package classic

import (
	"errors"
	"fmt"
	"io"

	"abota/updater/fernet"
	"abota/updater/source"
	"abota/updater/unpack"
)

// pin is one object in the state in which it was read.
type pin struct {
	name string
	info source.Info
}

// verdict says what an error means for the release. An error that is not
// about the content, the source's or the context's, is returned as it is.
//
// The first stage that stumbles is seldom the one that knows why: under a
// wrong key it is the zip that makes no sense. So the token is read to its
// end first, for its MD5 and HMAC. It is looked for a race before that, which
// may save the reading, and again after it.
func (p *Payload) verdict(cause error) error {
	if !aboutContent(cause) {
		return cause
	}
	if err := p.race(cause); err != nil {
		return err
	}
	tokenErr, err := p.drain()
	if err != nil {
		return err
	}
	if err := p.race(cause); err != nil {
		return err
	}
	return p.explain(cause, tokenErr)
}

func aboutContent(err error) bool {
	for _, kind := range []error{errSum, fernet.ErrInvalid, unpack.ErrCorrupt, unpack.ErrRefused} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// race reports whether one of the pinned objects was replaced or removed. If
// that cannot be found out, neither can the release be called corrupt.
func (p *Payload) race(cause error) error {
	for _, pin := range p.pins {
		changed, err := p.r.Source.Changed(p.ctx, pin.name, pin.info)
		if changed || errors.Is(err, source.ErrNotFound) {
			return p.replaced(pin.name)
		}
		if err != nil {
			return fmt.Errorf("the release does not hold together (%s), and whether it was replaced meanwhile cannot be found out: %w", cause, err)
		}
	}
	return nil
}

// Doubt says what is behind cause, which speaks against a token that was read to
// its end: an error that wraps [source.ErrChanged] when an object was replaced
// since it was opened, so that starting over may help, else cause.
func (p *Payload) Doubt(cause error) error {
	if err := p.race(cause); err != nil {
		return err
	}
	return cause
}

// replaced is the end of a release whose publisher has gone on.
func (p *Payload) replaced(name string) error {
	return fmt.Errorf("%w: %s was replaced while the release was read: start over", source.ErrChanged, p.r.in(name))
}

// drain reads the token to its end, for the digests, and returns what Fernet
// says of it. Its second result is an error of the source.
func (p *Payload) drain() (tokenErr, err error) {
	_, err = io.Copy(io.Discard, p.plain)
	if !errors.Is(err, fernet.ErrInvalid) {
		return nil, err
	}
	tokenErr = err
	// Fernet has stopped where it saw the error, and reads no more.
	_, err = io.Copy(io.Discard, p.text)
	return tokenErr, err
}

// explain turns a proven mismatch into one line that says what to do.
func (p *Payload) explain(cause, tokenErr error) error {
	token, place := p.r.in(p.r.Token), p.sumPlace()
	kind, is, must, same := p.match()
	switch {
	case !same && p.r.Sum.known():
		return corrupt("%s does not match %s: its %s is %s, not %s: fetch it again, or correct the checksum", token, place, kind, is, must)
	case !same:
		return corrupt("%s does not match %s: its %s is %s, %s says %s: upload both again", token, place, kind, is, place, must)
	case tokenErr != nil && !p.sum.known():
		return corrupt("the key %s does not open %s: use the key that it was encrypted with; or it is damaged or cut short, which only a --checksum can tell (%w)", p.keyPlace(), token, tokenErr)
	case errors.Is(tokenErr, fernet.ErrMAC):
		return corrupt("the key %s does not open %s, which is complete, since it matches %s: use the key that it was encrypted with (%w)", p.keyPlace(), token, place, tokenErr)
	case tokenErr != nil:
		return corrupt("%s matches %s, but was not encrypted as it has to be: encrypt the zip with `abota-publish encrypt` and upload both again (%w)", token, place, tokenErr)
	}
	return corrupt("%s is authentic, but what is in it cannot be unpacked: pack it with `abota-publish pack` and upload it again (%w)", token, cause)
}

// keyPlace is where the key was read from.
func (p *Payload) keyPlace() string {
	if p.r.KeyFile != "" {
		return p.r.KeyFile
	}
	return p.r.in(p.r.KeyName)
}
