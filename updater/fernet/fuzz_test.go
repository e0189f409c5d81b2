package fernet

import (
	"bytes"
	"encoding/base64"
	"errors"
	"path/filepath"
	"testing"

	fernetgo "github.com/fernet/fernet-go"
)

// seedTokens are the texts of all the specification's vectors.
func seedTokens(t testing.TB) [][]byte {
	var seeds [][]byte
	for _, file := range []string{"generate.json", "verify.json", "invalid.json"} {
		for _, v := range vectors(t, file) {
			seeds = append(seeds, []byte(v.Token))
		}
	}
	return seeds
}

func TestFuzzSeedsAreThere(t *testing.T) {
	if n := len(seedTokens(t)); n < 10 {
		t.Errorf("only %d seeds", n)
	}
	if found, _ := filepath.Glob("testdata/fuzz/FuzzReader/*"); len(found) == 0 {
		t.Error("the corpus of what fuzzing found is gone")
	}
}

// FuzzReader reads texts as they are, and also their bytes behind a right
// HMAC: no fuzzer finds one by itself.
func FuzzReader(f *testing.F) {
	for _, token := range seedTokens(f) {
		f.Add(token, uint8(3), false)
		raw, _ := base64.URLEncoding.DecodeString(string(token))
		f.Add(raw[:max(0, len(raw)-macSize)], uint8(0), true)
	}
	f.Add(seal(f, []byte("plain"), 9), uint8(1), false)
	f.Fuzz(func(t *testing.T, text []byte, chunk uint8, sign bool) {
		if sign {
			text = sealed(text)
		}
		r := NewReader(&chunked{bytes.NewReader(text), int(chunk) + 1}, testKey())
		got, err := readAll(r)
		if err != nil && !errors.Is(err, ErrInvalid) {
			t.Fatalf("an error of its own kind: %v", err)
		}
		if want, ok := reference(text); ok != (err == nil) || (ok && !bytes.Equal(got, want)) {
			t.Fatalf("reader: %q, %v; fernet-go: %q, %v", got, err, want, ok)
		}
	})
}

// reference is fernet-go's verdict on one canonical text.
func reference(text []byte) ([]byte, bool) {
	text = bytes.TrimRight(text, "\r\n")
	raw, err := base64.URLEncoding.DecodeString(string(text))
	if err != nil || base64.URLEncoding.EncodeToString(raw) != string(text) {
		return nil, false
	}
	if len(raw) < headerSize+holdBack {
		return nil, false // fernet-go panics on a signed token without a block
	}
	plain := fernetgo.VerifyAndDecrypt(text, 0, []*Key{testKey()})
	// fernet-go also takes a padding of zero, or of more than a block.
	pad := len(raw) - headerSize - macSize - len(plain)
	return plain, plain != nil && pad >= 1 && pad <= 16
}

// FuzzRoundTrip writes in one chunking and reads in another.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("hello"), uint16(1), uint8(1))
	f.Add(randomBytes(1, 300), uint16(95), uint8(200))
	f.Fuzz(func(t *testing.T, plain []byte, write uint16, read uint8) {
		token := seal(t, plain, int(write)+1)
		got, err := readAll(NewReader(&chunked{bytes.NewReader(token), int(read) + 1}, testKey()))
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes became %d: %v", len(plain), len(got), err)
		}
	})
}
