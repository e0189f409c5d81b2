package report

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"strings"
	"testing"
)

// compressed is what becomes of parts, each written by itself; Go's reader must
// make the parts of it again, and check the sum and the size.
func compressed(t *testing.T, parts ...[]byte) int {
	t.Helper()
	var out bytes.Buffer
	w := newGzipWriter(&out)
	for _, part := range parts {
		if n, err := w.Write(part); n != len(part) || err != nil {
			t.Fatalf("wrote %d of %d bytes, %v", n, len(part), err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	size := out.Len()
	r, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, bytes.Join(parts, nil)) || out.Len() != 0 {
		t.Fatalf("got %d bytes, %v, and %d behind them", len(got), err, out.Len())
	}
	return size
}

func TestEveryByteAndLengthAndDistanceIsReadBack(t *testing.T) {
	compressed(t)
	var all []byte
	for b := range 256 {
		all = append(all, byte(b))
	}
	compressed(t, nil, all, all[:1], nil)
	for length := range 600 {
		compressed(t, bytes.Repeat([]byte("a"), length), append(all, all[:length%256]...))
	}
	random := rand.New(rand.NewSource(1))
	noise := make([]byte, 2*farthest)
	random.Read(noise)
	for distance := 1; distance < len(noise); distance += 1 + distance/20 {
		compressed(t, append(noise[:distance:distance], noise[:min(distance, 300)]...))
	}
	for _, distance := range []int{farthest - 1, farthest, farthest + 1} {
		compressed(t, append(noise[:distance:distance], noise[:300]...))
	}
}

func TestAnythingIsReadBack(t *testing.T) {
	random := rand.New(rand.NewSource(2))
	for range 300 {
		var parts [][]byte
		for range random.Intn(4) {
			part := make([]byte, random.Intn(20_000))
			letters := 1 + random.Intn(256)
			for i := range part {
				part[i] = byte(random.Intn(letters))
			}
			parts = append(parts, part)
		}
		compressed(t, parts...)
	}
}

func TestTextBecomesMuchSmaller(t *testing.T) {
	source, err := os.ReadFile("report.go")
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&log, `{"time":"2026-11-29T02:%02d:%02dZ","event":"fetched","bytes":%d,"slot":"B"}`+"\n", i/60%60, i%60, i*65536)
	}
	for name, text := range map[string]struct {
		text    []byte
		percent int
	}{"zeros": {make([]byte, 1<<20), 1}, "a log": {[]byte(log.String()), 25}, "a program": {source, 60}} {
		if size := compressed(t, text.text); size > len(text.text)*text.percent/100 {
			t.Errorf("%s: %d bytes became %d", name, len(text.text), size)
		}
	}
}

func TestAFullDiskIsAnError(t *testing.T) {
	w := newGzipWriter(fullWriter{})
	_, writing := w.Write([]byte("text"))
	if closing := w.Close(); writing == nil || closing == nil {
		t.Errorf("got %v and %v", writing, closing)
	}
}

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errors.New("full") }
