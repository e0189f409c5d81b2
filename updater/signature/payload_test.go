package signature

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"

	"abota/updater/release"
)

// artifact is a payload of one part, whose digest is known at its end as those
// of real ones are.
type artifact struct {
	*strings.Reader
	text  string
	fails error // at the end
	nexts int
}

func (a *artifact) Next() (release.Part, error) {
	if a.nexts++; a.nexts == 1 {
		return release.Part{Name: "image", Size: int64(len(a.text))}, nil
	}
	if a.fails != nil {
		return release.Part{}, a.fails
	}
	return release.Part{}, io.EOF
}

func (a *artifact) Parts() iter.Seq[release.Part] {
	return slices.Values([]release.Part{{Name: "image"}})
}

func (a *artifact) ID() release.ID {
	id := release.ID{Source: "here", Checksum: "inner"}
	if a.nexts > 1 && a.fails == nil {
		digest := sha256.Sum256([]byte(a.text))
		id.SHA256 = hex.EncodeToString(digest[:])
	}
	return id
}

func (a *artifact) Fetched() int64 { return a.Size() - int64(a.Len()) }
func (a *artifact) Close() error   { return nil }

// replaced is one that was replaced while it was read.
type replaced struct{ *artifact }

var errReplaced = errors.New("replaced")

func (replaced) Doubt(error) error { return errReplaced }

// signedText is a signature over a text.
func signedText(t *testing.T, text string) *Detached {
	t.Helper()
	key := curveKey(t, elliptic.P256())
	digest := sha256.Sum256([]byte(text))
	d, err := New(folderOf(t, map[string][]byte{"signer.pem": certify(t, signing, key)}), "signer", ECDSA, sign(t, key, digest[:], crypto.SHA256))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func releaseOf(by *Detached, p Payload) *Release {
	return &Release{
		By:       by,
		Look:     func(context.Context) (release.ID, error) { return release.ID{Source: "here", Size: 9}, nil },
		Artifact: func(context.Context) (Payload, error) { return p, nil },
	}
}

func TestEndIsOnlyBelievedUnderTheSignature(t *testing.T) {
	broken := errors.New("broken")
	inner := func(text string) *artifact { return &artifact{Reader: strings.NewReader(text), text: text} }
	for name, row := range map[string]struct {
		payload Payload
		want    error
	}{
		"right":     {inner("the image"), io.EOF},
		"other":     {inner("the imagf"), ErrUntrusted},
		"shorter":   {inner("the imag"), ErrUntrusted},
		"empty":     {inner(""), ErrUntrusted},
		"replaced":  {replaced{inner("the imagf")}, errReplaced},
		"unreplace": {replaced{inner("the image")}, io.EOF},
		"no end":    {&artifact{Reader: strings.NewReader("the image"), text: "the image", fails: fmt.Errorf("broken: %w", io.EOF)}, ErrUntrusted},
		"broken":    {&artifact{Reader: strings.NewReader("the image"), text: "the image", fails: broken}, broken},
	} {
		t.Run(name, func(t *testing.T) {
			by := signedText(t, "the image")
			r := releaseOf(by, row.payload)
			p, err := r.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if part, err := p.Next(); err != nil || part.Name != "image" {
				t.Fatalf("%v, %v", part, err)
			}
			if _, err := io.ReadAll(p); err != nil {
				t.Fatal(err)
			}
			if id := p.ID(); id.SHA256 != "" || id.Checksum != by.Checksum() || len(slices.Collect(p.Parts())) != 0 {
				t.Errorf("before the end: %+v", id)
			}
			for range 2 { // and it stays
				if _, err := p.Next(); !errors.Is(err, row.want) || row.want == io.EOF && err != io.EOF {
					t.Fatalf("ended in %v, want %v", err, row.want)
				}
			}
			believed := row.want == io.EOF
			if id := p.ID(); (id.SHA256 != "") != believed || (len(slices.Collect(p.Parts())) == 1) != believed {
				t.Errorf("at the end: %+v", id)
			}
		})
	}
}

func TestReleaseThatTheDeviceHasMetIsNotAskedFor(t *testing.T) {
	by := signedText(t, "the image")
	digest := sha256.Sum256([]byte("the image"))
	met := release.ID{SHA256: hex.EncodeToString(digest[:]), Version: "1.4.0", Checksum: "as it was"}
	asked := 0
	r := releaseOf(by, nil)
	r.Look = func(context.Context) (release.ID, error) {
		asked++
		return release.ID{Source: "here", Size: 9}, nil
	}
	r.Known = func() ([]release.ID, error) {
		return []release.ID{{}, {SHA256: strings.Repeat("0", 64)}, {SHA256: "damaged"}, met}, nil
	}
	if id, err := r.Check(t.Context()); err != nil || asked != 0 || !id.Same(met) || id.Version != "1.4.0" || id.Checksum != by.Checksum() {
		t.Errorf("%+v, %v, asked %d times", id, err, asked)
	}
	for _, known := range []func() ([]release.ID, error){nil, func() ([]release.ID, error) { return []release.ID{{SHA256: strings.Repeat("0", 64)}}, nil }} {
		r.Known, asked = known, 0
		if id, err := r.Check(t.Context()); err != nil || asked != 1 || id.SHA256 != "" || id.Size != 9 || id.Checksum != by.Checksum() {
			t.Errorf("%+v, %v, asked %d times", id, err, asked)
		}
	}
	lost := errors.New("lost")
	r.Known = func() ([]release.ID, error) { return nil, lost }
	if _, err := r.Check(t.Context()); !errors.Is(err, lost) {
		t.Errorf("%v", err)
	}
}
