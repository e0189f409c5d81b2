package fernet

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	fernetgo "github.com/fernet/fernet-go"
)

// chunkings are the ways in which a source may hand out the same bytes.
var chunkings = map[string]func(io.Reader) io.Reader{
	"whole":    func(r io.Reader) io.Reader { return r },
	"one byte": iotest.OneByteReader,
	"half":     iotest.HalfReader,
	"data err": iotest.DataErrReader,
	"7 bytes":  func(r io.Reader) io.Reader { return &chunked{r, 7} },
	"64K+1":    func(r io.Reader) io.Reader { return &chunked{r, 64<<10 + 1} },
}

type chunked struct {
	r io.Reader
	n int
}

func (c *chunked) Read(p []byte) (int, error) { return c.r.Read(p[:min(len(p), c.n)]) }

// readAll reads to io.EOF and checks on the way that the end, good or bad,
// stays the end.
func readAll(r *Reader) ([]byte, error) {
	got, err := io.ReadAll(r)
	for range 2 {
		n, again := r.Read(make([]byte, 1))
		if n != 0 || (err == nil) != (again == io.EOF) || (err != nil && again != err) {
			return nil, errors.New("the reader went on after its end")
		}
	}
	return got, err
}

func testKey() *Key {
	key := new(Key)
	for i := range key {
		key[i] = byte(i * 7)
	}
	return key
}

func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	var s [32]byte
	binary.LittleEndian.PutUint64(s[:], seed)
	_, _ = rand.NewChaCha8(s).Read(b)
	return b
}

