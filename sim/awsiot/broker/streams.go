package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"abota/sim/awsiot/service"
	"abota/sim/store"
)

const (
	minBlock  = 256
	maxBlock  = 128 << 10
	maxReply  = 128 << 10 // bytes of data for one request
	maxBlocks = 98304     // 24 MB in blocks of 256 bytes: bound of offset and count
	maxBitmap = 12288     // bytes; a bitmap is shorter
	maxFile   = 24 << 20
	// The longest block, which is allowed, and the few bytes around it.
	maxResponse = maxBlock + 1024
	objectTime  = 30 * time.Second
	// So many requests for blocks are answered at a time; others wait. It
	// bounds the memory that a fleet takes.
	streamers = 8
)

// streamRequest is a describe or get in either format. What was not given is
// nil.
type streamRequest struct {
	token   *string
	version *int64
	file    *int64
	size    *int64 // of a block
	offset  *int64
	count   *int64
	bitmap  []byte // nil is none; an empty one selects nothing
}

// streamError is a refusal.
type streamError struct{ code, message string }

func (e *streamError) Error() string { return e.code + ": " + e.message }

// outOfRange has the text that was seen from the service.
var outOfRange = &streamError{"InvalidRequest", "The data requested is out of the range of data available."}

// description answers a describe.
type description struct {
	Token   *string    `json:"c,omitempty" cbor:"c,omitempty"`
	Version int64      `json:"s" cbor:"s"`
	Text    string     `json:"d,omitempty" cbor:"d,omitempty"`
	Files   []fileSize `json:"r" cbor:"r"`
}

type fileSize struct {
	File int64 `json:"f" cbor:"f"`
	Size int64 `json:"z" cbor:"z"`
}

// block answers a get, once for each block.
type block struct {
	Token *string `json:"c,omitempty" cbor:"c,omitempty"`
	File  int64   `json:"f" cbor:"f"`
	Size  int     `json:"l" cbor:"l"` // of this block
	Index int64   `json:"i" cbor:"i"`
	Data  []byte  `json:"p" cbor:"p"`
}

// codec is one of the two formats.
type codec interface {
	decode(payload []byte) (streamRequest, error)
	encode(value any) []byte
	reject(e *streamError, token *string) []byte
}

// streams answers requests for files in blocks.
type streams struct {
	model   Model
	objects Objects
	codecs  map[string]codec
	slots   chan struct{}

	mu    sync.Mutex
	known map[knownFile]Object // as they were at the first request
}

// knownFile is a file of one version of a stream.
type knownFile struct {
	stream  string
	created time.Time
	version int64
	file    int
}

func newStreams(opts Options) *streams {
	return &streams{
		model: opts.Model, objects: opts.Objects,
		codecs: map[string]codec{"json": jsonCodec{hex: opts.HexBitmaps}, "cbor": newCBOR()},
		slots:  make(chan struct{}, streamers),
		known:  map[knownFile]Object{},
	}
}

// answer answers one request; blocks may be many.
func (s *streams) answer(c *conn, r request, payload []byte) []Message {
	format := s.codecs[r.format]
	base := fmt.Sprintf("$aws/things/%s/streams/%s/", r.thing, r.id)
	var kind string
	var replies [][]byte
	in, err := readStream(format, r, payload)
	if err == nil {
		kind, replies, err = s.perform(c, format, r, in)
	}
	if err != nil {
		kind, replies = "rejected", [][]byte{format.reject(asStreamError(err), in.token)}
	}
	var out []Message
	for _, reply := range replies {
		out = append(out, Message{Topic: base + kind + "/" + r.format, Payload: reply})
	}
	return out
}

// readStream reads a request. One whose token is not echoed has none.
func readStream(format codec, r request, payload []byte) (streamRequest, error) {
	if r.op == "" {
		return streamRequest{}, &streamError{"InvalidTopic", "The MQTT topic of the stream message is invalid"}
	}
	in, err := format.decode(payload)
	if err == nil && in.token != nil && len(*in.token) > maxToken {
		return streamRequest{}, &streamError{"InvalidRequest", "The client token is longer than 64 bytes"}
	}
	return in, err
}

// perform does what a request asks for, in its turn. Nothing answers a client
// that has gone meanwhile.
func (s *streams) perform(c *conn, format codec, r request, in streamRequest) (kind string, replies [][]byte, err error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-c.done:
		return "", nil, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), objectTime)
	defer cancel()
	if r.op == "describe" {
		out, err := s.describe(ctx, r.id, in)
		return "description", [][]byte{format.encode(out)}, err
	}
	blocks, err := s.get(ctx, r.id, in)
	for _, b := range blocks {
		reply := format.encode(b)
		// Not established: what becomes of a block that Base64 makes longer
		// than a publish may be.
		if len(reply) > maxResponse {
			return "", nil, &streamError{"InternalError", "The response is longer than a message may be"}
		}
		replies = append(replies, reply)
	}
	return "data", replies, err
}

