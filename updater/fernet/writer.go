package fernet

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"time"
)

// plainSize is how much plaintext is encrypted at once.
const plainSize = 24 << 10

var errClosed = errors.New("write to a Fernet token that is complete")

// Writer encrypts into one token. The token is complete, and of any use, only
// after Close.
type Writer struct {
	out  *bufio.Writer
	text io.WriteCloser // base64 into out
	mac  hash.Hash
	cbc  cipher.BlockMode
	buf  []byte // plaintext that waits; its capacity is whole blocks
	err  error
}

// NewWriter writes a token to dst, with the system's time and a random IV. It
// takes about 60 KiB. dst is not closed.
func NewWriter(dst io.Writer, key *Key) *Writer {
	var iv [aes.BlockSize]byte
	// Since Go 1.24 this either fills iv or ends the program.
	_, _ = rand.Read(iv[:])
	return newWriter(dst, key, time.Now(), iv)
}

// newWriter is NewWriter with what the specification's vectors fix. An IV that
// somebody chooses has no place in the public API.
func newWriter(dst io.Writer, key *Key, now time.Time, iv [aes.BlockSize]byte) *Writer {
	out := bufio.NewWriterSize(dst, textSize)
	w := &Writer{
		out:  out,
		text: base64.NewEncoder(base64.URLEncoding, out),
		mac:  newMAC(key),
		cbc:  cipher.NewCBCEncrypter(newCipher(key), iv[:]),
		buf:  make([]byte, 0, plainSize),
	}
	header := binary.BigEndian.AppendUint64([]byte{version}, uint64(now.Unix()))
	w.emit(append(header, iv[:]...))
	return w
}

// Write encrypts p. Errors are those of the destination, and stay.
func (w *Writer) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 && w.err == nil {
		n := min(len(p), cap(w.buf)-len(w.buf))
		w.buf = append(w.buf, p[:n]...)
		if len(w.buf) == cap(w.buf) {
			w.seal()
		}
		p = p[n:]
		written += n
	}
	return written, w.err
}

// Close pads, signs and flushes. It must be called, and its error looked at.
// A second Close does nothing.
func (w *Writer) Close() error {
	if errors.Is(w.err, errClosed) {
		return nil
	}
	pad := aes.BlockSize - len(w.buf)%aes.BlockSize
	w.buf = append(w.buf, bytes.Repeat([]byte{byte(pad)}, pad)...)
	w.seal()
	w.emit(w.mac.Sum(nil))
	if w.err == nil {
		w.err = w.text.Close()
	}
	if w.err == nil {
		w.err = w.out.Flush()
	}
	if w.err != nil {
		return w.err
	}
	w.err = errClosed
	return nil
}

// seal encrypts what waits, which is whole blocks.
func (w *Writer) seal() {
	w.cbc.CryptBlocks(w.buf, w.buf)
	w.emit(w.buf)
	w.buf = w.buf[:0]
}

// emit appends bytes of the token.
func (w *Writer) emit(b []byte) {
	w.mac.Write(b)
	if w.err == nil {
		_, w.err = w.text.Write(b)
	}
}
