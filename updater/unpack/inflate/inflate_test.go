package inflate

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"testing/iotest"

	klauspost "github.com/klauspost/compress/flate"
)

// pack compresses with one of the standard library's levels.
func pack(tb testing.TB, data []byte, level int) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// contents are kinds of data that lead to every kind of block and match.
func contents() map[string][]byte {
	noise := rand.NewChaCha8([32]byte{7})
	random := make([]byte, 300_000)
	_, _ = noise.Read(random) // never fails
	far := append(append(bytes.Clone(random[:300]), make([]byte, history-300)...), random[:300]...)
	mixed := bytes.Repeat([]byte("x"), 1000)
	pick := rand.New(noise)
	for len(mixed) < 3*(history+room) {
		if back := 1 + pick.IntN(min(len(mixed)-300, history)); pick.IntN(3) > 0 {
			from := len(mixed) - back
			mixed = append(mixed, mixed[from:from+min(back, 1+pick.IntN(300))]...)
		} else {
			at := pick.IntN(1000)
			mixed = append(mixed, random[at:at+pick.IntN(40)]...)
		}
	}
	skewed := make([]byte, 200_000) // long codes for rare bytes
	for i := range skewed {
		skewed[i] = byte(min(255, int(pick.ExpFloat64()*12)))
	}
	return map[string][]byte{
		"empty": {}, "one byte": {42}, "zeros": make([]byte, 500_000), "random": random, "far match": far,
		"mixed": mixed, "skewed": skewed, "short": []byte("hello, hello, hello"),
		"pairs": bytes.Repeat([]byte{1, 2}, 70_000), "sevens": bytes.Repeat([]byte("1234567"), 30_000),
	}
}

var levels = []int{flate.HuffmanOnly, flate.NoCompression, flate.BestSpeed, 6, flate.BestCompression}

// decode decodes a stream and says what was left behind it.
func decode(packed []byte, wrap func(io.Reader) io.Reader) (data []byte, left int, err error) {
	src := bufio.NewReaderSize(wrap(bytes.NewReader(packed)), 4096)
	data, err = io.ReadAll(NewReader(src))
	rest, restErr := io.ReadAll(src)
	return data, len(rest), errors.Join(err, restErr)
}

func plainReader(r io.Reader) io.Reader { return r }

func TestDecodesWhatTheStandardLibraryEncodes(t *testing.T) {
	for name, data := range contents() {
		for _, level := range levels {
			got, left, err := decode(append(pack(t, data, level), "behind"...), plainReader)
			if err != nil || !bytes.Equal(got, data) || left != len("behind") {
				t.Errorf("%s, level %d: %d of %d bytes, %d left behind, %v", name, level, len(got), len(data), left, err)
			}
		}
	}
}

func TestDecodesFromSourcesThatGiveLittle(t *testing.T) {
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"one byte at a time": iotest.OneByteReader, "half": iotest.HalfReader, "error with data": iotest.DataErrReader,
	} {
		data := contents()["mixed"]
		got, left, err := decode(append(pack(t, data, 6), "behind"...), wrap)
		if err != nil || !bytes.Equal(got, data) || left != len("behind") {
			t.Errorf("%s: %d of %d bytes, %d left behind, %v", name, len(got), len(data), left, err)
		}
	}
}

func TestReaderKeepsTheReaderContract(t *testing.T) {
	data := contents()["mixed"]
	if err := iotest.TestReader(NewReader(bufio.NewReader(bytes.NewReader(pack(t, data, 6)))), data); err != nil {
		t.Error(err)
	}
}

func TestResetStartsOver(t *testing.T) {
	first, second := pack(t, contents()["mixed"], 6), pack(t, []byte("second"), 6)
	z := NewReader(bufio.NewReader(bytes.NewReader(first)))
	if _, err := io.CopyN(io.Discard, z, 1000); err != nil {
		t.Fatal(err)
	}
	z.Reset(bufio.NewReader(bytes.NewReader(second)))
	if got, err := io.ReadAll(z); err != nil || string(got) != "second" {
		t.Errorf("got %q, %v", got, err)
	}
	// The first stream's bytes must not be within reach of a match.
	z.Reset(bufio.NewReader(bytes.NewReader(matchBeforeData)))
	if got, err := io.ReadAll(z); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %q, %v, want ErrCorrupt", got, err)
	}
}