// oracle makes a token with fernet-go.
func oracle(t testing.TB, plain []byte) []byte {
	t.Helper()
	token, err := fernetgo.EncryptAndSign(plain, testKey())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// borderSizes are plaintext sizes around the borders of AES blocks, of both
// directions' buffers and of base64 groups, and some anywhere.
func borderSizes() []int {
	var sizes []int
	for n := range 70 {
		sizes = append(sizes, n)
	}
	decoded := textSize / 4 * 3
	for _, border := range []int{decoded - headerSize - holdBack, decoded, plainSize, 2 * plainSize, 2*decoded - headerSize - holdBack} {
		for d := -17; d <= 17; d++ {
			sizes = append(sizes, border+d)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		sizes = append(sizes, random.IntN(300_000))
	}
	return sizes
}

func TestReaderOpensWhatFernetGoMakes(t *testing.T) {
	for _, size := range borderSizes() {
		plain := randomBytes(uint64(size), size)
		token := oracle(t, plain)
		for name, chunk := range chunkings {
			if name == "one byte" && size > 100 {
				continue // slow, and the small sizes have seen every border
			}
			r := NewReader(chunk(bytes.NewReader(token)), testKey())
			got, err := readAll(r)
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("size %d, %s: %d bytes, %v", size, name, len(got), err)
			}
			if age := time.Since(r.Timestamp()); age < 0 || age > time.Hour {
				t.Fatalf("timestamp is %v", r.Timestamp())
			}
		}
	}
}

func TestReaderServesSmallReads(t *testing.T) {
	plain := randomBytes(3, 100_003)
	r := NewReader(bytes.NewReader(oracle(t, plain)), testKey())
	if err := iotest.TestReader(r, plain); err != nil {
		t.Fatal(err)
	}
}

// every size of the last block, and every kind of base64 padding
func smallTokens(t *testing.T) map[int][]byte {
	tokens := map[int][]byte{}
	for _, size := range []int{0, 1, 15, 16, 31, 32, 47, 48, 100} {
		tokens[size] = oracle(t, randomBytes(uint64(size), size))
	}
	return tokens
}

func mustRefuse(t *testing.T, what string, token []byte) {
	t.Helper()
	for _, name := range []string{"whole", "7 bytes", "data err"} {
		if _, err := readAll(NewReader(chunkings[name](bytes.NewReader(token)), testKey())); !errors.Is(err, ErrInvalid) {
			t.Fatalf("%s, %s: got %v, want ErrInvalid", what, name, err)
		}
	}
}

func TestReaderRefusesEveryBitFlip(t *testing.T) {
	for size, token := range smallTokens(t) {
		for i := range token {
			for bit := range 8 {
				token[i] ^= 1 << bit
				mustRefuse(t, "bit flipped", token)
				token[i] ^= 1 << bit
			}
		}
		if got, err := readAll(NewReader(bytes.NewReader(token), testKey())); err != nil || len(got) != size {
			t.Fatalf("unflipped: %d bytes, %v", len(got), err)
		}
	}
}

func TestReaderRefusesEveryTruncation(t *testing.T) {
	for _, token := range smallTokens(t) {
		for n := range token {
			mustRefuse(t, "cut short", token[:n])
			mustRefuse(t, "cut short before a line end", append(token[:n:n], '\n'))
			mustRefuse(t, "front cut off", token[n+1:])
		}
	}
	// One token that is longer than every buffer, at all four places of a
	// base64 group and around every border.
	token := oracle(t, randomBytes(9, 120_000))
	for n := 0; n < len(token); n += 997 {
		mustRefuse(t, "long token cut short", token[:n])
	}
}

func TestReaderToleratesLineEndsOnlyAfterTheToken(t *testing.T) {
	for size, token := range smallTokens(t) {
		for _, end := range []string{"\n", "\r\n", "\r", "\n\n\n", "\r\n\r\n", strings.Repeat("\n", 3*textSize)} {
			for name, chunk := range chunkings {
				if name == "one byte" && len(end) > 4 {
					continue
				}
				text := string(token) + end
				got, err := readAll(NewReader(chunk(strings.NewReader(text)), testKey()))
				if err != nil || len(got) != size {
					t.Fatalf("size %d, %s, %d line ends: %v", size, name, len(end), err)
				}
			}
		}
		for _, junk := range []string{" ", "A", "=", "==", "====", "AAAA", "\x00", "\nA", "\n=", "\nAAAA", "\n\n\nAA==", "\n\n \n", string(token)} {
			mustRefuse(t, "junk after the token", append(token[:len(token):len(token)], junk...))
			mustRefuse(t, "junk before the token", append([]byte(junk), token...))
		}
		for i := range token {
			for _, junk := range []string{"\n", "\r\n", "\n\n\n\n", "=", "====", " "} {
				if rest := strings.Trim(string(token[i:]), "="); rest == "" {
					continue // behind the last character this is another test
				}
				mustRefuse(t, "junk inside", []byte(string(token[:i])+junk+string(token[i:])))
			}
		}
	}
}

func TestReaderRefusesASecondTextOfTheSameToken(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	tried := 0
	for _, token := range smallTokens(t) {
		end := bytes.IndexByte(token, '=')
		if end < 0 {
			continue
		}
		for _, c := range []byte(alphabet) {
			other := bytes.Clone(token)
			other[end-1] = c
			a, _ := base64.URLEncoding.DecodeString(string(token))
			b, _ := base64.URLEncoding.DecodeString(string(other))
			if c != token[end-1] && bytes.Equal(a, b) {
				tried++
				mustRefuse(t, "stray bits", other)
			}
		}
		mustRefuse(t, "no padding", bytes.TrimRight(token, "="))
		mustRefuse(t, "other alphabet", append([]byte("+/"), token[2:]...))
	}
	if tried == 0 {
		t.Fatal("no token has a second text: nothing was tested")
	}
}

// sealed is a token whose HMAC holds over anything at all.
func sealed(signed []byte) []byte {
	mac := newMAC(testKey())
	mac.Write(signed)
	return []byte(base64.URLEncoding.EncodeToString(mac.Sum(bytes.Clone(signed))))
}

func TestReaderRefusesWhatIsWellSignedButMalformed(t *testing.T) {
	raw, err := base64.URLEncoding.DecodeString(string(oracle(t, make([]byte, 40))))
	if err != nil {
		t.Fatal(err)
	}
	signed := raw[:len(raw)-macSize]
	for n := range signed {
		// A cut at a block's border leaves ciphertext that ends in zeros,
		// which is not a padding.
		token := sealed(signed[:n])
		mustRefuse(t, "signed but cut", token)
		if _, err := readAll(NewReader(bytes.NewReader(token), testKey())); errors.Is(err, ErrMAC) {
			t.Fatalf("cut to %d bytes: the HMAC is blamed: %v", n, err)
		}
	}
	for _, v := range []byte{0, 0x7f, 0x81, 0xff} {
		mustRefuse(t, "other version", sealed(append([]byte{v}, signed[1:]...)))
	}
	if _, err := readAll(NewReader(bytes.NewReader(sealed(signed)), testKey())); err != nil {
		t.Fatalf("well signed and well formed: %v", err)
	}
}

func TestReaderRefusesEveryWrongPadding(t *testing.T) {
	var iv [16]byte
	for last := range 256 {
		for off := range 16 {
			block := bytes.Repeat([]byte{byte(last)}, 16)
			block[off]++
			good := last >= 1 && last <= 16 && off < 16-last
			var plain bytes.Buffer
			w := newWriter(&plain, testKey(), time.Unix(0, 0), iv)
			w.cbc.CryptBlocks(block, block)
			signed := append([]byte{version, 0, 0, 0, 0, 0, 0, 0, 0}, iv[:]...)
			_, err := readAll(NewReader(bytes.NewReader(sealed(append(signed, block...))), testKey()))
			// The changed byte may itself be a right padding of one.
			if good = good || (off == 15 && last == 0); good != (err == nil) {
				t.Fatalf("last byte %d, byte %d off by one: %v", last, off, err)
			}
		}
	}
}

func TestReaderRefusesAnotherKey(t *testing.T) {
	token := oracle(t, randomBytes(1, 50_000))
	for _, i := range []int{0, 15} {
		key := testKey()
		key[i] ^= 1
		_, err := readAll(NewReader(bytes.NewReader(token), key))
		if !errors.Is(err, ErrInvalid) || !errors.Is(err, ErrMAC) {
			t.Errorf("signing byte %d: got %v", i, err)
		}
	}
}

func TestReaderHoldsBackWhatIsNotVerified(t *testing.T) {
	plain := randomBytes(4, 1000)
	token := oracle(t, plain)
	stuck := errors.New("stuck")
	r := NewReader(io.MultiReader(bytes.NewReader(token), iotest.ErrReader(stuck)), testKey())
	got, err := readAll(r)
	if err != stuck {
		t.Fatalf("got %v, want the source's own error", err)
	}
	if len(got) > len(plain)/aes16*aes16 || !bytes.HasPrefix(plain, got) {
		t.Errorf("%d of %d bytes came before the HMAC was verified", len(got), len(plain))
	}
}

const aes16 = 16

func TestReaderPassesTransportErrorsThrough(t *testing.T) {
	token := oracle(t, randomBytes(5, 5000))
	for _, broken := range []error{io.ErrUnexpectedEOF, errors.New("connection reset"), wrappedEOF{}} {
		for n := 0; n <= len(token); n += 501 {
			r := NewReader(io.MultiReader(bytes.NewReader(token[:n]), iotest.ErrReader(broken)), testKey())
			if _, err := readAll(r); err != broken {
				t.Fatalf("after %d characters: got %v, want %v", n, err, broken)
			}
		}
	}
}

// wrappedEOF is how net/http reports a connection that was closed on it.
type wrappedEOF struct{}

func (wrappedEOF) Error() string { return "Get: EOF" }
func (wrappedEOF) Unwrap() error { return io.EOF }

func TestReaderDoesNotSpinOnAnEmptySource(t *testing.T) {
	r := NewReader(empty{}, testKey())
	if _, err := readAll(r); err != io.ErrNoProgress {
		t.Fatalf("got %v, want io.ErrNoProgress", err)
	}
}

type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, nil }

