package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"abota/sim/store"
	"abota/updater/fernet"
)

// The objects of a release.
const (
	tokenName    = "firmware.zip"
	checksumName = "checksum.txt"
	keyName      = "key.key"
)

// objects are what a bucket holds.
type objects map[string][]byte

// with is a copy in which one object is another.
func (o objects) with(name string, data []byte) objects {
	c := maps.Clone(o)
	c[name] = data
	return c
}

// withToken replaces the token and says so in the checksum.
func (o objects) withToken(token []byte) objects {
	return o.with(tokenName, token).with(checksumName, fmt.Appendf(nil, "%x", md5.Sum(token)))
}

// without is a copy in which an object is missing.
func (o objects) without(name string) objects {
	c := maps.Clone(o)
	delete(c, name)
	return c
}

// bucket is an S3 bucket in memory whose owner does things at bad moments.
type bucket struct {
	mu      sync.Mutex
	objects objects
	// before is called before the n-th request, counted from 1, is answered,
	// and during after so many bytes of its body, for the token only.
	before   func(n int)
	during   func(sent int)
	portal   http.HandlerFunc
	requests int
	// stored, when not nil, keeps the objects in the bucket's place.
	stored *stored
}

func (b *bucket) offer(o objects) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects = o
	for name, data := range o {
		b.stored.put(name, data)
	}
}

// replace puts one object in the place of another.
func (b *bucket) replace(name string, data []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !bytes.Equal(b.objects[name], data) {
		b.objects = b.objects.with(name, data)
		b.stored.put(name, data)
	}
}

// stored is a real MinIO behind the bucket.
type stored struct {
	t     *testing.T
	store *store.Store
	proxy *httputil.ReverseProxy
}

// onMinIO puts a real MinIO behind a bucket.
func onMinIO(t *testing.T) *stored {
	t.Helper()
	s := store.ForTest(t)
	must(t, s.MakeBucket(t.Context(), "fleet"))
	target, err := url.Parse(s.Endpoint())
	must(t, err)
	return &stored{t, s, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // which was signed
	}}}
}

func (s *stored) put(name string, data []byte) {
	if s == nil {
		return
	}
	must(s.t, s.store.Put(context.Background(), "fleet", name, bytes.NewReader(data), int64(len(data)), nil))
}

