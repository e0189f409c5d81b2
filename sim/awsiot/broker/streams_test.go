package broker

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	mathbits "math/bits"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"abota/sim/awsiot/service"
	"abota/sim/store"
)

// memory is a store of one bucket, by key and version.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
	etag  string
	reads int
}

func (m *memory) Stat(_ context.Context, at service.S3Location) (Object, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.files[at.Key+"@"+at.Version]
	if !ok {
		return Object{}, fmt.Errorf("%w: %s@%s", store.ErrNotFound, at.Key, at.Version)
	}
	return Object{int64(len(data)), m.etag}, nil
}

func (m *memory) Read(_ context.Context, at service.S3Location, etag string, off int64, n int) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if etag != m.etag {
		return nil, ErrChanged
	}
	m.reads++
	return bytes.Clone(m.files[at.Key+"@"+at.Version][off : off+int64(n)]), nil
}

// image is bytes that are never the same twice.
func image(n int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

func stream(id string, files ...service.S3Location) service.StreamInfo {
	info := service.StreamInfo{StreamID: id, StreamVersion: 1, Description: "desc"}
	for i, at := range files {
		info.Files = append(info.Files, service.StreamFile{FileID: &i, S3Location: &at})
	}
	return info
}

// newStreamWorld has a stream S with one file of so many bytes.
func newStreamWorld(t *testing.T, size int) (*world, *memory) {
	t.Helper()
	m := &memory{files: map[string][]byte{"fw@v1": image(size)}, etag: "e1"}
	w := newWorld(t, func(o *Options) { o.Objects = m })
	w.model.streams["S"] = stream("S", service.S3Location{Bucket: "fleet", Key: "fw", Version: "v1"})
	return w, m
}

const streamBase = "$aws/things/dev-1/streams/S/"

func TestStreamsInJSON(t *testing.T) {
	w, m := newStreamWorld(t, 10000)
	c := connect(t, w.Addr(), nil, "dev-1")
	c.listen(t, streamBase+"description/json", streamBase+"data/json", streamBase+"rejected/json")
	b64 := func(from, to int) string { return base64.StdEncoding.EncodeToString(m.files["fw@v1"][from:to]) }
	outside := `"code":"InvalidRequest","o":"InvalidRequest","message":"The data requested is out of the range of data available.","m":"The data requested is out of the range of data available."}`
	for _, x := range []struct {
		name, topic, request string
		want                 []incoming
	}{
		{"describe", "describe/json", `{"c":"tok"}`, []incoming{{topic: "description/json", payload: `{"c":"tok","s":1,"d":"desc","r":[{"f":0,"z":10000}]}`}}},
		{"describe by nothing", "describe/json", ``, []incoming{{topic: "description/json", payload: `{"s":1,"d":"desc","r":[{"f":0,"z":10000}]}`}}},
		{"two blocks, the last one short", "get/json", `{"c":"tok","s":1,"f":0,"l":4096,"o":1,"n":2}`, []incoming{
			{topic: "data/json", payload: `{"c":"tok","f":0,"l":4096,"i":1,"p":"` + b64(4096, 8192) + `"}`},
			{topic: "data/json", payload: `{"c":"tok","f":0,"l":1808,"i":2,"p":"` + b64(8192, 10000) + `"}`},
		}},
		{"by a bitmap", "get/json", `{"f":0,"l":4096,"b":"BQ=="}`, []incoming{
			{topic: "data/json", payload: `{"f":0,"l":4096,"i":0,"p":"` + b64(0, 4096) + `"}`},
			{topic: "data/json", payload: `{"f":0,"l":1808,"i":2,"p":"` + b64(8192, 10000) + `"}`},
		}},
		{"past the end", "get/json", `{"c":"tok","f":0,"l":4096,"o":3,"n":1}`, []incoming{{topic: "rejected/json", payload: `{"clientToken":"tok","c":"tok",` + outside}}},
		{"another version", "get/json", `{"s":2,"f":0,"l":4096,"n":1}`, []incoming{{topic: "rejected/json", payload: rejectedJSON("VersionMismatch", "The stream is at version 1, not 2")}}},
		{"another file", "get/json", `{"f":7,"l":4096,"n":1}`, []incoming{{topic: "rejected/json", payload: rejectedJSON("ResourceNotFound", "The stream has no file 7")}}},
		{"no file", "get/json", `{"l":4096,"n":1}`, []incoming{{topic: "rejected/json", payload: rejectedJSON("InvalidRequest", "The request names no file (f) or no block size (l)")}}},
		{"a small block", "get/json", `{"f":0,"l":255,"n":1}`, []incoming{{topic: "rejected/json", payload: rejectedJSON("BlockSizeOutOfBounds", "The block size is out of bounds")}}},
		{"a long token", "get/json", `{"c":"` + repeat("x", 65) + `","f":0,"l":256,"n":1}`, []incoming{{topic: "rejected/json", payload: rejectedJSON("InvalidRequest", "The client token is longer than 64 bytes")}}},
		{"no JSON", "get/json", `{`, []incoming{{topic: "rejected/json", payload: rejectedJSON("InvalidJson", "The stream request is not a valid JSON document")}}},
		{"no topic", "got/json", `{}`, []incoming{{topic: "rejected/json", payload: rejectedJSON("InvalidTopic", "The MQTT topic of the stream message is invalid")}}},
	} {
		c.say(t, streamBase+x.topic, x.request)
		for i, want := range x.want {
			want.topic = streamBase + want.topic
			if got := next(t, c.got); got != want {
				t.Errorf("%s, message %d:\n got %+.300v\nwant %+.300v", x.name, i, got, want)
			}
		}
	}
	c.listen(t, "$aws/things/dev-1/streams/none/rejected/json")
	c.say(t, "$aws/things/dev-1/streams/none/describe/json", `{"c":"x"}`)
	if got := next(t, c.got); got.payload != `{"clientToken":"x","c":"x","code":"ResourceNotFound","o":"ResourceNotFound","message":"The stream none does not exist","m":"The stream none does not exist"}` {
		t.Errorf("a stream that is none: %+v", got)
	}
	w.nothing(t, c)
}

func rejectedJSON(code, message string) string {
	return fmt.Sprintf(`{"code":%q,"o":%q,"message":%q,"m":%q}`, code, code, message, message)
}

func TestBlocksAreForTheSubscribedRequester(t *testing.T) {
	w, _ := newStreamWorld(t, 1000)
	other := connect(t, w.Addr(), nil, "other")
	other.listen(t, streamBase+"#")
	c := connect(t, w.Addr(), nil, "dev-1")
	c.say(t, streamBase+"get/json", `{"f":0,"l":512,"n":1}`)
	c.say(t, jobsTopic("dev-1", "start-next"), "{}") // in its turn
	if got := next(t, c.got); got.topic != jobsTopic("dev-1", "start-next/accepted") {
		t.Errorf("a block came that was not subscribed to: %.100v", got)
	}
	c.listen(t, streamBase+"data/+")
	c.say(t, streamBase+"get/json", `{"f":0,"l":512,"n":2}`)
	for i := range 2 {
		if got := next(t, c.got); got.topic != streamBase+"data/json" || got.qos != 0 || got.retain {
			t.Errorf("block %d is %.100v", i, got)
		}
	}
	w.nothing(t, other)
}

// fetch reads a whole file in CBOR, k blocks for each request, by another
// decoder's eyes, asking again for what is missing.
func fetch(t *testing.T, c *client, size, block, k int) []byte {
	t.Helper()
	data, have := make([]byte, size), map[int]bool{}
	for blocks, rounds := (size+block-1)/block, 0; len(have) < blocks; rounds++ {
		if rounds > 100*blocks {
			t.Fatal("it does not end")
		}
		bits, first, n := make([]byte, (k+7)/8), -1, 0
		for i := range blocks {
			if have[i] || first >= 0 && i-first >= k {
				continue
			}
			if first < 0 {
				first = i
			}
			bits[(i-first)/8] |= 1 << ((i - first) % 8)
			n++
		}
		request, err := cbor.Marshal(map[string]any{"c": "t", "f": 0, "l": block, "o": first, "n": n, "b": bits})
		if err != nil {
			t.Fatal(err)
		}
		c.say(t, streamBase+"get/cbor", string(request))
		c.say(t, jobsTopic("dev-1", "start-next"), "{}") // its reply is behind the blocks
		for {
			m := next(t, c.got)
			if m.topic == jobsTopic("dev-1", "start-next/accepted") {
				break
			}
			var b struct {
				C       string
				F, L, I int
				P       []byte
			}
			if err := cbor.Unmarshal([]byte(m.payload), &b); err != nil || m.topic != streamBase+"data/cbor" {
				t.Fatalf("%v: %.100v", err, m)
			}
			copy(data[b.I*block:], b.P)
			have[b.I] = true
		}
	}
	return data
}

func TestFilesComeWholeInCBOR(t *testing.T) {
	const size = 300_001
	w, m := newStreamWorld(t, size)
	c := connect(t, w.Addr(), nil, "dev-1")
	c.listen(t, streamBase+"data/cbor")
	if got := fetch(t, c, size, 4096, 32); !bytes.Equal(got, m.files["fw@v1"]) {
		t.Error("the file is another")
	}
	if m.reads != 3 { // 32 blocks are 128 KiB
		t.Errorf("%d reads of the store for 3 requests", m.reads)
	}
	for name, fault := range map[string]Fault{
		"every third lost":    On("$aws/things/+/streams/#", Sometimes(3, 1, Lose)),
		"every third twice":   On("$aws/things/+/streams/#", Sometimes(3, 2, Twice)),
		"in any order":        On("$aws/things/+/streams/#", Shuffle(3)),
		"backwards and fewer": On("$aws/things/+/streams/#", All(Backwards, Sometimes(2, 4, Lose))),
	} {
		w.Set(fault)
		if got := fetch(t, c, size, 4096, 32); !bytes.Equal(got, m.files["fw@v1"]) {
			t.Errorf("%s: the file is another", name)
		}
	}
	w.Set(On("$aws/things/+/streams/#", First(1, Damage(5))))
	c.say(t, streamBase+"get/cbor", string(marshal(map[string]int{"f": 0, "l": 4096, "n": 1})))
	damaged := next(t, c.got)
	c.say(t, streamBase+"get/cbor", string(marshal(map[string]int{"f": 0, "l": 4096, "n": 1})))
	if good := next(t, c.got); damaged.payload == good.payload || len(damaged.payload) != len(good.payload) {
		t.Error("nothing was damaged, or more than one block")
	}
}

func TestCorruptBlocksCanBeRead(t *testing.T) {
	w, m := newStreamWorld(t, 1000)
	c := connect(t, w.Addr(), nil, "dev-1")
	c.listen(t, streamBase+"data/+")
	w.Set(Corrupt)
	for format, decode := range map[string]func([]byte, any) error{"json": json.Unmarshal, "cbor": cbor.Unmarshal} {
		request := []byte(`{"f":0,"l":1000,"n":1}`)
		if format == "cbor" {
			request = marshal(map[string]int{"f": 0, "l": 1000, "n": 1})
		}
		c.say(t, streamBase+"get/"+format, string(request))
		var b struct {
			L int    `json:"l" cbor:"l"`
			P []byte `json:"p" cbor:"p"`
		}
		if err := decode([]byte(next(t, c.got).payload), &b); err != nil || b.L != 1000 || len(b.P) != 1000 {
			t.Errorf("%s: %v, %d bytes", format, err, len(b.P))
		}
		if bits := differ(b.P, m.files["fw@v1"]); bits != 1 {
			t.Errorf("%s: %d bits differ, want 1", format, bits)
		}
	}
}

func differ(a, b []byte) (bits int) {
	for i := range a {
		bits += mathbits.OnesCount8(a[i] ^ b[i])
	}
	return bits
}

func TestFilesAreWhatTheyWere(t *testing.T) {
	w, m := newStreamWorld(t, 1000)
	c := connect(t, w.Addr(), nil, "dev-1")
	c.listen(t, streamBase+"data/json", streamBase+"rejected/json", streamBase+"description/json")
	c.say(t, streamBase+"get/json", `{"f":0,"l":512,"n":1}`)
	next(t, c.got)
	m.mu.Lock()
	m.etag = "e2"
	m.mu.Unlock()
	c.say(t, streamBase+"get/json", `{"f":0,"l":512,"n":1}`)
	var rejected struct{ Code string }
	if got := next(t, c.got); json.Unmarshal([]byte(got.payload), &rejected) != nil || rejected.Code != "ETagMismatch" {
		t.Errorf("of a changed file came %.200v", got)
	}
	// Another version of the stream is another file.
	w.model.mu.Lock()
	info := w.model.streams["S"]
	info.StreamVersion++
	w.model.streams["S"] = info
	w.model.mu.Unlock()
	c.say(t, streamBase+"get/json", `{"s":2,"f":0,"l":512,"n":1}`)
	if got := next(t, c.got); got.topic != streamBase+"data/json" {
		t.Errorf("of the updated stream came %.200v", got)
	}
}

func TestBlocksFitIntoAMessage(t *testing.T) {
	w, m := newStreamWorld(t, maxBlock)
	c := connect(t, w.Addr(), nil, "dev-1")
	c.listen(t, streamBase+"data/+", streamBase+"rejected/json")
	c.say(t, streamBase+"get/json", `{"f":0,"l":131072,"n":1}`)
	if got := next(t, c.got); got.payload != rejectedJSON("InternalError", "The response is longer than a message may be") {
		t.Errorf("128 KiB in JSON: %.200v", got)
	}
	c.say(t, streamBase+"get/cbor", string(marshal(map[string]int{"f": 0, "l": maxBlock, "n": 1})))
	if got := next(t, c.got); got.topic != streamBase+"data/cbor" {
		t.Errorf("128 KiB in CBOR: %.200v", got)
	}
	const most = 98000 // bytes whose Base64 fits
	m.mu.Lock()
	m.files["fw@v1"] = image(most)
	m.mu.Unlock()
	c.say(t, streamBase+"get/json", `{"f":0,"l":98000,"n":1}`)
	if got := next(t, c.got); got.topic != streamBase+"data/json" {
		t.Errorf("98,000 bytes in JSON: %.200v", got)
	}
}

func TestFilesOver24MBAreRefused(t *testing.T) {
	w, _ := newStreamWorld(t, maxFile+1)
	c := connect(t, w.Addr(), nil, "dev-1")
	c.listen(t, streamBase+"rejected/json")
	c.say(t, streamBase+"get/json", `{"f":0,"l":4096,"n":1}`)
	if got := next(t, c.got); got.payload != rejectedJSON("InvalidRequest", "The file has 25165825 bytes, and a stream's at most 25165824") {
		t.Errorf("got %+v", got)
	}
}

func TestBlocksComeFromAPinnedVersion(t *testing.T) {
	s, ctx := store.ForTest(t), t.Context()
	const bucket, key = "fleet", "SignedImage/abc"
	if err := s.MakeBucket(ctx, bucket); err != nil {
		t.Fatal(err)
	}
	if err := s.KeepVersions(ctx, bucket); err != nil {
		t.Fatal(err)
	}
	put := func(data []byte) string {
		if err := s.Put(ctx, bucket, key, bytes.NewReader(data), int64(len(data)), nil); err != nil {
			t.Fatal(err)
		}
		o, v, err := s.Open(ctx, bucket, key, "")
		if err != nil {
			t.Fatal(err)
		}
		o.Close()
		return v.ID
	}
	old, late := image(200_003), image(100_001)
	version := put(old)
	put(late)
	w := newWorld(t, func(o *Options) { o.Objects = Store{s} })
	w.model.streams["S"] = stream("S", service.S3Location{Bucket: bucket, Key: key, Version: version})
	c := connect(t, w.Addr(), nil, "dev-1")
	c.listen(t, streamBase+"data/cbor", streamBase+"rejected/json", streamBase+"data/json")
	if got := fetch(t, c, len(old), 2048, 64); !bytes.Equal(got, old) {
		t.Error("the file is not that of its version")
	}

	// Without a version it is the newest, as long as that stays.
	w.model.mu.Lock()
	info := stream("S", service.S3Location{Bucket: bucket, Key: key}, service.S3Location{Bucket: bucket, Key: "gone", Version: version})
	info.StreamVersion, info.CreatedAt = 2, service.Timestamp{Time: time.Unix(1, 0)}
	w.model.streams["S"] = info
	w.model.mu.Unlock()
	if got := fetch(t, c, len(late), 2048, 64); !bytes.Equal(got, late) {
		t.Error("the file is not the newest")
	}
	put(old)
	for request, code := range map[string]string{`{"f":0,"l":512,"n":1}`: "ETagMismatch", `{"f":1,"l":512,"n":1}`: "ResourceNotFound"} {
		c.say(t, streamBase+"get/json", request)
		var rejected struct{ Code string }
		if got := next(t, c.got); json.Unmarshal([]byte(got.payload), &rejected) != nil || rejected.Code != code {
			t.Errorf("%s: got %.300v, want %s", request, got, code)
		}
	}
}