// matchBeforeData is a fixed block: last, kind 1, length 3, distance 1, end.
var matchBeforeData = []byte{0x03, 0x02, 0x00}

func TestDamageIsNeverACleanEnd(t *testing.T) {
	for name, packed := range map[string][]byte{
		"unknown kind":           {0x07},
		"stored lengths differ":  {0x01, 1, 0, 0, 0, 'x'},
		"match before the data":  matchBeforeData,
		"too many literals":      {0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"too many short symbols": {0x05, 0xe0, 0x49, 0x92, 0x24, 0x49, 0x92, 0x24, 0x49, 0x92, 0x24},
	} {
		if got, _, err := decode(packed, plainReader); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got %q, %v, want ErrCorrupt", name, got, err)
		}
	}
}

func TestTruncationIsUnexpectedEOF(t *testing.T) {
	packed := pack(t, contents()["skewed"], 6)
	for cut := 0; cut < len(packed); cut += 1 + cut/50 {
		if _, _, err := decode(packed[:cut], plainReader); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d of %d: %v", cut, len(packed), err)
		}
	}
}

func TestErrorsOfTheSourcePassThroughAndStay(t *testing.T) {
	broken := errors.New("network is down")
	packed := pack(t, contents()["mixed"], 6)
	z := NewReader(bufio.NewReader(io.MultiReader(bytes.NewReader(packed[:len(packed)/2]), iotest.ErrReader(broken))))
	got, err := io.ReadAll(z)
	if !errors.Is(err, broken) || errors.Is(err, ErrCorrupt) || !bytes.HasPrefix(contents()["mixed"], got) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if n, err := z.Read(make([]byte, 1)); n != 0 || !errors.Is(err, broken) {
		t.Errorf("a second time: %d, %v", n, err)
	}
}

// FuzzInflate: the standard library accepts the same streams, and makes the
// same of them.
func FuzzInflate(f *testing.F) {
	seeds := 0
	for _, data := range contents() {
		for _, level := range levels {
			f.Add(pack(f, data[:min(len(data), 2000)], level))
			seeds++
		}
	}
	f.Add(matchBeforeData)
	if seeds < 20 {
		f.Fatalf("only %d seeds", seeds)
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		const most = 4 << 20
		oracle := bytes.NewReader(packed)
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(oracle), most))
		src := bufio.NewReader(bytes.NewReader(packed))
		got, err := io.ReadAll(io.LimitReader(NewReader(src), most))
		switch {
		case (err == nil) != (wantErr == nil):
			t.Fatalf("got %v, want %v", err, wantErr)
		case err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, io.ErrUnexpectedEOF):
			t.Fatalf("neither damaged nor truncated: %v", err)
		case err == nil && !bytes.Equal(got, want):
			t.Fatalf("%d bytes differ from %d", len(got), len(want))
		}
		if rest, restErr := io.ReadAll(src); err == nil && len(want) < most && (restErr != nil || len(rest) != oracle.Len()) {
			t.Fatalf("left %d bytes behind, want %d (%v)", len(rest), oracle.Len(), restErr)
		}
	})
}

// BenchmarkReader measures this decoder beside the fastest general library, on
// what images are full of: programs. This test's own is at hand.
func BenchmarkReader(b *testing.B) {
	data, err := os.ReadFile(os.Args[0])
	if err != nil {
		b.Fatal(err)
	}
	packed := pack(b, data, 6)
	z := NewReader(bufio.NewReader(bytes.NewReader(packed)))
	library := klauspost.NewReader(bufio.NewReader(bytes.NewReader(packed)))
	for _, d := range []struct {
		name  string
		r     io.Reader
		reset func(*bufio.Reader) error
	}{
		{"inflate", z, func(src *bufio.Reader) error { z.Reset(src); return nil }},
		{"klauspost", library, func(src *bufio.Reader) error { return library.(klauspost.Resetter).Reset(src, nil) }},
	} {
		b.Run(d.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if err := d.reset(bufio.NewReader(bytes.NewReader(packed))); err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, d.r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
