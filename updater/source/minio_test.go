package source

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"abota/sim/store"
)

// minioSource is a real store with one bucket, and what reads it.
func minioSource(t testing.TB, change func(*S3Options)) (*store.Store, *S3) {
	t.Helper()
	st := store.ForTest(t)
	if err := st.MakeBucket(t.Context(), "fleet"); err != nil {
		t.Fatal(err)
	}
	o := S3Options{
		Bucket: "fleet", Endpoint: st.Endpoint(),
		AccessKey: st.Keys().AccessKey, SecretKey: st.Keys().SecretKey,
		Network: Network{Retry: Retry{First: time.Millisecond, Longest: 10 * time.Millisecond}, Getenv: noEnv},
	}
	if change != nil {
		change(&o)
	}
	return st, newTestS3(t, o)
}

func put(t testing.TB, st *store.Store, name string, data []byte, metadata map[string]string) {
	t.Helper()
	if err := st.Put(t.Context(), "fleet", name, bytes.NewReader(data), int64(len(data)), metadata); err != nil {
		t.Fatal(err)
	}
}

func TestMinIO(t *testing.T) {
	st, s := minioSource(t, nil)
	ctx := t.Context()
	put(t, st, "checksum.txt", []byte("abc"), map[string]string{"version": "1.4.0"})
	put(t, st, "empty", nil, nil)

	data, was, err := s.Get(ctx, "checksum.txt", 3)
	if err != nil || string(data) != "abc" || was.Version != "1.4.0" || was.ETag == "" || was.Modified.IsZero() {
		t.Fatalf("Get = %q, %+v, %v", data, was, err)
	}
	if got, err := s.Changed(ctx, "checksum.txt", was); got || err != nil {
		t.Errorf("untouched: Changed = %v, %v", got, err)
	}
	put(t, st, "checksum.txt", []byte("def"), nil)
	if got, err := s.Changed(ctx, "checksum.txt", was); !got || err != nil {
		t.Errorf("replaced: Changed = %v, %v", got, err)
	}
	put(t, st, "checksum.txt", nil, nil)
	if got, err := s.Changed(ctx, "checksum.txt", was); !got || err != nil {
		t.Errorf("emptied: Changed = %v, %v", got, err)
	}

	data, was, err = s.Get(ctx, "empty", 0)
	if err != nil || len(data) != 0 {
		t.Fatalf("Get empty = %q, %v", data, err)
	}
	if got, err := s.Changed(ctx, "empty", was); got || err != nil {
		t.Errorf("empty as before: Changed = %v, %v", got, err)
	}

	_, err = s.Open(ctx, "firmware.zip")
	wantError(t, err, ErrNotFound, "no such object")
	_, err = s.Changed(ctx, "firmware.zip", Info{Size: 1, ETag: `"v1"`})
	wantError(t, err, ErrNotFound)
}

// What is signed is what arrives, whatever a name looks like.
func TestMinIONamesWithEveryCharacter(t *testing.T) {
	st, s := minioSource(t, nil)
	for _, name := range []string{"a b/c+d.zip", "ü/日本.zip", "%41%2F.zip", "$&,;=@!*'()[]~.zip", "release/1.4.0/firmware.zip", "a?b#c.zip", "\"quoted\".zip"} {
		put(t, st, name, []byte(name), nil)
		if data, _, err := s.Get(t.Context(), name, 100); err != nil || string(data) != name {
			t.Errorf("%q: %q, %v", name, data, err)
		}
		o, err := s.Open(t.Context(), name)
		if err != nil {
			t.Error(err)
			continue
		}
		if n, err := o.ReadAt(make([]byte, 3), 1); n != 3 || err != nil {
			t.Errorf("%q: a piece: %d, %v", name, n, err)
		}
		o.Close()
	}
}

func TestMinIORefusals(t *testing.T) {
	st, _ := minioSource(t, nil)
	put(t, st, "firmware.zip", []byte("x"), nil)
	reader, err := st.ReaderKeys("fleet")
	if err != nil {
		t.Fatal(err)
	}
	base := S3Options{Bucket: "fleet", Endpoint: st.Endpoint(), Network: Network{Getenv: noEnv}}
	with := func(bucket, access, secret, token string) *S3 {
		o := base
		o.Bucket, o.AccessKey, o.SecretKey, o.SessionToken = bucket, access, secret, token
		return newTestS3(t, o)
	}
	root := st.Keys()
	tests := []struct {
		name   string
		s      *S3
		object string
		kind   error
		says   string
	}{
		{"missing bucket", with("fleet-absent", root.AccessKey, root.SecretKey, ""), "firmware.zip", ErrNotFound, "bucket does not exist"},
		{"unknown key", with("fleet", "NOBODY", root.SecretKey, ""), "firmware.zip", ErrDenied, "accesskey"},
		{"wrong secret", with("fleet", root.AccessKey, testSecret, ""), "firmware.zip", ErrDenied, "secretkey"},
		{"other bucket", with("fleet-other", reader.AccessKey, reader.SecretKey, reader.SessionToken), "firmware.zip", ErrDenied, "s3:GetObject"},
		{"missing, may not list", with("fleet", reader.AccessKey, reader.SecretKey, reader.SessionToken), "absent-firmware.zip", ErrNotFound, "no such object"},
		{"wrong token", with("fleet", reader.AccessKey, reader.SecretKey, testToken), "firmware.zip", ErrDenied, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.s.Open(t.Context(), tt.object)
			wantError(t, err, tt.kind, tt.says)
			if errors.Is(err, ErrTransport) || strings.Contains(err.Error(), root.SecretKey) {
				t.Errorf("error %v", err)
			}
		})
	}
	s := with("fleet", reader.AccessKey, reader.SecretKey, reader.SessionToken)
	if got, err := fetch(t.Context(), s, "firmware.zip"); err != io.EOF || string(got) != "x" {
		t.Errorf("with reader's keys: %q, %v", got, err)
	}
}