func TestReaderChecksAgeOnlyAgainstTTL(t *testing.T) {
	made := time.Unix(1_700_000_000, 0)
	var token bytes.Buffer
	w := newWriter(&token, testKey(), made, [16]byte{})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		now, ttl time.Duration
		ok       bool
	}{
		{0, time.Minute, true},
		{time.Minute, time.Minute, true},
		{time.Minute + 1, time.Minute, false},
		{-time.Minute, time.Minute, true},
		{-time.Minute - 1, time.Minute, false},
		{-30 * 365 * 24 * time.Hour, 0, true},
		{-30 * 365 * 24 * time.Hour, time.Minute, false},
		{time.Hour, -1, true},
	} {
		now := func() time.Time { return made.Add(row.now) }
		_, err := readAll(NewReader(bytes.NewReader(token.Bytes()), testKey(), WithTTL(row.ttl), WithNow(now)))
		if (err == nil) != row.ok || (err != nil && !errors.Is(err, ErrInvalid)) {
			t.Errorf("%v after, TTL %v: %v", row.now, row.ttl, err)
		}
	}
	for _, stamp := range []uint64{1 << 62, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		signed := binary.BigEndian.AppendUint64([]byte{version}, stamp)
		r := NewReader(bytes.NewReader(sealed(append(signed, make([]byte, 32)...))), testKey(), WithTTL(time.Hour))
		if _, err := readAll(r); err == nil || !strings.Contains(err.Error(), "future") {
			t.Errorf("stamp %d: %v", stamp, err)
		}
	}
}

func TestReaderAllocatesNothingPerByte(t *testing.T) {
	token := oracle(t, make([]byte, 4<<20))
	allocs := testing.AllocsPerRun(1, func() {
		if _, err := io.Copy(io.Discard, NewReader(bytes.NewReader(token), testKey())); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 40 {
		t.Errorf("%v allocations for one token", allocs)
	}
}
