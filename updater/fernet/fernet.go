// Package fernet reads and writes Fernet tokens as streams, in constant memory
// whatever the token's size, and reads pieces of them at an offset.
//
// # Guarantee
//
// [Reader] returns io.EOF only after the whole token was read, its HMAC
// verified and its padding was right. A token that is cut short anywhere, has
// one bit changed, is followed by anything but line ends, or was made with
// another key ends in an error that wraps [ErrInvalid], never in io.EOF. One
// token has one accepted text: base64 with stray bits in its last character,
// without its padding, or with line ends inside is refused. Only CR and LF
// after the token are tolerated, since editors add them. The first error
// stays: every later Read returns it again.
//
// # Not guaranteed
//
// Plaintext is unauthenticated until Read has returned io.EOF. CBC lets
// somebody without the key change it in chosen places, and the HMAC stands at
// the token's very end. Whoever reads as a stream must do nothing with the
// plaintext that cannot be undone before io.EOF. Until then, these are all
// the checks that were made: the base64 alphabet, the version byte, and the
// token's age where [WithTTL] asks for it. The token's length is checked at
// its end, still before the HMAC; the padding after it.
//
// The last block of plaintext is held back until the HMAC verified.
//
// # Reading at an offset
//
// What [ReaderAt] returns is never authenticated, its size included: the HMAC
// is over the whole token, which is what it is there not to read. Whoever can
// change the token can, without the key, make it say almost anything. Use it
// for hints that the whole token, read by [Reader], proves or disproves later,
// and for nothing else. It checks the base64 of what it reads, that the text
// has a length that a token can have, and the padding; neither the version
// nor the time. The same line ends are tolerated behind the token.
//
// # Format
//
// The specification is https://github.com/fernet/spec. A token is the
// base64url text, with padding, of
//
//	0x80 | seconds since 1970, 8 bytes big-endian | IV, 16 bytes |
//	AES-128-CBC of the PKCS#7 padded plaintext | HMAC-SHA256 of all before
//
// and a key is the base64url text of 16 bytes for the HMAC, then 16 bytes for
// AES.
package fernet

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"

	fernetgo "github.com/fernet/fernet-go"
)

const (
	version    = 0x80
	ivOffset   = 1 + 8
	headerSize = ivOffset + aes.BlockSize
	macSize    = sha256.Size
)

// ErrInvalid is wrapped by every error that is about the token itself: cut
// short, damaged, too old, or made with another key.
var ErrInvalid = errors.New("not a valid Fernet token")

// ErrMAC is wrapped, beside ErrInvalid, when the token is complete and
// well-formed, but its HMAC was not made of these bytes with this key.
var ErrMAC = errors.New("its HMAC does not match")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// Key holds the 16 signing bytes and the 16 encryption bytes.
type Key = fernetgo.Key

// keyText is the length of a key's text.
const keyText = 44

// ParseKey reads a key's text: 44 characters of base64, white space around
// them tolerated. Both alphabets of base64 are read, as Python's cryptography
// does. Its errors never quote the text.
func ParseKey(text []byte) (*Key, error) {
	text = bytes.TrimSpace(text)
	if len(text) != keyText {
		return nil, fmt.Errorf("not a Fernet key: it has %d characters, a key has %d of base64url", len(text), keyText)
	}
	text = bytes.ReplaceAll(text, []byte("+"), []byte("-"))
	text = bytes.ReplaceAll(text, []byte("/"), []byte("_"))
	var key Key
	// One byte more than a key: the text of 33 bytes has 44 characters too.
	raw := make([]byte, base64.URLEncoding.DecodedLen(keyText))
	n, err := base64.URLEncoding.Decode(raw, text)
	if err != nil || n != len(key) {
		return nil, fmt.Errorf("not a Fernet key: its %d characters are not the base64url of %d bytes", keyText, len(key))
	}
	copy(key[:], raw)
	return &key, nil
}

func newMAC(key *Key) hash.Hash { return hmac.New(sha256.New, key[:16]) }

func newCipher(key *Key) cipher.Block {
	block, err := aes.NewCipher(key[16:])
	if err != nil {
		panic(err) // only a wrong key length fails, and the type fixes it
	}
	return block
}
