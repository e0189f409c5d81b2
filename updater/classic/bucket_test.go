package classic

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"abota/updater/fernet"
	"abota/updater/source"
)

// bucket is an S3 bucket in memory whose owner does things at bad moments.
// The client that reads it is the real one.
type bucket struct {
	mu      sync.Mutex
	objects map[string]object
	// before is called before the nth request, counted from 0, is answered.
	before   func(n int)
	requests []string
	// cutAt ends every answer for the token after so many bytes; -1 never.
	cutAt int
	down  bool
}

type object struct {
	data    []byte
	version string
}

func (b *bucket) put(objects map[string]object) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, o := range objects {
		b.objects[name] = o
	}
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/fleet/")
	b.mu.Lock()
	n := len(b.requests)
	b.requests = append(b.requests, r.Method+" "+name)
	b.mu.Unlock()
	if b.before != nil {
		b.before(n)
	}
	b.mu.Lock()
	o, found := b.objects[name]
	cutAt, down := b.cutAt, b.down
	b.mu.Unlock()
	switch {
	case down:
		panic(http.ErrAbortHandler)
	case !found:
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>`)
		return
	}
	w.Header().Set("ETag", `"`+md5Hex(o.data)+`"`)
	w.Header().Set("Content-Type", "application/octet-stream")
	if o.version != "" {
		w.Header().Set("x-amz-meta-version", o.version)
	}
	if name == "firmware.zip" && cutAt >= 0 {
		w = &cutWriter{w, cutAt}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(o.data))
}

// cutWriter drops the connection in the middle of the body.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p[:min(len(p), c.left)])
	c.left -= n
	if c.left == 0 {
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// serve starts the bucket and returns the release in it.
func serve(t *testing.T, objects map[string]object) (*bucket, *Release) {
	t.Helper()
	b := &bucket{objects: map[string]object{}, cutAt: -1}
	b.put(objects)
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	src, err := source.NewS3(source.S3Options{
		Bucket: "fleet", Endpoint: server.URL, AccessKey: "AK", SecretKey: "SK",
		Network: source.Network{Retry: source.Retry{Open: 1, Resume: 1, First: time.Millisecond, Longest: time.Millisecond}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b, releaseOf(src)
}

func releaseOf(src Source) *Release {
	return &Release{Source: src, Token: "firmware.zip", Checksum: "checksum.txt", KeyName: "key.key"}
}

// folder writes the objects as files.
func folder(t testing.TB, objects map[string]object) (string, *Release) {
	t.Helper()
	dir := t.TempDir()
	for name, o := range objects {
		if err := os.WriteFile(filepath.Join(dir, name), o.data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	src, err := source.NewDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, releaseOf(src)
}

func md5Hex(data []byte) string {
	sum := md5.Sum(data)
	return hex.EncodeToString(sum[:])
}

func keyOf(seed byte) *fernet.Key {
	key := new(fernet.Key)
	for i := range key {
		key[i] = seed + byte(i)
	}
	return key
}

func randomBytes(seed uint64, n int) []byte {
	var s [32]byte
	binary.LittleEndian.PutUint64(s[:], seed)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(s).Read(b)
	return b
}

// zipOf packs one image as a writer to a file does, which goes back to put
// the sizes into the local header.
func zipOf(t testing.TB, image []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	deflate, err := flate.NewWriter(&packed, flate.DefaultCompression)
	if err == nil {
		_, err = deflate.Write(image)
	}
	if err == nil {
		err = deflate.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return packZip(t, func(w *zip.Writer) (io.Writer, error) {
		return w.CreateRaw(&zip.FileHeader{
			Name: "image.ext4", Method: zip.Deflate, CRC32: crc32.ChecksumIEEE(image),
			CompressedSize64: uint64(packed.Len()), UncompressedSize64: uint64(len(image)),
		})
	}, packed.Bytes())
}

// pipedZip packs one image as a writer to a pipe does: the sizes follow.
func pipedZip(t testing.TB, image []byte) []byte {
	t.Helper()
	return packZip(t, func(w *zip.Writer) (io.Writer, error) { return w.Create("image.ext4") }, image)
}

func packZip(t testing.TB, create func(*zip.Writer) (io.Writer, error), content []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := create(w)
	if err == nil {
		_, err = f.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func encrypt(t testing.TB, key *fernet.Key, plain []byte) []byte {
	t.Helper()
	var token bytes.Buffer
	w := fernet.NewWriter(&token, key)
	_, err := w.Write(plain)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return token.Bytes()
}

// objectsOf are the three objects around a token.
func objectsOf(token []byte, key *fernet.Key, version string) map[string]object {
	return map[string]object{
		"firmware.zip": {data: token, version: version},
		"checksum.txt": {data: []byte(md5Hex(token))},
		"key.key":      {data: []byte(key.Encode())},
	}
}

// publication is a whole release of one image.
func publication(t testing.TB, image []byte, key *fernet.Key, version string) map[string]object {
	t.Helper()
	return objectsOf(encrypt(t, key, zipOf(t, image)), key, version)
}

// fetch reads a release to its end. Without an error all of it was proven.
func fetch(t *testing.T, r *Release) (image []byte, p *Payload, err error) {
	t.Helper()
	p, err = r.Open(t.Context())
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(func() { p.Close() })
	var content bytes.Buffer
	for {
		_, err := p.Next()
		if err == io.EOF {
			return content.Bytes(), p, nil
		}
		if err == nil {
			_, err = content.ReadFrom(p)
		}
		if err != nil {
			checkSticky(t, p, err)
			return nil, p, err
		}
	}
}

// checkSticky proves that a payload that failed goes on failing.
func checkSticky(t *testing.T, p *Payload, err error) {
	t.Helper()
	if _, again := p.Next(); again != err {
		t.Errorf("after %v, Next says %v", err, again)
	}
	if n, again := p.Read(make([]byte, 10)); n != 0 || again != err {
		t.Errorf("after %v, Read gives %d bytes and %v", err, n, again)
	}
	if p.ID().SHA256 != "" {
		t.Error("a release that was not proven has an identity")
	}
}
