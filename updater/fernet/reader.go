package fernet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"time"
)

// holdBack is how much of what was read could still turn out to be the last
// block with its padding, and the HMAC.
const holdBack = aes.BlockSize + macSize

// maxClockSkew is how far in the future a token may be, as the specification
// has it.
const maxClockSkew = 60 * time.Second

// Reader decrypts one token. See the package's guarantee for what its
// plaintext is worth before io.EOF.
type Reader struct {
	text  decoder
	block cipher.Block
	mac   hash.Hash
	ttl   time.Duration
	now   func() time.Time

	buf   []byte           // decoded bytes, decrypted in place
	raw   []byte           // in buf: decoded, not yet decrypted
	plain []byte           // in buf: decrypted, not yet returned
	cbc   cipher.BlockMode // nil until the header was read
	stamp time.Time
	err   error
}

// Option changes how a Reader judges the token's age.
type Option func(*Reader)

// WithTTL refuses tokens that are older than ttl, or further in the future
// than a minute. Without it, and for a ttl that is not positive, a token's
// time is never looked at: a device that wakes in 1970 could open none.
func WithTTL(ttl time.Duration) Option { return func(r *Reader) { r.ttl = ttl } }

// WithNow replaces the clock that WithTTL compares with.
func WithNow(now func() time.Time) Option { return func(r *Reader) { r.now = now } }

// NewReader decrypts the token that src holds. It takes about 60 KiB.
func NewReader(src io.Reader, key *Key, opts ...Option) *Reader {
	r := &Reader{
		text:  decoder{src: src, text: make([]byte, textSize)},
		block: newCipher(key),
		mac:   newMAC(key),
		now:   time.Now,
		buf:   make([]byte, holdBack+aes.BlockSize+strict.DecodedLen(textSize)),
	}
	for _, opt := range opts {
		opt(r)
	}
	return r
}

// Timestamp is when the token says it was made, in seconds, and the zero time
// before its header was read. Like the plaintext it is unauthenticated until
// Read has returned io.EOF.
func (r *Reader) Timestamp() time.Time { return r.stamp }

// Read returns plaintext. Errors of the source pass through as they are.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.plain) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.err = r.fill()
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}

// fill decodes and decrypts what the source gives next. The error it returns
// comes after the plaintext that it made.
func (r *Reader) fill() error {
	kept := copy(r.buf, r.raw)
	n, err := r.text.next(r.buf[kept:])
	r.raw = r.buf[:kept+n]
	if r.cbc == nil && len(r.raw) >= headerSize {
		if err := r.header(); err != nil {
			return err
		}
	}
	if r.cbc != nil {
		r.decrypt(max(0, len(r.raw)-holdBack) / aes.BlockSize * aes.BlockSize)
	}
	if err == io.EOF { //nolint:errorlint // a wrapped io.EOF is a broken transport, not an end
		return r.finish()
	}
	return err
}

// header takes the version, the time and the IV off the front.
func (r *Reader) header() error {
	h := r.raw[:headerSize]
	if h[0] != version {
		return invalid("its first byte is %#x, not %#x", h[0], version)
	}
	seconds := binary.BigEndian.Uint64(h[1:])
	if err := r.checkAge(seconds); err != nil {
		return err
	}
	r.stamp = time.Unix(int64(seconds), 0)
	r.mac.Write(h)
	r.cbc = cipher.NewCBCDecrypter(r.block, h[ivOffset:])
	r.raw = r.raw[headerSize:]
	return nil
}

func (r *Reader) checkAge(seconds uint64) error {
	if r.ttl <= 0 {
		return nil
	}
	now := r.now()
	// In whole seconds, since 64 bits of them are more than time.Time holds.
	if seconds > uint64(max(0, now.Add(maxClockSkew).Unix())) {
		return invalid("its time is in the future")
	}
	if age := now.Sub(time.Unix(int64(seconds), 0)); age > r.ttl {
		return invalid("it is %s old, and only %s are allowed", age, r.ttl)
	}
	return nil
}

// decrypt turns the next n bytes of ciphertext into plaintext, in place.
func (r *Reader) decrypt(n int) {
	r.plain = r.raw[:n]
	r.raw = r.raw[n:]
	r.mac.Write(r.plain)
	r.cbc.CryptBlocks(r.plain, r.plain)
}

// finish verifies the HMAC, and only then looks at the last block. It returns
// io.EOF when all is well.
func (r *Reader) finish() error {
	// Less was held back only when there never was a whole block, and more
	// only when the ciphertext is not made of whole blocks.
	if r.cbc == nil || len(r.raw) < holdBack {
		return invalid("it is cut short")
	}
	if len(r.raw) != holdBack {
		return invalid("it is cut short within a block")
	}
	last := r.raw[:aes.BlockSize]
	r.mac.Write(last)
	if !hmac.Equal(r.mac.Sum(nil), r.raw[aes.BlockSize:]) {
		return fmt.Errorf("%w: %w: it is damaged, or was made with another key", ErrInvalid, ErrMAC)
	}
	r.cbc.CryptBlocks(last, last)
	pad := int(last[len(last)-1])
	if !padded(last, pad) {
		return invalid("its padding is wrong")
	}
	// last lies right behind plain in buf.
	r.plain = r.plain[:len(r.plain)+len(last)-pad]
	return io.EOF
}

func padded(block []byte, pad int) bool {
	if pad == 0 || pad > len(block) {
		return false
	}
	for _, b := range block[len(block)-pad:] {
		if int(b) != pad {
			return false
		}
	}
	return true
}
