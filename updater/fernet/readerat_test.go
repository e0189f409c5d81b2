package fernet

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// shortReads is a source that gives at most n bytes a call, and says so with
// no error, which io.ReaderAt forbids and some do.
type shortReads struct {
	src io.ReaderAt
	n   int
}

func (s shortReads) ReadAt(p []byte, off int64) (int, error) {
	return s.src.ReadAt(p[:min(len(p), s.n)], off)
}

// eofWithData gives io.EOF together with the last bytes, as io.ReaderAt allows.
type eofWithData struct{ text []byte }

func (e eofWithData) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, e.text[off:])
	if off+int64(n) == int64(len(e.text)) {
		return n, io.EOF
	}
	return n, nil
}

var accesses = map[string]func([]byte) io.ReaderAt{
	"whole":    func(b []byte) io.ReaderAt { return bytes.NewReader(b) },
	"one byte": func(b []byte) io.ReaderAt { return shortReads{bytes.NewReader(b), 1} },
	"7 bytes":  func(b []byte) io.ReaderAt { return shortReads{bytes.NewReader(b), 7} },
	"data err": func(b []byte) io.ReaderAt { return eofWithData{b} },
}

func openAt(t testing.TB, src io.ReaderAt, token []byte) *ReaderAt {
	t.Helper()
	r, err := NewReaderAt(src, int64(len(token)), testKey())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantAt reads one piece and compares it and its error with the plaintext.
func wantAt(t testing.TB, r *ReaderAt, plain []byte, off, n int) {
	t.Helper()
	got := bytes.Repeat([]byte{0xa5}, n+1) // one more, to see what is written beyond
	count, err := r.ReadAt(got[:n:n+1], int64(off))
	want := plain[min(off, len(plain)):min(off+n, len(plain))]
	end := off+n > len(plain) || off >= len(plain)
	if count != len(want) || !bytes.Equal(got[:count], want) || (err == io.EOF) != end || (err != nil) != end || got[n] != 0xa5 {
		t.Fatalf("%d bytes at %d of %d: %d bytes, %v", n, off, len(plain), count, err)
	}
}

func TestReaderAtReadsEveryPieceOfWhatFernetGoMakes(t *testing.T) {
	for size := range 70 {
		plain := randomBytes(uint64(size), size)
		token := oracle(t, plain)
		r := openAt(t, bytes.NewReader(token), token)
		if r.Size() != int64(size) {
			t.Fatalf("size %d, want %d", r.Size(), size)
		}
		for off := 0; off <= size+2; off++ {
			for n := 0; n <= size+2; n++ {
				wantAt(t, r, plain, off, n)
			}
		}
	}
}

func TestReaderAtReadsAroundEveryBorderOfALargeToken(t *testing.T) {
	const size = 100_003
	plain := randomBytes(9, size)
	token := oracle(t, plain)
	for name, access := range accesses {
		r := openAt(t, access(token), token)
		for _, border := range []int{0, 16, 24 << 10, 48 << 10, 50_000, size - 16, size} {
			for d := -50; d <= 50; d++ {
				if off := border + d; off >= 0 {
					wantAt(t, r, plain, off, 1+(off*7)%64)
				}
			}
		}
		wantAt(t, r, plain, 0, size)
		wantAt(t, r, plain, 1, size)
		if name != "one byte" { // slow
			if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), plain); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

func TestReaderAtReadsTheSpecificationsTokens(t *testing.T) {
	for _, v := range vectors(t, "verify.json") {
		r, err := NewReaderAt(strings.NewReader(v.Token), int64(len(v.Token)), v.key(t))
		if err != nil {
			t.Fatal(err)
		}
		wantAt(t, r, []byte(v.Src), 0, len(v.Src))
	}
}

func TestReaderAtTakesLineEndsBehindTheToken(t *testing.T) {
	plain := randomBytes(2, 1000)
	for _, ends := range []string{"\n", "\r\n", "\n\n\r", strings.Repeat("\r\n", tailSize/2-1), strings.Repeat("\n", tailSize), strings.Repeat("\n", 5*tailSize+1)} {
		token := append(oracle(t, plain), ends...)
		for name, access := range accesses {
			if name == "one byte" && len(ends) > 10 {
				continue
			}
			wantAt(t, openAt(t, access(token), token), plain, 3, 1000)
		}
	}
}

func TestReaderAtRefusesWhatCannotBeATokensEnd(t *testing.T) {
	for size, token := range smallTokens(t) {
		for n := range token {
			cut := token[:n]
			if _, err := NewReaderAt(bytes.NewReader(cut), int64(n), testKey()); err != nil && !errors.Is(err, ErrInvalid) {
				t.Fatalf("size %d cut to %d: %v", size, n, err)
			} else if err == nil && (n*3/4-headerSize-macSize)%16 > 2 {
				t.Fatalf("size %d cut to %d characters: no whole number of blocks, but read", size, n)
			}
		}
		for what, text := range map[string]string{
			"junk":           string(token) + "A",
			"a group more":   string(token) + "AAAA",
			"other padding":  strings.TrimRight(string(token), "=") + "===",
			"line end":       string(token[:len(token)-2]) + "\n" + string(token[len(token)-2:]),
			"only line ends": "\r\n\r\n",
			"nothing":        "",
			"spaces":         strings.Repeat(" ", 200),
		} {
			if _, err := NewReaderAt(strings.NewReader(text), int64(len(text)), testKey()); !errors.Is(err, ErrInvalid) {
				t.Errorf("size %d, %s: %v, want ErrInvalid", size, what, err)
			}
		}
	}
}

func TestReaderAtRefusesStrayBits(t *testing.T) {
	token := oracle(t, make([]byte, 20)) // 89 bytes: one "="
	if !bytes.HasSuffix(token, []byte("=")) {
		t.Fatal("this size has no base64 padding")
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := bytes.TrimRight(token, "=")
	at := len(last) - 1
	last[at] = alphabet[strings.IndexByte(alphabet, last[at])^1]
	if _, err := NewReaderAt(bytes.NewReader(token), int64(len(token)), testKey()); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestReaderAtRefusesDamagedText(t *testing.T) {
	plain := randomBytes(6, 300)
	for _, bad := range []string{"=", "\n", "\r", " ", "+", "/", "\x00", "\xff"} {
		token := oracle(t, plain)
		middle := len(token) / 2
		copy(token[middle:], bad)
		r := openAt(t, bytes.NewReader(token), token)
		if n, err := r.ReadAt(make([]byte, len(plain)), 0); n != 0 || !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %d bytes, %v", bad, n, err)
		}
		wantAt(t, r, plain, 0, 16) // what is whole is still read
	}
}

// paddedAs seals a token whose last block ends in these bytes.
func paddedAs(end ...byte) []byte {
	plain := make([]byte, 32)
	copy(plain[32-len(end):], end)
	raw := make([]byte, headerSize, 128)
	raw[0] = version
	block := newCipher(testKey())
	previous := raw[ivOffset:]
	for ; len(plain) > 0; plain = plain[16:] {
		var next [16]byte
		for i := range next {
			next[i] = plain[i] ^ previous[i]
		}
		block.Encrypt(next[:], next[:])
		raw = append(raw, next[:]...)
		previous = next[:]
	}
	return sealed(raw)
}

func TestReaderAtRefusesImpossiblePadding(t *testing.T) {
	for _, row := range []struct {
		end  []byte
		size int64
	}{
		{[]byte{1}, 31},
		{[]byte{3, 3, 3}, 29},
		{bytes.Repeat([]byte{16}, 16), 16},
		{[]byte{0}, -1},
		{[]byte{17}, -1},
		{[]byte{255}, -1},
		{[]byte{2, 3, 3}, -1},
		{bytes.Repeat([]byte{16}, 15), -1},
	} {
		token := paddedAs(row.end...)
		r, err := NewReaderAt(bytes.NewReader(token), int64(len(token)), testKey())
		if row.size >= 0 && (err != nil || r.Size() != row.size) {
			t.Errorf("padding %v: %v", row.end, err)
		}
		if row.size < 0 && !errors.Is(err, ErrInvalid) {
			t.Errorf("padding %v: %v, want ErrInvalid", row.end, err)
		}
	}
}

// This is what "unauthenticated" means: one block is garbled, the next one is
// changed as the attacker likes, and nothing is noticed.
func TestReaderAtDoesNotNoticeChangedCiphertext(t *testing.T) {
	plain := make([]byte, 100)
	raw, err := base64.URLEncoding.DecodeString(string(oracle(t, plain)))
	if err != nil {
		t.Fatal(err)
	}
	raw[headerSize+16] ^= 0x42
	token := base64.URLEncoding.AppendEncode(nil, raw)
	got := make([]byte, 100)
	if _, err := openAt(t, bytes.NewReader(token), token).ReadAt(got, 0); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got[16:32], plain[:16]) || got[32] != 0x42 || !bytes.Equal(got[33:], plain[33:]) || !bytes.Equal(got[:16], plain[:16]) {
		t.Errorf("got %x", got)
	}
	mustRefuse(t, "the same token", token)
}

// failing is a source that breaks from its nth call on.
type failing struct {
	src   io.ReaderAt
	after int
	err   error
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if f.after--; f.after < 0 {
		return 0, f.err
	}
	return f.src.ReadAt(p, off)
}

func TestReaderAtPassesTransportErrorsThrough(t *testing.T) {
	token := oracle(t, randomBytes(5, 5000))
	broken := fmt.Errorf("connection reset: %w", io.EOF)
	for after := range 3 {
		src := &failing{bytes.NewReader(token), after, broken}
		if _, err := NewReaderAt(src, int64(len(token)), testKey()); err != broken {
			t.Errorf("after %d reads: %v", after, err)
		}
	}
	src := &failing{bytes.NewReader(token), 3, broken}
	r := openAt(t, src, token)
	if n, err := r.ReadAt(make([]byte, 10), 0); n != 0 || err != broken {
		t.Errorf("%d bytes, %v", n, err)
	}
	src.after, src.err = 0, io.EOF
	if n, err := r.ReadAt(make([]byte, 10), 0); n != 0 || err != io.ErrUnexpectedEOF {
		t.Errorf("a source that ends early: %d bytes, %v", n, err)
	}
	if _, err := NewReaderAt(bytes.NewReader(token[:100]), int64(len(token)), testKey()); err != io.ErrUnexpectedEOF {
		t.Errorf("a source shorter than its size: %v", err)
	}
	if n, err := r.ReadAt(make([]byte, 1), -1); n != 0 || err == nil || err == io.EOF {
		t.Errorf("negative offset: %d, %v", n, err)
	}
}

func TestReaderAtServesSeveralAtOnce(t *testing.T) {
	plain := randomBytes(8, 50_000)
	token := oracle(t, plain)
	r := openAt(t, bytes.NewReader(token), token)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			got := make([]byte, 777)
			for off := i; off+len(got) <= len(plain); off += 1000 {
				if _, err := r.ReadAt(got, int64(off)); err != nil || !bytes.Equal(got, plain[off:off+len(got)]) {
					t.Errorf("at %d: %v", off, err)
				}
			}
		})
	}
	all.Wait()
}

