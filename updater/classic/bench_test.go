package classic

import (
	"bytes"
	"io"
	"testing"
)

// The whole way from a file in the page cache to the unpacked image. MB/s are
// of the token.
func BenchmarkRelease(b *testing.B) {
	// Half of it repeats, as in an image of a real root file system.
	image := bytes.Repeat(append(randomBytes(1, 32<<10), make([]byte, 32<<10)...), 512)
	objects := publication(b, image, keyOf(1), "")
	_, r := folder(b, objects)
	b.SetBytes(int64(len(objects["firmware.zip"].data)))
	b.ReportAllocs()
	for b.Loop() {
		p, err := r.Open(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			if _, err = p.Next(); err == nil {
				_, err = io.Copy(io.Discard, p)
			}
		}
		if err != io.EOF {
			b.Fatal(err)
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
