package journal

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestNewerOnTheCircle(t *testing.T) {
	const last = ^uint32(0)
	for _, c := range []struct {
		a, b uint32
		want bool
	}{
		{1, 0, true},
		{0, 1, false},
		{7, 7, false},
		{0, last, true},
		{last, 0, false},
		{3, last - 3, true},
		{1 << 31, 1<<31 - 1, true},
	} {
		if got := newer(c.a, c.b); got != c.want {
			t.Errorf("newer(%d, %d) = %t", c.a, c.b, got)
		}
	}
}

func TestFormatStaysAsItIs(t *testing.T) {
	got := encode(record{seq: 0x01020304, payload: []byte("abota")})
	want := "ABJ1n\x92\xdb9\x04\x03\x02\x01\x05\x00\x00\x00abota"
	if len(got) != blockSize || string(got[:len(want)]) != want || !bytes.Equal(got[len(want):], make([]byte, blockSize-len(want))) {
		t.Errorf("encode = %q", got[:len(want)])
	}
}

// seeds are the inputs that the fuzz corpus is made from.
func seeds() map[string][]byte {
	whole := encode(record{seq: 7, payload: []byte(`{"phase":"armed"}`)})
	long := bytes.Clone(whole)
	copy(long[12:], "\xff\xff\xff\xff")
	edge := bytes.Clone(whole)
	copy(edge[12:], "\xf0\xff\x3f\x00")
	return map[string][]byte{
		"whole":        whole[:64],
		"empty":        encode(record{})[:headerSize],
		"zeroes":       make([]byte, 64),
		"cut-payload":  whole[:headerSize+4],
		"cut-header":   whole[:headerSize-1],
		"foreign":      []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00"),
		"length-2^32":  long[:64],
		"length-limit": edge[:64],
		"nothing":      nil,
	}
}

var update = flag.Bool("update", false, "write the fuzz corpus again")

const corpus = "testdata/fuzz/FuzzDecode"

func TestCorpusHoldsTheSeeds(t *testing.T) {
	for name, b := range seeds() {
		path, text := filepath.Join(corpus, name), fmt.Sprintf("go test fuzz v1\n[]byte(%q)\n", b)
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%s is not the seed (run go test -update): %v", path, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decode(b)
		if err != nil {
			if r.payload != nil {
				t.Fatalf("a payload came with %v", err)
			}
			return
		}
		n := headerSize + len(r.payload)
		if n > len(b) || !bytes.Equal(encode(r)[:n], b[:n]) {
			t.Fatalf("decoded %d bytes that encode differently", n)
		}
		// Whatever single bit is flipped, the record is gone.
		for bit := range min(n, 256) * 8 {
			b[bit/8] ^= 1 << (bit % 8)
			if _, err := decode(b); err == nil {
				t.Fatalf("bit %d may be flipped", bit)
			}
			b[bit/8] ^= 1 << (bit % 8)
		}
	})
}
