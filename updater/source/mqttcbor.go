package source

import (
	"math"

	"github.com/aws/smithy-go/encoding/cbor"
)

// cborCodec is the format "cbor" (RFC 8949): a map of text to integers, texts,
// and a byte string for a block. Its decoder takes maps of indefinite length,
// as AWS IoT's rejections are, and of a key that comes twice the last one.
type cborCodec struct{}

func (cborCodec) describe(token string) []byte {
	return cbor.Encode(cbor.Map{"c": cbor.String(token)})
}

func (cborCodec) get(g get) []byte {
	m := cbor.Map{
		"c": cbor.String(g.token), "f": cbor.Uint(g.file),
		"l": cbor.Uint(g.block), "o": cbor.Uint(g.offset), "n": cbor.Uint(g.count),
	}
	if g.version != 0 {
		m["s"] = cbor.Uint(g.version)
	}
	return cbor.Encode(m)
}

func (cborCodec) description(p []byte) (description, bool) {
	m, ok := fields(p)
	version, found := number(m, "s")
	files, isList := m["r"].(cbor.List)
	if !ok || !found || !isList {
		return description{}, false
	}
	d := description{text(m, "c"), version, map[int64]int64{}}
	for _, entry := range files {
		f, ok := entry.(cbor.Map)
		id, hasID := number(f, "f")
		size, hasSize := number(f, "z")
		if !ok || !hasID || !hasSize {
			return description{}, false
		}
		d.sizes[id] = size
	}
	return d, true
}

func (cborCodec) data(p []byte) (data, bool) {
	m, ok := fields(p)
	file, hasFile := number(m, "f")
	length, hasLength := number(m, "l")
	index, hasIndex := number(m, "i")
	payload, hasPayload := m["p"].(cbor.Slice)
	if !ok || !hasFile || !hasLength || !hasIndex || !hasPayload {
		return data{}, false
	}
	return data{text(m, "c"), file, length, index, payload}, true
}

func (cborCodec) rejection(p []byte) (rejection, bool) {
	m, ok := fields(p)
	code := text(m, "o")
	if code == "" {
		code = text(m, "code")
	}
	return rejection{text(m, "c"), code}, ok
}

func (cborCodec) message(n int64) int64 { return n + 1<<10 }

func fields(p []byte) (cbor.Map, bool) {
	v, err := cbor.Decode(p)
	m, ok := v.(cbor.Map)
	return m, err == nil && ok
}

// number is a field that is a number from 0 up.
func number(m cbor.Map, key string) (int64, bool) {
	n, ok := m[key].(cbor.Uint)
	return int64(n), ok && n <= math.MaxInt64
}

// text is a field that is a text, else empty.
func text(m cbor.Map, key string) string {
	s, _ := m[key].(cbor.String)
	return string(s)
}