// cutter forwards connections to a real server and cuts each of them after
// some bytes of answer.
func cutter(t *testing.T, to string, after int64) (address string, connections *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	connections = &atomic.Int64{}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go func() {
				defer client.Close()
				server, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer server.Close()
				go io.Copy(server, client)
				io.CopyN(client, server, after)
			}()
		}
	}()
	return l.Addr().String(), connections
}

func TestMinIOThroughANetworkThatKeepsBreaking(t *testing.T) {
	data := sequence(10 << 20)
	st, _ := minioSource(t, nil)
	put(t, st, "firmware.zip", data, nil)
	address, connections := cutter(t, strings.TrimPrefix(st.Endpoint(), "http://"), 700_000)
	s := newTestS3(t, S3Options{
		Bucket: "fleet", Endpoint: "http://" + address, AccessKey: st.Keys().AccessKey, SecretKey: st.Keys().SecretKey,
		Network: Network{Retry: Retry{First: time.Millisecond}, Getenv: noEnv},
	})
	got, err := fetch(t.Context(), s, "firmware.zip")
	if err != io.EOF || sha256.Sum256(got) != sha256.Sum256(data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if n := connections.Load(); n < 15 {
		t.Errorf("%d connections: the network did not break", n)
	}

	o, err := s.Open(t.Context(), "firmware.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := o.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	put(t, st, "firmware.zip", data[1:], nil)
	_, err = io.Copy(io.Discard, o)
	wantError(t, err, ErrChanged)
}

func TestMinIOThatGoesAway(t *testing.T) {
	st, s := minioSource(t, func(o *S3Options) { o.Retry.Resume = 3 })
	put(t, st, "firmware.zip", sequence(32<<20), nil)
	o, err := s.Open(t.Context(), "firmware.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := o.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := st.Stop(); err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, o)
	wantError(t, err, ErrTransport, "3 failures in a row")
}

func TestMemoryDoesNotGrowWithTheObject(t *testing.T) {
	const size = 64 << 20
	st, s := minioSource(t, nil)
	put(t, st, "firmware.zip", make([]byte, size), nil)
	read := func() {
		o, err := s.Open(t.Context(), "firmware.zip")
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, o, make([]byte, 64<<10)); err != nil || n != size {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	read() // what is set up once does not count
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	read()
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("reading %d MiB allocated %d KiB altogether", size>>20, got>>10)
	} else {
		t.Logf("reading %d MiB allocated %d KiB altogether", size>>20, got>>10)
	}
}

// BenchmarkRead reads the same object from the same server by a stream and by
// a bare http.Get, in turns, so that both meet the same machine: the metric
// of-bare is the stream's throughput as a share of the bare one's.
func BenchmarkRead(b *testing.B) {
	const size = 256 << 20
	st, s := minioSource(b, nil)
	if err := st.Put(b.Context(), "fleet", "firmware.zip", bytes.NewReader(make([]byte, size)), size, nil); err != nil {
		b.Fatal(err)
	}
	link, err := st.Link(b.Context(), "fleet", "firmware.zip")
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 256<<10)
	timed := func(open func() (io.ReadCloser, error)) time.Duration {
		start := time.Now()
		body, err := open()
		if err != nil {
			b.Fatal(err)
		}
		defer body.Close()
		if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, body, buf); err != nil || n != size {
			b.Fatal(n, err)
		}
		return time.Since(start)
	}
	var ours, bare time.Duration
	for b.Loop() {
		ours += timed(func() (io.ReadCloser, error) { return s.Open(b.Context(), "firmware.zip") })
		bare += timed(func() (io.ReadCloser, error) {
			resp, err := http.Get(link)
			if err != nil {
				return nil, err
			}
			return resp.Body, nil
		})
	}
	b.ReportMetric(float64(b.N)*size/1e6/ours.Seconds(), "MB/s")
	b.ReportMetric(bare.Seconds()/ours.Seconds(), "of-bare")
	b.ReportMetric(0, "ns/op")
}
