package fernet

import (
	"bytes"
	"io"
	"testing"
)

// Both benchmarks count bytes of the token, which is what travels.

func BenchmarkReader(b *testing.B) {
	token := oracle(b, randomBytes(1, 32<<20))
	b.SetBytes(int64(len(token)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.Copy(io.Discard, NewReader(bytes.NewReader(token), testKey())); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriter(b *testing.B) {
	plain := randomBytes(1, 32<<20)
	b.SetBytes(int64(len(oracle(b, plain))))
	b.ReportAllocs()
	for b.Loop() {
		w := NewWriter(io.Discard, testKey())
		if _, err := w.Write(plain); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
