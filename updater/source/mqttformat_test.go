package source

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

func unhex(t testing.TB, text string) []byte {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestStreamMessagesOfOthers reads what clients and services were seen to send.
func TestStreamMessagesOfOthers(t *testing.T) {
	c := codecs[FormatCBOR]
	block, ok := c.data(unhex(t, "a5 6163 63726479 6166 00 616c 04 6169 00 6170 44deadbeef"))
	if want := (data{"rdy", 0, 4, 0, unhex(t, "deadbeef")}); !ok || !reflect.DeepEqual(block, want) {
		t.Errorf("a block: %+v, %v", block, ok)
	}
	// A map of indefinite length, without a token.
	no, ok := c.rejection(unhex(t, "bf 64636f6465 6b496e76616c696443626f72 616f 6b496e76616c696443626f72 676d657373616765 74496e76616c69642043424f52206d657373616765 616d 74496e76616c69642043424f52206d657373616765 ff"))
	if !ok || no != (rejection{"", "InvalidCbor"}) {
		t.Errorf("a rejection: %+v, %v", no, ok)
	}
	j := codecs[FormatJSON]
	what, ok := j.description([]byte(`{"c":"tok","s":1,"d":"desc","r":[{"f":0,"z":131072},{"f":1,"z":51200}]}`))
	if want := (description{"tok", 1, map[int64]int64{0: 131072, 1: 51200}}); !ok || !reflect.DeepEqual(what, want) {
		t.Errorf("a description: %+v, %v", what, ok)
	}
	block, ok = j.data([]byte(`{"c":"tok","f":0,"l":4,"i":2,"p":"3q2+7w=="}`))
	if want := (data{"tok", 0, 4, 2, unhex(t, "deadbeef")}); !ok || !reflect.DeepEqual(block, want) {
		t.Errorf("a block: %+v, %v", block, ok)
	}
	for text, want := range map[string]rejection{
		`{"o":"BlockSizeOutOfBounds","m":"The block size is out of bounds","c":"tok"}`:                                                                   {"tok", "BlockSizeOutOfBounds"},
		`{"clientToken":"rdy","c":"rdy","code":"InvalidRequest","o":"InvalidRequest","message":"The data requested is out of the range","m":"the same"}`: {"rdy", "InvalidRequest"},
		`{"code":"InvalidRequest"}`: {"", "InvalidRequest"},
	} {
		if got, ok := j.rejection([]byte(text)); !ok || got != want {
			t.Errorf("%s: %+v, %v", text, got, ok)
		}
	}
}

// TestStreamRequests are read by other libraries.
func TestStreamRequests(t *testing.T) {
	g := get{token: "tok", version: 3, file: 1, block: 32768, offset: 70000, count: 4}
	var viaCBOR, viaJSON map[string]any
	if err := cbor.Unmarshal(codecs[FormatCBOR].get(g), &viaCBOR); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"c": "tok", "s": uint64(3), "f": uint64(1), "l": uint64(32768), "o": uint64(70000), "n": uint64(4)}
	if !reflect.DeepEqual(viaCBOR, want) {
		t.Errorf("cbor: %v", viaCBOR)
	}
	if err := json.Unmarshal(codecs[FormatJSON].get(g), &viaJSON); err != nil {
		t.Fatal(err)
	}
	if text := string(codecs[FormatJSON].get(g)); text != `{"c":"tok","s":3,"f":1,"l":32768,"o":70000,"n":4}` {
		t.Errorf("json: %s", text)
	}
	if got := codecs[FormatCBOR].describe("tok"); !bytes.Equal(got, unhex(t, "a1 6163 63746f6b")) {
		t.Errorf("cbor: %x", got)
	}
	if got := string(codecs[FormatJSON].describe("tok")); got != `{"c":"tok"}` {
		t.Errorf("json: %s", got)
	}
}

