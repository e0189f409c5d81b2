package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Link is a connection to an MQTT broker that is kept by somebody else.
type Link interface {
	// Publish returns nil once the broker has the message, and fails while
	// there is no connection.
	Publish(ctx context.Context, topic string, payload []byte) error
	// Subscribe has messages delivered until stop, over every reconnection;
	// deliver does not block and may keep the payload.
	Subscribe(filter string, deliver func(topic string, payload []byte)) (stop func())
	// Watch has up called after every connection, once all subscriptions
	// stand, and at once where there is one. It does not block.
	Watch(up func()) (stop func())
}

// Formats of a stream's messages.
const (
	FormatCBOR = "cbor"
	FormatJSON = "json"
)

// StreamOptions say which file of which stream of AWS IoT is read. Link, Thing,
// Stream and Size are required.
type StreamOptions struct {
	Link          Link
	Thing, Stream string
	// FileID is which of the stream's files, 0 to 255.
	FileID int
	// Size is how many bytes the file has by the word of whoever named it. A
	// stream that says otherwise is refused with [ErrMismatch].
	Size int64
	// Format is FormatCBOR, the default, or FormatJSON.
	Format string
	// BlockSize is how many bytes one message brings: 256 to 131072, default
	// 32768. It is less in JSON, where a message would become too large, and
	// more where there would be more blocks than can be counted.
	BlockSize int64
	// Denied reports whether an error of Link says that this device may not
	// publish what it has tried to. Optional.
	Denied func(error) bool
	// Network's TLS, Proxy and Now are not used. A request is repeated when
	// nothing new has come for a third of Timeouts.Idle; a connection is waited
	// for, and a description, for Timeouts.Header.
	Network
}

const (
	minBlock, maxBlock, usualBlock = 256, 128 << 10, 32 << 10
	// maxJSONBlock becomes 120 KiB of base64, so that a message stays below
	// the 128 KiB that AWS IoT publishes (an inference from its limits).
	maxJSONBlock = 90 << 10
	// maxRequest is how many bytes AWS IoT sends for one request at most: its
	// 128 KB, by the smaller of the two readings, since what is asked for
	// beyond them is silently not sent, and then waited for.
	maxRequest = 128 * 1000
	// maxOffset is the highest block that can be asked for.
	maxOffset = 98304
	// maxStreamSize is the size of the largest file, 12 GiB: AWS IoT has
	// streams of 24 MB.
	maxStreamSize = maxBlock * (maxOffset + 1)
)

// What AWS IoT allows in names; a topic must not be made of anything else.
var (
	thingNames  = regexp.MustCompile(`^[a-zA-Z0-9:_-]{1,128}$`)
	streamNames = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)
)

// Stream is a file that AWS IoT delivers over MQTT. It is safe for concurrent
// use. Every name means the one file.
type Stream struct {
	remote
}