func asStreamError(err error) *streamError {
	var e *streamError
	if errors.As(err, &e) {
		return e
	}
	return &streamError{"InternalError", err.Error()}
}

func (s *streams) find(id string) (service.StreamInfo, error) {
	out, err := s.model.DescribeStream(id)
	if err == nil {
		return out.StreamInfo, nil
	}
	if e := service.AsError(err); e.Code == "ResourceNotFound" || e.Type == "ResourceNotFoundException" {
		return service.StreamInfo{}, &streamError{"ResourceNotFound", "The stream " + id + " does not exist"}
	}
	return service.StreamInfo{}, err
}

func (s *streams) describe(ctx context.Context, id string, in streamRequest) (description, error) {
	info, err := s.find(id)
	if err != nil {
		return description{}, err
	}
	out := description{Token: in.token, Version: info.StreamVersion, Text: info.Description, Files: []fileSize{}}
	for _, f := range info.Files {
		o, err := s.stat(ctx, info, f)
		if err != nil {
			return description{}, err
		}
		out.Files = append(out.Files, fileSize{int64(*f.FileID), o.Size})
	}
	return out, nil
}

// get reads the blocks of a request.
func (s *streams) get(ctx context.Context, id string, in streamRequest) ([]block, error) {
	info, err := s.find(id)
	if err != nil {
		return nil, err
	}
	if in.version != nil && *in.version != info.StreamVersion {
		return nil, &streamError{"VersionMismatch", fmt.Sprintf("The stream is at version %d, not %d", info.StreamVersion, *in.version)}
	}
	// Not established: what a request without file or block size gets.
	if in.file == nil || in.size == nil {
		return nil, &streamError{"InvalidRequest", "The request names no file (f) or no block size (l)"}
	}
	file, err := fileOf(info, *in.file)
	if err != nil {
		return nil, err
	}
	if err := in.bounds(); err != nil {
		return nil, err
	}
	o, err := s.stat(ctx, info, file)
	if err != nil {
		return nil, err
	}
	list, err := in.blocks(o.Size)
	if err != nil {
		return nil, err
	}
	return s.read(ctx, in, file, o, list)
}

func fileOf(info service.StreamInfo, id int64) (service.StreamFile, error) {
	for _, f := range info.Files {
		if int64(*f.FileID) == id {
			return f, nil
		}
	}
	return service.StreamFile{}, &streamError{"ResourceNotFound", fmt.Sprintf("The stream has no file %d", id)}
}

// stat describes a file, and holds it to what it was when it was first asked
// for: one without a pinned version may be replaced. Not established: from
// when on AWS holds it, and what becomes of a file over 24 MB.
func (s *streams) stat(ctx context.Context, info service.StreamInfo, f service.StreamFile) (Object, error) {
	key := knownFile{info.StreamID, info.CreatedAt.Time, info.StreamVersion, *f.FileID}
	s.mu.Lock()
	o, ok := s.known[key]
	s.mu.Unlock()
	if ok {
		return o, nil
	}
	o, err := s.objects.Stat(ctx, *f.S3Location)
	if errors.Is(err, store.ErrNotFound) {
		return Object{}, &streamError{"ResourceNotFound", err.Error()}
	}
	if err != nil {
		return Object{}, err
	}
	if o.Size > maxFile {
		return Object{}, &streamError{"InvalidRequest", fmt.Sprintf("The file has %d bytes, and a stream's at most %d", o.Size, maxFile)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[key] = o
	return o, nil
}

// read reads blocks, neighbours in one go.
func (s *streams) read(ctx context.Context, in streamRequest, f service.StreamFile, o Object, list []int64) (out []block, err error) {
	size := *in.size
	for len(list) > 0 {
		run := 1
		for run < len(list) && list[run] == list[0]+int64(run) {
			run++
		}
		start := list[0] * size
		end := min(start+int64(run)*size, o.Size)
		data, err := s.objects.Read(ctx, *f.S3Location, o.ETag, start, int(end-start))
		if errors.Is(err, ErrChanged) {
			return nil, &streamError{"ETagMismatch", "The file is not the one that the stream was made for"}
		}
		if err != nil {
			return nil, &streamError{"InternalError", err.Error()}
		}
		for _, i := range list[:run] {
			part := data[:min(int64(len(data)), size)]
			data = data[len(part):]
			out = append(out, block{in.token, *in.file, len(part), i, part})
		}
		list = list[run:]
	}
	return out, nil
}