// TestStreamMessagesThatAreNone miss a field, or have one of another type.
func TestStreamMessagesThatAreNone(t *testing.T) {
	block := map[string]any{"c": "t", "f": 0, "l": 2, "i": 1, "p": []byte{1, 2}}
	described := map[string]any{"c": "t", "s": 1, "r": []any{map[string]any{"f": 0, "z": 5}}}
	for _, format := range []struct {
		codec
		encode func(any) ([]byte, error)
		wrong  []any // for every field
		keys   string
	}{
		{
			cborCodec{}, cbor.Marshal, []any{
				nil, "x", -1, 1.5, true,
				[]any{nil},
				map[string]any{"a": 1},
				uint64(1 << 63),
				cbor.Tag{Number: 24, Content: 1},
				cbor.SimpleValue(99),
			}, "flip",
		},
		// A block may be missing: it is then of the wrong length.
		{jsonCodec{}, json.Marshal, []any{nil, "?", 1.5, true, []any{"x"}, map[string]any{"a": 1}, uint64(1 << 63)}, "fli"},
	} {
		check := func(message map[string]any, keys string, read func([]byte) bool) {
			for _, key := range strings.Split(keys, "") {
				bad := maps.Clone(message)
				delete(bad, key)
				for _, v := range append(format.wrong, "missing") {
					if v != "missing" {
						bad[key] = v
					}
					if raw, err := format.encode(bad); err == nil && read(raw) {
						t.Errorf("%T: %s = %v was taken: %q", format.codec, key, v, raw)
					}
				}
			}
			if raw, err := format.encode(message); err != nil || !read(raw) {
				t.Errorf("%T: %v was not taken", format.codec, message)
			}
		}
		check(block, format.keys, func(p []byte) bool { _, ok := format.data(p); return ok })
		check(described, "sr", func(p []byte) bool { _, ok := format.description(p); return ok })
	}
	deep := append(bytes.Repeat([]byte{0x81}, 1<<16), 0)
	if _, ok := (cborCodec{}).data(deep); ok {
		t.Error("lists in lists were taken")
	}
}

// FuzzStreamMessages: whatever comes, there is no panic, and what is said to be a
// block is within the message.
func FuzzStreamMessages(f *testing.F) {
	f.Add(unhex(f, "a56163637264796166 00616c0461690061 7044deadbeef"))
	f.Add(unhex(f, "bf64636f64656b496e76616c696443626f72ff"))
	f.Add(unhex(f, "a3616363746f6b61730161728 1a26166006 17a05"))
	f.Add(unhex(f, "a1615f5f42010241ffff"))
	f.Add([]byte(`{"c":"tok","s":1,"d":"desc","r":[{"f":0,"z":131072}]}`))
	f.Add([]byte(`{"c":"tok","f":0,"l":4,"i":2,"p":"3q2+7w=="}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, c := range codecs {
			if d, ok := c.data(p); ok && len(d.payload) > len(p) {
				t.Errorf("a block of %d bytes in %d", len(d.payload), len(p))
			}
			c.description(p)
			c.rejection(p)
		}
	})
}

// FuzzStreamBlocks has two messages come before the right ones, with the right
// token in them: the file is read right all the same, or not at all.
func FuzzStreamBlocks(f *testing.F) {
	f.Add(int64(0), int64(0), int64(256), []byte("x"), false)
	f.Add(int64(0), int64(3), int64(1), []byte("x"), true)
	f.Add(int64(9), int64(-1), int64(0), []byte{}, true)
	f.Fuzz(func(t *testing.T, file, index, length int64, payload []byte, inJSON bool) {
		format := FormatCBOR
		if inJSON {
			format = FormatJSON
		}
		o := StreamOptions{Thing: testThing, Stream: testStream, Size: 1000, Format: format, BlockSize: 256, Network: Network{}.withDefaults()}
		fd := &feed{o: o, codec: codecs[format], block: o.Block()}
		tk := &talk{f: fd, token: "t", news: make(chan struct{}, 1), up: make(chan struct{}, 1)}
		b := newBlocks(t.Context(), tk, 1, 0, o.Size)
		b.more()
		var raw []byte
		m := map[string]any{"c": "t", "f": file, "i": index, "l": length, "p": payload}
		if inJSON {
			raw, _ = json.Marshal(m)
		} else {
			raw, _ = cbor.Marshal(m)
		}
		tk.brought(raw)
		tk.brought(raw)
		for i, block := range b.here {
			if want := min(256, 1000-i*256); file != 0 || i != index || int64(len(block)) != want || length != want && length != 256 {
				t.Errorf("block %d of file %d with %d bytes was taken", index, file, len(payload))
			}
		}
	})
}
