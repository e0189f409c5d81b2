package broker

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func unhex(t *testing.T, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The requests of the C client and of its predecessor, byte for byte.
func TestRequestsOfTheFieldAreRead(t *testing.T) {
	for _, c := range []struct {
		name   string
		codec  codec
		wire   []byte
		bitmap []byte
		count  int64
		size   int64
		token  string
	}{
		{"C client, CBOR", newCBOR(), unhex(t, "a6 6163 63726479 6166 00 616c 191000 616f 00 6162 444d513d3d 616e 01"), []byte("MQ=="), 1, 4096, "rdy"},
		{"its predecessor, CBOR", newCBOR(), unhex(t, "a6 6163 63726479 6166 00 616c 191000 616f 00 6162 43ffff03 616e 01"), []byte{0xff, 0xff, 3}, 1, 4096, "rdy"},
		{"C client, JSON", jsonCodec{}, []byte(`{"s": 1,"f": 0,"l": 4096,"o": 0,"n": 1}`), nil, 1, 4096, ""},
		{"Base64", jsonCodec{}, []byte(`{"f":0,"l":256,"o":20,"n":32,"b":"EwCA"}`), []byte{0x13, 0, 0x80}, 32, 256, ""},
		{"0x", jsonCodec{}, []byte(`{"f":0,"l":256,"o":20,"n":32,"b":"0x130080"}`), []byte{0x13, 0, 0x80}, 32, 256, ""},
		{"strictly hexadecimal", jsonCodec{hex: true}, []byte(`{"f":0,"l":256,"o":20,"n":32,"b":"130080"}`), []byte{0x13, 0, 0x80}, 32, 256, ""},
		{"an array", jsonCodec{}, []byte(`{"f":0,"l":256,"o":20,"n":32,"b":[19,0,-128]}`), []byte{0x13, 0, 0x80}, 32, 256, ""},
		{"CBOR of indefinite length", newCBOR(), unhex(t, "bf 6166 00 616c 191000 616e 01 ff"), nil, 1, 4096, ""},
	} {
		in, err := c.codec.decode(c.wire)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		token := ""
		if in.token != nil {
			token = *in.token
		}
		if !bytes.Equal(in.bitmap, c.bitmap) || *in.count != c.count || *in.size != c.size || token != c.token || *in.file != 0 {
			t.Errorf("%s: read as %+v", c.name, in)
		}
	}
}

func TestRequestsThatAreNoneAreRefused(t *testing.T) {
	cbor, text := newCBOR(), jsonCodec{}
	for _, c := range []struct {
		name  string
		codec codec
		wire  []byte
		code  string
	}{
		{"cut off", text, []byte(`{"f":0,`), "InvalidJson"},
		{"a list", text, []byte(`[1]`), "InvalidJson"},
		{"a text for a number", text, []byte(`{"f":"0"}`), "InvalidJson"},
		{"a bitmap that is neither", text, []byte(`{"f":0,"l":256,"b":"*"}`), "InvalidJson"},
		{"a bitmap that is an object", text, []byte(`{"f":0,"l":256,"b":{}}`), "InvalidJson"},
		{"a bitmap beyond bytes", text, []byte(`{"f":0,"l":256,"b":[256]}`), "InvalidJson"},
		{"Base64 where digits are asked for", jsonCodec{hex: true}, []byte(`{"f":0,"l":256,"b":"EwCA"}`), "InvalidJson"},
		{"JSON", cbor, []byte(`{"f":0}`), "InvalidCbor"},
		{"a bitmap as text", cbor, unhex(t, "a3 6166 00 616c 191000 6162 644d513d3d"), "InvalidCbor"},
		{"a key twice", cbor, unhex(t, "a2 6166 00 6166 01"), "InvalidCbor"},
		{"cut off", cbor, unhex(t, "a2 6166 00 616c"), "InvalidCbor"},
		{"more behind it", cbor, unhex(t, "a1 6166 00 00"), "InvalidCbor"},
		{"too many keys", cbor, append(unhex(t, "b8 41"), bytes.Repeat([]byte{0}, 130)...), "InvalidCbor"},
	} {
		_, err := c.codec.decode(c.wire)
		var e *streamError
		if !errors.As(err, &e) || e.code != c.code {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
}

func TestRepliesAreThoseOfTheService(t *testing.T) {
	cbor, text := newCBOR(), jsonCodec{}
	rdy := "rdy"
	data := block{Token: &rdy, File: 0, Size: 4, Index: 0, Data: []byte{0xde, 0xad, 0xbe, 0xef}}
	for _, c := range []struct {
		name string
		got  []byte
		want []byte
	}{
		{"block, CBOR", cbor.encode(data), unhex(t, "a5 6163 63726479 6166 00 616c 04 6169 00 6170 44deadbeef")},
		{"block, JSON", text.encode(block{&rdy, 0, 4, 2, []byte{0xde, 0xad, 0xbe, 0xef}}), []byte(`{"c":"rdy","f":0,"l":4,"i":2,"p":"3q2+7w=="}`)},
		{"block without a token", text.encode(block{nil, 0, 1, 0, []byte{0}}), []byte(`{"f":0,"l":1,"i":0,"p":"AA=="}`)},
		{"description", text.encode(description{&rdy, 1, "desc", []fileSize{{0, 131072}, {1, 51200}}}), []byte(`{"c":"rdy","s":1,"d":"desc","r":[{"f":0,"z":131072},{"f":1,"z":51200}]}`)},
		{"description, CBOR", cbor.encode(description{nil, 1, "", []fileSize{{0, 16}}}), unhex(t, "a2 6173 01 6172 81 a2 6166 00 617a 10")},
		{
			"rejected, JSON", text.reject(outOfRange, &rdy),
			[]byte(`{"clientToken":"rdy","c":"rdy","code":"InvalidRequest","o":"InvalidRequest","message":"The data requested is out of the range of data available.","m":"The data requested is out of the range of data available."}`),
		},
		{
			"rejected, CBOR", cbor.reject(&streamError{"InvalidCbor", "Invalid CBOR message"}, nil),
			append(append(append(append(append(append(append(append(append([]byte{0xbf},
				"\x64code"...), "\x6bInvalidCbor"...), "\x61o"...), "\x6bInvalidCbor"...),
				"\x67message"...), "\x74Invalid CBOR message"...), "\x61m"...), "\x74Invalid CBOR message"...), 0xff),
		},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%s:\n got %x\nwant %x\n(%q)", c.name, c.got, c.want, c.got)
		}
	}
}

func number(n int64) *int64 { return &n }

func TestBlocksOfARequest(t *testing.T) {
	base64Of := func(text string) []byte {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	sixty3 := append(bytes.Repeat([]byte{0xff}, 7), 0x7f)
	for _, c := range []struct {
		name string
		in   streamRequest
		file int64
		want []int64
		err  error
	}{
		{"from the start", streamRequest{size: number(4096), count: number(3)}, 18 * 4096, []int64{0, 1, 2}, nil},
		{"the last, short one", streamRequest{size: number(4096), offset: number(17), count: number(1)}, 17*4096 + 1, []int64{17}, nil},
		{"past the end", streamRequest{size: number(4096), offset: number(18), count: number(1)}, 18 * 4096, nil, outOfRange},
		{"count past the end", streamRequest{size: number(4096), offset: number(17), count: number(2)}, 18 * 4096, nil, outOfRange},
		{"default count of a short file", streamRequest{size: number(4096)}, 18 * 4096, nil, outOfRange},
		{"default count of a long file", streamRequest{size: number(65536)}, 1 << 20, []int64{0, 1}, nil},
		{"128 KiB and no more", streamRequest{size: number(65536), count: number(16)}, 1 << 20, []int64{0, 1}, nil},
		{"a bitmap", streamRequest{size: number(256), offset: number(20), bitmap: []byte{0x13, 0, 0x80}}, 1 << 20, []int64{20, 21, 24, 43}, nil},
		{"a bitmap and a cap", streamRequest{size: number(256), offset: number(20), count: number(3), bitmap: []byte{0x13, 0, 0x80}}, 1 << 20, []int64{20, 21, 24}, nil},
		{"the C client's, at the last block", streamRequest{size: number(4096), offset: number(17), count: number(1), bitmap: []byte("MQ==")}, 18 * 4096, []int64{17}, nil},
		{"an empty bitmap", streamRequest{size: number(256), bitmap: []byte{}}, 1 << 20, nil, nil},
		{"63 blocks as bits", streamRequest{size: number(2048), bitmap: sixty3}, 127762, upTo(63), nil},
		{"the same digits as Base64", streamRequest{size: number(2048), bitmap: base64Of("ffffffffffffff7f")}, 127762, nil, outOfRange},
		{"an empty file", streamRequest{size: number(256), count: number(1)}, 0, nil, outOfRange},
	} {
		got, err := c.in.blocks(c.file)
		if !errors.Is(err, c.err) || len(got)+len(c.want) > 0 && !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, %v; want %v, %v", c.name, got, err, c.want, c.err)
		}
	}
}

func upTo(n int64) (list []int64) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

func TestBoundsOfARequest(t *testing.T) {
	for _, c := range []struct {
		in   streamRequest
		code string
	}{
		{streamRequest{size: number(256)}, ""},
		{streamRequest{size: number(131072)}, ""},
		{streamRequest{size: number(255)}, "BlockSizeOutOfBounds"},
		{streamRequest{size: number(131073)}, "BlockSizeOutOfBounds"},
		{streamRequest{size: number(-1)}, "BlockSizeOutOfBounds"},
		{streamRequest{size: number(256), offset: number(98304)}, ""},
		{streamRequest{size: number(256), offset: number(98305)}, "OffsetOutOfBounds"},
		{streamRequest{size: number(256), offset: number(-1)}, "OffsetOutOfBounds"},
		{streamRequest{size: number(256), count: number(98304)}, ""},
		{streamRequest{size: number(256), count: number(98305)}, "BlockCountLimitExceeded"},
		{streamRequest{size: number(256), bitmap: make([]byte, 12287)}, ""},
		{streamRequest{size: number(256), bitmap: make([]byte, 12288)}, "BlockBitmapLimitExceeded"},
	} {
		code := ""
		var e *streamError
		if errors.As(c.in.bounds(), &e) {
			code = e.code
		}
		if code != c.code {
			t.Errorf("%+v: %q, want %q", c.in, code, c.code)
		}
	}
}