// FuzzReaderAt reads a piece of texts as they are, and of their bytes behind a
// right HMAC. What fernet-go opens must read the same; all else may give
// anything but a panic, or an error of another kind.
func FuzzReaderAt(f *testing.F) {
	for i, token := range seedTokens(f) {
		f.Add(token, uint16(i), uint16(40), false)
		raw, _ := base64.URLEncoding.DecodeString(string(token))
		f.Add(raw[:max(0, len(raw)-macSize)], uint16(i), uint16(5), true)
	}
	f.Add(append(oracle(f, randomBytes(3, 300)), "\r\n"...), uint16(30), uint16(200), false)
	f.Add(oracle(f, randomBytes(4, 2000)), uint16(1999), uint16(2), false)
	f.Fuzz(func(t *testing.T, text []byte, off, n uint16, sign bool) {
		if sign {
			text = sealed(text)
		}
		plain, ok := reference(text)
		r, err := NewReaderAt(bytes.NewReader(text), int64(len(text)), testKey())
		switch {
		case err != nil && (ok || !errors.Is(err, ErrInvalid)):
			t.Fatalf("%v, but fernet-go opens it: %v", err, ok)
		case err != nil:
			return
		case ok && r.Size() != int64(len(plain)):
			t.Fatalf("size %d, fernet-go: %d", r.Size(), len(plain))
		case ok:
			wantAt(t, r, plain, int(off), int(n))
			return
		}
		got, err := r.ReadAt(make([]byte, n), int64(off))
		if err != nil && err != io.EOF && !errors.Is(err, ErrInvalid) {
			t.Fatalf("an error of its own kind: %v", err)
		}
		if room := max(0, r.Size()-int64(off)); int64(got) > min(room, int64(n)) || err == nil && got != int(n) {
			t.Fatalf("%d bytes of %d, with room for %d, %v", got, n, room, err)
		}
	})
}
