package fernet

import (
	"bytes"
	"errors"
	"io"
	"testing"

	fernetgo "github.com/fernet/fernet-go"
)

func seal(t testing.TB, plain []byte, chunk int) []byte {
	t.Helper()
	var token bytes.Buffer
	w := NewWriter(&token, testKey())
	for len(plain) > 0 {
		n := min(chunk, len(plain))
		if got, err := w.Write(plain[:n]); got != n || err != nil {
			t.Fatalf("wrote %d of %d: %v", got, n, err)
		}
		plain = plain[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return token.Bytes()
}

func TestFernetGoOpensWhatWriterMakes(t *testing.T) {
	for _, size := range borderSizes() {
		plain := randomBytes(uint64(size), size)
		for _, chunk := range []int{1 << 30, 4096, 7} {
			got := fernetgo.VerifyAndDecrypt(seal(t, plain, chunk), 0, []*Key{testKey()})
			if got == nil || !bytes.Equal(got, plain) {
				t.Fatalf("size %d in writes of %d: fernet-go does not open it", size, chunk)
			}
		}
	}
}

func TestWriterNeverRepeatsAnIV(t *testing.T) {
	if bytes.Equal(seal(t, nil, 1), seal(t, nil, 1)) {
		t.Error("two tokens of the same text are the same")
	}
}

func TestWriterIsOfNoUseBeforeClose(t *testing.T) {
	var token bytes.Buffer
	w := NewWriter(&token, testKey())
	if _, err := w.Write(make([]byte, 200_000)); err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, "not closed", token.Bytes())
	for range 2 {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := fernetgo.VerifyAndDecrypt(token.Bytes(), 0, []*Key{testKey()}); len(got) != 200_000 {
		t.Errorf("closing twice spoilt the token: %d bytes", len(got))
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("a closed writer took more")
	}
}

// full takes some bytes, then no more.
type full struct{ left int }

var errNoSpace = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	n := min(len(p), f.left)
	f.left -= n
	if n < len(p) {
		return n, errNoSpace
	}
	return n, nil
}

func TestWriterReportsAFullDestination(t *testing.T) {
	plain := make([]byte, 300_000)
	size := len(seal(t, plain, 1<<30))
	for left := 0; left < size; left += 10_007 {
		w := NewWriter(&full{left: left}, testKey())
		_, writeErr := io.Copy(w, bytes.NewReader(plain))
		if writeErr != nil && !errors.Is(writeErr, errNoSpace) {
			t.Fatalf("room for %d: write says %v", left, writeErr)
		}
		for range 2 {
			if err := w.Close(); !errors.Is(err, errNoSpace) {
				t.Fatalf("room for %d of %d: Close says %v", left, size, err)
			}
		}
	}
	w := NewWriter(&full{left: size}, testKey())
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatalf("exactly enough room: %v", err)
	}
}
