package slot

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// benchImage is the size of an image in the benchmarks, in bytes.
const benchImage = 256 << 20

// benchSlot is a fully allocated file of that size and an empty other slot.
func benchSlots(b *testing.B) (path, other string) {
	b.Helper()
	path, other = filepath.Join(b.TempDir(), "a"), filepath.Join(b.TempDir(), "b")
	fill(b, path)
	if err := os.WriteFile(other, []byte("booted"), 0o600); err != nil {
		b.Fatal(err)
	}
	return path, other
}

// fill writes and flushes the whole slot, as dd with conv=fsync does.
func fill(b *testing.B, path string) {
	b.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := bytes.Repeat([]byte{1}, 1<<20)
	for range benchImage / len(block) {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkWriter reports how long a proven write takes beside a plain write
// and flush of the same bytes (x-plain), both in this run, and beside hashing
// them once (x-sha256).
func BenchmarkWriter(b *testing.B) {
	path, other := benchSlots(b)
	block := bytes.Repeat([]byte{2}, 64<<10)
	b.SetBytes(benchImage)
	b.ReportAllocs()
	var plain, hashing, proven time.Duration
	for b.Loop() {
		b.StopTimer()
		start := time.Now()
		fill(b, path)
		plain += time.Since(start)
		start = time.Now()
		h := sha256.New()
		for range benchImage / len(block) {
			h.Write(block)
		}
		hashing += time.Since(start)
		b.StartTimer()
		start = time.Now()
		writeProven(b, path, other, block)
		proven += time.Since(start)
	}
	b.ReportMetric(float64(proven)/float64(plain), "x-plain")
	b.ReportMetric(float64(proven)/float64(hashing), "x-sha256")
}

func writeProven(b *testing.B, path, other string, block []byte) {
	t, err := Host{}.OpenTarget(path, other)
	if err != nil {
		b.Fatal(err)
	}
	defer t.Close()
	w := t.Writer()
	for range benchImage / len(block) {
		if _, err := w.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	if proof, err := w.Close(); err != nil || proof.Size != benchImage {
		b.Fatal(proof, err)
	}
}
