package unpack

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// allocated is how many bytes f allocates in total.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

func TestMemoryDoesNotGrowWithTheContent(t *testing.T) {
	const limit = 1 << 20
	content := strings.Repeat("0123456789abcdef", 4<<20) // 64 MiB
	data := one(item{name: "a", data: content, method: methodDeflate}).build(t)
	got := allocated(func() {
		z := NewZip(bytes.NewReader(data))
		if _, err := z.Next(); err != nil {
			t.Error(err)
		}
		if _, err := io.Copy(io.Discard, readerOnly{z}); err != nil {
			t.Error(err)
		}
	})
	if got > limit {
		t.Errorf("%d bytes were allocated, at most %d are needed", got, limit)
	}
}

// TestMemoryForNamesIsBounded fills both bounds at once.
func TestMemoryForNamesIsBounded(t *testing.T) {
	const limit = 24 << 20
	var b []byte
	for i := range MaxEntries {
		b = record{needed: 20, name: fmt.Sprintf("%063d", i)}.appendLocal(b)
	}
	z := NewZip(bytes.NewReader(b))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range MaxEntries {
		if _, err := z.Next(); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	held := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	runtime.KeepAlive(z)
	t.Logf("%d entries hold %d KiB", len(z.seen.names), held>>10)
	if held > limit {
		t.Errorf("%d bytes are held, at most %d are needed", held, limit)
	}
}
