package classic

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"iter"
	"sync/atomic"

	"abota/updater/fernet"
	"abota/updater/readahead"
	"abota/updater/release"
	"abota/updater/source"
	"abota/updater/unpack"
)

// Two rings of these buffers stand between the stages, so that fetching and
// hashing, decrypting, and unpacking each may use a core.
const (
	aheadBuffers = 4
	aheadSize    = 64 << 10
)

// Payload is a classic release on its way in:
//
//	token → digests → text (ahead) → Fernet → plain (ahead) → zip
//
// It is for one reader at a time; Fetched and Close may be called from
// elsewhere.
type Payload struct {
	r      *Release
	ctx    context.Context
	cancel context.CancelFunc
	sum    Sum // what the token has to be
	id     release.ID
	pins   []pin

	key     *fernet.Key
	token   *source.Object
	digests *digests
	text    io.ReadCloser
	fernet  *fernet.Reader
	plain   io.ReadCloser
	zip     *unpack.Zip
	begun   bool  // the first part was met
	err     error // sticky: the verdict, or io.EOF
}

// start puts the stages behind one another.
func (p *Payload) start() {
	p.digests = &digests{src: p.token, md5: md5.New(), sha256: sha256.New()}
	p.text = readahead.New(p.digests, aheadBuffers, aheadSize)
	p.fernet = fernet.NewReader(p.text, p.key)
	p.plain = readahead.New(p.fernet, aheadBuffers, aheadSize)
	p.zip = unpack.NewZip(p.plain)
}

// Next goes to the following part; what was not read of the current one is
// skipped, and checked all the same. It returns io.EOF only when all of the
// release is proven. The first part's size may be a hint only, see the
// package's documentation.
func (p *Payload) Next() (release.Part, error) {
	if p.err != nil {
		return release.Part{}, p.err
	}
	entry, err := p.zip.Next()
	if err == io.EOF {
		err = p.prove()
	}
	if err != nil {
		p.err = p.verdict(err)
		return release.Part{}, p.err
	}
	part := release.Part{Name: entry.Name, Size: entry.Size, Modified: entry.Modified}
	if part.Size < 0 && !p.begun {
		if part.Size, p.err = p.sizeAhead(part.Name); p.err != nil {
			return release.Part{}, p.err
		}
	}
	p.begun = true
	return part, nil
}

// Parts are all parts with their modes, once Next has returned io.EOF, and
// none before.
func (p *Payload) Parts() iter.Seq[release.Part] {
	return func(yield func(release.Part) bool) {
		if p.err != io.EOF {
			return
		}
		for e := range p.zip.Entries() {
			if !yield(release.Part{Name: e.Name, Size: e.Size, Mode: e.Mode, Modified: e.Modified}) {
				return
			}
		}
	}
}

// Read reads the current part. Its io.EOF says that the part was unpacked
// well, not yet that it is authentic.
func (p *Payload) Read(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.zip.Read(b)
	if err != nil && err != io.EOF {
		p.err = p.verdict(err)
		err = p.err
	}
	return n, err
}

// prove is the last check. The zip's clean end says that the HMAC held and
// that the token was read to its end; the checksum is left.
func (p *Payload) prove() error {
	if _, _, _, same := p.match(); !same {
		return errSum
	}
	p.id.SHA256, p.id.Made = p.digests.sha256Sum(), p.fernet.Timestamp().Unix()
	return io.EOF
}

// ID is the release's identity. SHA256 and Made are filled once Next returned io.EOF.
func (p *Payload) ID() release.ID { return p.id }

// Fetched is how many bytes of the token were read so far.
func (p *Payload) Fetched() int64 { return p.digests.n.Load() }

// Close stops everything that still runs, and does not wait for it. A Read
// under way ends with an error.
func (p *Payload) Close() error {
	p.cancel()
	p.plain.Close()
	p.text.Close()
	return p.token.Close()
}

// digests takes both digests of what passes through.
type digests struct {
	src         io.Reader
	md5, sha256 hash.Hash
	n           atomic.Int64
}

func (d *digests) Read(p []byte) (int, error) {
	n, err := d.src.Read(p)
	d.md5.Write(p[:n])
	d.sha256.Write(p[:n])
	d.n.Add(int64(n))
	return n, err
}

func (d *digests) md5Sum() string    { return hex.EncodeToString(d.md5.Sum(nil)) }
func (d *digests) sha256Sum() string { return hex.EncodeToString(d.sha256.Sum(nil)) }
