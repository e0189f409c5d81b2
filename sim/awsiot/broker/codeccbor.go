package broker

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// cborCodec reads and writes stream messages as CBOR (RFC 8949).
type cborCodec struct{ mode cbor.DecMode }

type cborRequest struct {
	Token   *string `cbor:"c"`
	Version *int64  `cbor:"s"`
	File    *int64  `cbor:"f"`
	Size    *int64  `cbor:"l"`
	Offset  *int64  `cbor:"o"`
	Count   *int64  `cbor:"n"`
	Bitmap  []byte  `cbor:"b"`
}

func newCBOR() codec {
	mode, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxMapPairs: 64, MaxNestedLevels: 8}.DecMode()
	if err != nil {
		panic(fmt.Sprintf("options of CBOR: %v", err)) // constants
	}
	return cborCodec{mode}
}

// decode reads a request. A bitmap must be a byte string: a text was seen to
// be refused.
func (c cborCodec) decode(payload []byte) (streamRequest, error) {
	var in cborRequest
	if len(payload) > 0 {
		if err := c.mode.Unmarshal(payload, &in); err != nil {
			return streamRequest{}, &streamError{"InvalidCbor", "Invalid CBOR message"}
		}
	}
	return streamRequest{in.Token, in.Version, in.File, in.Size, in.Offset, in.Count, in.Bitmap}, nil
}

func (cborCodec) encode(value any) []byte { return marshal(value) }

// reject writes a map of indefinite length with each key twice, as the service
// was seen to do. Not established: where a token stands in it.
func (cborCodec) reject(e *streamError, token *string) []byte {
	const start, stop = 0xbf, 0xff
	out := []byte{start}
	add := func(key, value string) { out = append(append(out, marshal(key)...), marshal(value)...) }
	if token != nil {
		add("clientToken", *token)
		add("c", *token)
	}
	add("code", e.code)
	add("o", e.code)
	add("message", e.message)
	add("m", e.message)
	return append(out, stop)
}

func marshal(value any) []byte {
	data, err := cbor.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("a reply cannot be written as CBOR: %v", err)) // of our own making
	}
	return data
}
