package fernet

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"io"
)

// tailSize is how much of the text is looked at in one go for its end.
const tailSize = 1 << 10

// ReaderAt decrypts any piece of one token. Nothing that it returns is
// authenticated, neither bytes nor size: see the package's documentation. It
// is safe for concurrent use if its source is.
type ReaderAt struct {
	src   io.ReaderAt
	block cipher.Block
	size  int64
}

// NewReaderAt reads the end of the token whose text, of size bytes, src
// holds, and takes the plaintext's size from the padding there. A text that
// cannot be a token's end, or a padding that cannot be right, is ErrInvalid.
// Errors of src pass through as they are.
func NewReaderAt(src io.ReaderAt, size int64, key *Key) (*ReaderAt, error) {
	r := &ReaderAt{src: src, block: newCipher(key)}
	raw, err := r.rawSize(size)
	if err != nil {
		return nil, err
	}
	packed := raw - headerSize - macSize
	switch {
	case packed < aes.BlockSize:
		return nil, invalid("it is cut short")
	case packed%aes.BlockSize != 0:
		return nil, invalid("it is cut short within a block")
	}
	last, err := r.blocks(packed-aes.BlockSize, packed)
	if err != nil {
		return nil, err
	}
	pad := int(last[len(last)-1])
	if !padded(last, pad) {
		return nil, invalid("its padding is wrong")
	}
	r.size = packed - int64(pad)
	return r, nil
}

// Size is the plaintext's length in bytes, as far as the padding can be
// believed.
func (r *ReaderAt) Size() int64 { return r.size }

// ReadAt reads plaintext, off counting its bytes. Each call reads its source
// once, and needs about two and a half times the memory of p.
func (r *ReaderAt) ReadAt(p []byte, off int64) (int, error) {
	switch {
	case off < 0:
		return 0, errors.New("cannot read a Fernet token at a negative offset")
	case off >= r.size:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	end := off + min(int64(len(p)), r.size-off)
	from := off / aes.BlockSize * aes.BlockSize
	plain, err := r.blocks(from, (end+aes.BlockSize-1)/aes.BlockSize*aes.BlockSize)
	if err != nil {
		return 0, err
	}
	n := copy(p, plain[off-from:end-from])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// rawSize is how many bytes the text stands for, without the line ends that
// may follow it.
func (r *ReaderAt) rawSize(size int64) (int64, error) {
	end, err := r.textEnd(size)
	if err != nil {
		return 0, err
	}
	if end == 0 || end%4 != 0 {
		return 0, invalid("its text of %d characters is cut short", end)
	}
	var text [4]byte
	if err := r.read(text[:], end-4); err != nil {
		return 0, err
	}
	var last [3]byte
	n, err := strict.Decode(last[:], text[:])
	if err != nil {
		return 0, invalid("its text is damaged or cut short at character %d", end-4)
	}
	return (end-4)/4*3 + int64(n), nil
}

// textEnd skips the line ends behind the text.
func (r *ReaderAt) textEnd(size int64) (int64, error) {
	buf := make([]byte, min(tailSize, max(0, size)))
	for size > 0 {
		tail := buf[:min(int64(len(buf)), size)]
		size -= int64(len(tail))
		if err := r.read(tail, size); err != nil {
			return 0, err
		}
		if text := bytes.TrimRight(tail, "\r\n"); len(text) > 0 {
			return size + int64(len(text)), nil
		}
	}
	return 0, nil
}

// blocks decrypts the ciphertext's bytes from one border of blocks to another.
func (r *ReaderAt) blocks(from, to int64) ([]byte, error) {
	// CBC needs the block before as well; the first one's is the IV.
	first := headerSize + from - aes.BlockSize
	start := first / 3 * 4
	text := make([]byte, (headerSize+to+2)/3*4-start)
	if err := r.read(text, start); err != nil {
		return nil, err
	}
	raw := make([]byte, len(text)/4*3)
	// The HMAC lies behind, so base64's padding has no place here, and line
	// ends, which the decoder skips, show in the length.
	if n, err := strict.Decode(raw, text); err != nil || n != len(raw) {
		return nil, invalid("its text is damaged between the characters %d and %d", start, start+int64(len(text)))
	}
	raw = raw[first%3:][:to-from+aes.BlockSize]
	plain := raw[aes.BlockSize:]
	cipher.NewCBCDecrypter(r.block, raw[:aes.BlockSize]).CryptBlocks(plain, plain)
	return plain, nil
}

// read fills p. A source that ends before its size is no token's clean end.
func (r *ReaderAt) read(p []byte, off int64) error {
	_, err := io.ReadFull(io.NewSectionReader(r.src, off, int64(len(p))), p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}
