package unpack

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
)

// benchContent resembles an image: text-like runs, some of them noise.
func benchContent(size int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	words := make([][]byte, 4000)
	for i := range words {
		words[i] = make([]byte, 2+rng.IntN(12))
		for j := range words[i] {
			words[i][j] = byte(rng.IntN(96) + 32)
		}
	}
	var b bytes.Buffer
	for b.Len() < size {
		if rng.IntN(50) == 0 {
			for range 64 {
				b.WriteByte(byte(rng.Uint32()))
			}
		}
		b.Write(words[min(rng.IntN(4000), rng.IntN(4000))])
	}
	return b.String()[:size]
}

func BenchmarkZip(b *testing.B) {
	content := benchContent(16 << 20)
	for name, r := range map[string]recipe{
		"deflate": one(item{name: "rootfs.img", data: content, method: methodDeflate}),
		"stored":  one(item{name: "rootfs.img", data: content}),
	} {
		data := r.build(b)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			b.ReportMetric(float64(len(data))/float64(len(content)), "packed/size")
			for b.Loop() {
				z := NewZip(bytes.NewReader(data))
				if _, err := z.Next(); err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, readerOnly{z}); err != nil {
					b.Fatal(err)
				}
				if _, err := z.Next(); err != io.EOF {
					b.Fatal(err)
				}
			}
		})
	}
}