// calm ends all that the owner does.
func (b *bucket) calm() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.before, b.during, b.portal, b.requests = nil, nil, nil, 0
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.requests++
	before, during, portal, n := b.before, b.during, b.portal, b.requests
	b.mu.Unlock()
	if before != nil {
		before(n)
	}
	if portal != nil {
		portal(w, r)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/fleet/")
	if b.stored != nil {
		if name == tokenName && during != nil {
			w = &watchedBody{ResponseWriter: w, during: during}
		}
		b.stored.proxy.ServeHTTP(w, r)
		return
	}
	b.mu.Lock()
	data, found := b.objects[name]
	b.mu.Unlock()
	sum := fmt.Sprintf("\"%x\"", md5.Sum(data))
	switch match := r.Header.Get("If-Match"); {
	case !found:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "<Error><Code>NoSuchKey</Code></Error>")
		return
	case match != "" && match != sum:
		w.WriteHeader(http.StatusPreconditionFailed)
		fmt.Fprint(w, "<Error><Code>PreconditionFailed</Code></Error>")
		return
	}
	w.Header().Set("ETag", sum)
	if name == tokenName && during != nil {
		w = &watchedBody{ResponseWriter: w, during: during}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// watchedBody tells how much of a body was sent.
type watchedBody struct {
	http.ResponseWriter
	sent   int
	during func(int)
}

func (w *watchedBody) Write(p []byte) (n int, err error) {
	const piece = 4 << 10
	for n < len(p) && err == nil {
		var m int
		m, err = w.ResponseWriter.Write(p[n:min(n+piece, len(p))])
		n += m
		w.sent += m
		w.during(w.sent)
	}
	return n, err
}

// damagedDevice is a device with two good slots that are plain files, of which
// A runs, and the bucket that it reads.
type damagedDevice struct {
	t      *testing.T
	dir    string
	bucket *bucket
	url    string
	// running is the release that runs in A.
	running objects
}

const damagedSlot = 64 << 10 // of a slot, in bytes

// newDamagedDevice installs and confirms a release in either slot.
func newDamagedDevice(t *testing.T) *damagedDevice {
	t.Helper()
	return newDamagedDeviceOn(t, nil)
}

// newDamagedDeviceOn is one whose bucket is a real MinIO's, where there is one.
func newDamagedDeviceOn(t *testing.T, minIO *stored) *damagedDevice {
	t.Helper()
	d := &damagedDevice{t: t, dir: t.TempDir(), bucket: &bucket{stored: minIO}}
	keys, region := store.Keys{AccessKey: "AK", SecretKey: "SK"}, "xx-west-1"
	if minIO != nil {
		keys, region = minIO.store.Keys(), minIO.store.Region()
	}
	server := httptest.NewServer(d.bucket)
	t.Cleanup(server.Close)
	d.url = server.URL
	for _, name := range []string{"a.img", "b.img"} {
		must(t, os.WriteFile(filepath.Join(d.dir, name), make([]byte, damagedSlot), 0o600))
	}
	config := fmt.Sprintf(`accesskey: %[3]s
secretkey: %[4]s
region: %[5]s
bucket: fleet
endpoint: %[1]s
slots: {a: %[2]s/a.img, b: %[2]s/b.img}
state_dir: %[2]s/state
retry: {open: 2, resume: 2, first: 1ms, longest: 2ms}
health: {deadline: 1s, stable_for: 1ms, update_path: false, checks: [{exec: ["true"]}]}
`, server.URL, d.dir, keys.AccessKey, keys.SecretKey, region)
	must(t, os.WriteFile(filepath.Join(d.dir, "config.yaml"), []byte(config), 0o600))
	for i, booted := range []string{"A", "B"} {
		d.running = madeRelease(t, fmt.Sprintf("factory %d", i))
		d.bucket.offer(d.running)
		for _, step := range [][]string{{"--booted", booted, "install"}, {"--booted", string("BA"[i]), "boot"}} {
			if code, _, stderr := d.abota(step...); code != 0 {
				t.Fatalf("abota %v: exit %d: %s", step, code, stderr)
			}
		}
	}
	return d
}

func (d *damagedDevice) abota(args ...string) (code int, stdout, stderr string) {
	d.t.Helper()
	var out, errs bytes.Buffer
	code = run(context.Background(), append([]string{"--config", filepath.Join(d.dir, "config.yaml")}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// install is an install in slot A, and its complaint.
func (d *damagedDevice) install() (code int, complaint string) {
	d.t.Helper()
	code, _, stderr := d.abota("--booted", "A", "install")
	for _, line := range strings.Split(stderr, "\n") {
		if text, found := strings.CutPrefix(line, "abota install: "); found {
			if complaint != "" {
				d.t.Errorf("two complaints: %q and %q", complaint, text)
			}
			complaint = text
		}
	}
	return code, complaint
}

// slot is a slot's content.
func (d *damagedDevice) slot(name string) string {
	d.t.Helper()
	content, err := os.ReadFile(filepath.Join(d.dir, name+".img"))
	must(d.t, err)
	return string(content)
}

// seen is what `abota status` says of the slots.
type seen struct {
	Primary string `json:"primary"`
	Slots   [2]struct {
		BootStatus string `json:"boot_status"`
	} `json:"slots"`
	LastError *struct {
		Code int `json:"code"`
	} `json:"last_error"`
}

func (d *damagedDevice) status() (s seen) {
	d.t.Helper()
	code, stdout, stderr := d.abota("--json", "--booted", "A", "status")
	if code != 0 {
		d.t.Fatalf("status: exit %d: %s", code, stderr)
	}
	must(d.t, json.Unmarshal([]byte(stdout), &s))
	return s
}

// keep takes the device's files, and the function puts them back, holes and all.
func (d *damagedDevice) keep() (restore func()) {
	d.t.Helper()
	kept := filepath.Join(d.t.TempDir(), "kept")
	must(d.t, copyTree(kept, d.dir))
	return func() {
		d.t.Helper()
		must(d.t, copyTree(d.dir, kept))
	}
}

// copyTree copies files over those of another folder, in place.
func copyTree(to, from string) error {
	return filepath.Walk(from, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if info.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		return copySparse(target, path, info.Size())
	})
}

func copySparse(to, from string, size int64) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := out.Truncate(size); err != nil {
		return err
	}
	piece, zeroes, there := make([]byte, 64<<10), make([]byte, 64<<10), make([]byte, 64<<10)
	for off := int64(0); off < size; off += int64(len(piece)) {
		n, err := in.ReadAt(piece, off)
		if err != nil && err != io.EOF {
			return err
		}
		m, _ := out.ReadAt(there, off)
		if bytes.Equal(piece[:n], there[:m]) || m == 0 && bytes.Equal(piece[:n], zeroes[:n]) {
			continue
		}
		if _, err := out.WriteAt(piece[:n], off); err != nil {
			return err
		}
	}
	return nil
}

// sorted ranges over a map in the order of its keys.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}

// What publishers make.

// imageOf is an image that starts with a text, of a size in bytes.
func imageOf(text string, size int) []byte {
	image := make([]byte, size)
	for i := range image {
		image[i] = byte(i*7 ^ i>>8 ^ len(text))
	}
	copy(image, text+"\x00")
	return image
}

// madeRelease is a whole release with a key of its own, whose image holds a text.
func madeRelease(t *testing.T, text string) objects {
	t.Helper()
	return releaseOf(t, zipped(t, imageOf(text, 40_000)), newKey(t))
}

func newKey(t *testing.T) *fernet.Key {
	t.Helper()
	key := &fernet.Key{}
	must(t, key.Generate())
	return key
}

func releaseOf(t *testing.T, archive []byte, key *fernet.Key) objects {
	t.Helper()
	o := objects{keyName: []byte(key.Encode())}
	return o.withToken(tokenOf(t, archive, key))
}

func tokenOf(t *testing.T, plain []byte, key *fernet.Key) []byte {
	t.Helper()
	var token bytes.Buffer
	w := fernet.NewWriter(&token, key)
	_, err := w.Write(plain)
	must(t, err)
	must(t, w.Close())
	return token.Bytes()
}

// zipped packs an image, with its size in front of it.
func zipped(t *testing.T, image []byte) []byte {
	t.Helper()
	return zippedAs(t, image, int64(len(image)))
}

// zippedAs packs an image and says that it has another size.
func zippedAs(t *testing.T, image []byte, size int64) []byte {
	t.Helper()
	var packed, archive bytes.Buffer
	deflate, err := flate.NewWriter(&packed, flate.BestSpeed)
	must(t, err)
	_, err = deflate.Write(image)
	must(t, err)
	must(t, deflate.Close())
	w := zip.NewWriter(&archive)
	entry, err := w.CreateRaw(&zip.FileHeader{
		Name: "rootfs.img", Method: zip.Deflate, CRC32: crc32.ChecksumIEEE(image),
		CompressedSize64: uint64(packed.Len()), UncompressedSize64: uint64(size),
	})
	must(t, err)
	_, err = packed.WriteTo(entry)
	must(t, err)
	must(t, w.Close())
	return archive.Bytes()
}

// piped packs an image as a writer to a pipe does: its size follows it.
func piped(t *testing.T, image []byte) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	entry, err := w.Create("rootfs.img")
	must(t, err)
	_, err = entry.Write(image)
	must(t, err)
	must(t, w.Close())
	return archive.Bytes()
}
