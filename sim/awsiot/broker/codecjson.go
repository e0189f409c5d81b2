package broker

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// jsonCodec reads and writes stream messages as JSON.
type jsonCodec struct{ hex bool }

// jsonRequest is a request with its bitmap as it came.
type jsonRequest struct {
	Token   *string         `json:"c"`
	Version *int64          `json:"s"`
	File    *int64          `json:"f"`
	Size    *int64          `json:"l"`
	Offset  *int64          `json:"o"`
	Count   *int64          `json:"n"`
	Bitmap  json.RawMessage `json:"b"`
}

// decode reads a request. Not established: which code a value of a wrong type
// gets; and how a bitmap is written, see bitmap.
func (c jsonCodec) decode(payload []byte) (streamRequest, error) {
	var in jsonRequest
	if len(payload) > 0 {
		if err := json.Unmarshal(payload, &in); err != nil {
			return streamRequest{}, &streamError{"InvalidJson", "The stream request is not a valid JSON document"}
		}
	}
	out := streamRequest{in.Token, in.Version, in.File, in.Size, in.Offset, in.Count, nil}
	if len(in.Bitmap) > 0 && string(in.Bitmap) != "null" {
		bits, err := c.bitmap(in.Bitmap)
		if err != nil {
			return streamRequest{}, &streamError{"InvalidJson", "The stream request is not a valid JSON document: " + err.Error()}
		}
		out.bitmap = bits
	}
	return out, nil
}

// bitmap reads a bitmap. The documentation wants hexadecimal digits in one
// place, with and without 0x in front, and Base64 in another; the service was
// seen to refuse hexadecimal digits that were right as such, and to take an
// array of numbers. So 0x is hexadecimal here, other text Base64.
func (c jsonCodec) bitmap(raw json.RawMessage) ([]byte, error) {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return bytesOf(raw)
	}
	digits, prefixed := strings.CutPrefix(text, "0x")
	if c.hex || prefixed {
		bits, err := hex.DecodeString(digits)
		return slices.Clip(bits), err
	}
	return base64.StdEncoding.DecodeString(text)
}

// bytesOf reads an array of numbers from -128 to 255: the service is written
// in a language whose bytes have a sign.
func bytesOf(raw json.RawMessage) ([]byte, error) {
	var list []int
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, errors.New("the bitmap is neither a text nor an array of bytes")
	}
	bits := make([]byte, len(list))
	for i, n := range list {
		if n < -128 || n > 255 {
			return nil, errors.New("the bitmap has a number that is no byte")
		}
		bits[i] = byte(n)
	}
	return bits, nil
}

func (jsonCodec) encode(value any) []byte { return encode(value) }

// reject writes each key twice, as the service was seen to do for the sake of
// old clients.
func (jsonCodec) reject(e *streamError, token *string) []byte {
	return encode(struct {
		ClientToken *string `json:"clientToken,omitempty"`
		Token       *string `json:"c,omitempty"`
		Code        string  `json:"code"`
		O           string  `json:"o"`
		Message     string  `json:"message"`
		M           string  `json:"m"`
	}{token, token, e.code, e.code, e.message, e.message})
}