// NewStream checks the options and sends nothing.
func NewStream(o StreamOptions) (*Stream, error) {
	o.Network = o.Network.withDefaults()
	o.Format, o.BlockSize = cmp.Or(o.Format, FormatCBOR), cmp.Or(o.BlockSize, usualBlock)
	if o.Denied == nil {
		o.Denied = func(error) bool { return false }
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	f := &feed{o: o, codec: codecs[o.Format], block: o.Block()}
	return &Stream{newRemote(f, o.Network, true)}, nil
}

// Alone reports that there is no object beside the one, as [Web.Alone] does.
func (s *Stream) Alone() bool { return true }

func (o StreamOptions) check() error {
	switch {
	case o.Link == nil:
		return errors.New("cannot read a stream because there is no connection to a broker: give one")
	case !thingNames.MatchString(o.Thing):
		return fmt.Errorf("cannot read a stream because %q is no thing's name: it has 1 to 128 letters, digits, colons, hyphens and underscores", clip(o.Thing))
	case !streamNames.MatchString(o.Stream):
		return fmt.Errorf("cannot read stream %q because that is no stream's name: it has 1 to 128 letters, digits, hyphens and underscores", clip(o.Stream))
	case o.FileID < 0 || o.FileID > 255:
		return fmt.Errorf("cannot read file %d of stream %s because files are numbered from 0 to 255: correct the job", o.FileID, o.Stream)
	case o.Size < 1 || o.Size > maxStreamSize:
		return fmt.Errorf("cannot read a file of %d bytes from stream %s because a stream's file has 1 to %d bytes: correct the job", o.Size, o.Stream, int64(maxStreamSize))
	case codecs[o.Format] == nil:
		return fmt.Errorf("cannot read stream %s in format %q: use %s or %s", o.Stream, clip(o.Format), FormatCBOR, FormatJSON)
	case o.BlockSize < minBlock || o.BlockSize > maxBlock:
		return fmt.Errorf("cannot read stream %s in blocks of %d bytes: use %d to %d", o.Stream, o.BlockSize, minBlock, maxBlock)
	}
	return nil
}

// Block is the size of all blocks but the last, in bytes.
func (o StreamOptions) Block() int64 {
	size := cmp.Or(o.BlockSize, usualBlock)
	if o.Format == FormatJSON {
		size = min(size, maxJSONBlock)
	}
	return max(size, (o.Size+maxOffset)/(maxOffset+1))
}

// feed asks AWS IoT. It answers as a web server would, so that opening, resuming,
// reading pieces and looking are the same for both.
type feed struct {
	o     StreamOptions
	codec codec
	block int64
	// blind is set where nothing describes the stream.
	blind atomic.Bool
}

// String names the stream.
func (f *feed) String() string {
	return fmt.Sprintf("stream %s of thing %s, file %d", f.o.Stream, f.o.Thing, f.o.FileID)
}

// topic is one of the stream's for this format.
func (f *feed) topic(kind string) string {
	return fmt.Sprintf("$aws/things/%s/streams/%s/%s/%s", f.o.Thing, f.o.Stream, kind, f.o.Format)
}

// ask has the stream described, and prepares to read what is asked for of it.
func (f *feed) ask(ctx context.Context, _ string, q question) (*reply, error) {
	t := f.talk()
	context.AfterFunc(ctx, t.stop) // which ends with the request, as any does
	version, err := f.version(ctx, t, q)
	if err != nil {
		return nil, err
	}
	tag := strconv.FormatInt(version, 10)
	from, to, part := f.part(q.rng)
	switch {
	case q.match != "" && q.match != tag:
		return nil, changed("the stream is another version than when it was opened")
	case q.unless == tag:
		return nil, &answer{kind: ErrTransport, why: "it is unchanged", status: 304, final: true}
	}
	r := &reply{ReadCloser: newBlocks(ctx, t, version, from, to), length: to - from, tag: tag}
	if part {
		r.contentRange = fmt.Sprintf("bytes %d-%d/%d", from, to-1, f.o.Size)
	}
	return r, nil
}

// version is the stream's, 0 where nobody describes it. The clients of FreeRTOS
// never ask for a description, so a policy that was made for them may not allow
// it, and a broker of tests may not know it. The size that was promised and the
// signature over the file then have to do. What was described once is not read
// on without.
func (f *feed) version(ctx context.Context, t *talk, q question) (int64, error) {
	if f.blind.Load() {
		return 0, nil
	}
	version, err := t.describe(ctx)
	if t.mute && q.match == "" && q.unless == "" {
		f.blind.Store(true)
		f.o.Log.Warn("nothing describes the stream, so that it is read without: allow this device's policy to publish to and to receive from all topics of streams", "stream", f.o.Stream)
		return 0, nil
	}
	return version, err
}

// part is what a Range of this package's own asks for.
func (f *feed) part(rng string) (from, to int64, part bool) {
	first, last, found := strings.Cut(strings.TrimPrefix(rng, "bytes="), "-")
	if !found {
		return 0, f.o.Size, false
	}
	from, _ = strconv.ParseInt(first, 10, 64)
	to, err := strconv.ParseInt(last, 10, 64)
	if err != nil { // as far as there is anything
		return from, f.o.Size, true
	}
	return from, to + 1, true
}

// retryAfter is how long nothing new may come before it is asked for again.
func (f *feed) retryAfter() time.Duration { return f.o.Timeouts.Idle / 3 }
