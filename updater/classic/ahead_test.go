package classic

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"abota/sim/store"
	"abota/updater/fernet"
	"abota/updater/source"
)

// firstPart opens a release and goes to its first part.
func firstPart(t *testing.T, r *Release) (*Payload, int64, error) {
	t.Helper()
	p, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	part, err := p.Next()
	return p, part.Size, err
}

// mustTell wants the size before the first Read, and then the whole image.
func mustTell(t *testing.T, r *Release, image []byte) {
	t.Helper()
	p, size, err := firstPart(t, r)
	if err != nil || size != int64(len(image)) {
		t.Fatalf("size %d, want %d: %v", size, len(image), err)
	}
	got, err := io.ReadAll(p)
	if err != nil || !bytes.Equal(got, image) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if _, err := p.Next(); err != io.EOF || p.ID().SHA256 == "" {
		t.Fatalf("not proven: %v", err)
	}
}

func TestPipedImageTellsItsSizeBeforeItIsRead(t *testing.T) {
	for _, size := range []int{0, 1, 5000, 3 << 20} { // the last is more than is ever read ahead
		image := randomBytes(1, size)
		objects := objectsOf(encrypt(t, keyOf(1), pipedZip(t, image)), keyOf(1), "")
		b, inBucket := serve(t, objects)
		_, inFolder := folder(t, objects)
		mustTell(t, inBucket, image)
		mustTell(t, inFolder, image)
		want := []string{"GET checksum.txt", "GET key.key", "GET firmware.zip", "GET firmware.zip"}
		if !slices.Equal(b.requests, want) {
			t.Errorf("%d bytes: asked for %q, want one piece more than without", size, b.requests)
		}
	}
}

func TestSizeInTheHeaderCostsNoRequest(t *testing.T) {
	image := randomBytes(1, 5000)
	b, r := serve(t, publication(t, image, keyOf(1), ""))
	mustTell(t, r, image)
	if len(b.requests) != 3 {
		t.Errorf("asked for %q", b.requests)
	}
}

// pythonPipe is what the seed's zipfile does when its output cannot seek.
const pythonPipe = `
import sys, zipfile
with zipfile.ZipFile(sys.stdout.buffer, "w", zipfile.ZIP_DEFLATED) as z:
    with z.open("rootfs.img", "w", force_zip64=sys.argv[1] == "zip64") as e:
        e.write(sys.stdin.buffer.read())
    z.comment = sys.argv[2].encode()
`

func pythonZip(t *testing.T, image []byte, args ...string) []byte {
	t.Helper()
	const python = "/usr/bin/python3"
	if _, err := os.Stat(python); err != nil {
		t.Skipf("skipped: needs Python: %v", err)
	}
	cmd := exec.Command(python, append([]string{"-c", pythonPipe}, args...)...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(image), os.Stderr
	out, err := cmd.Output() // a pipe
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatPythonPipesTellsItsSize(t *testing.T) {
	image := randomBytes(1, 300_000)
	for _, args := range [][]string{{"", ""}, {"zip64", ""}, {"", "made by Python"}, {"zip64", strings.Repeat("long comment ", 5000)}} {
		objects := objectsOf(encrypt(t, keyOf(1), pythonZip(t, image, args...)), keyOf(1), "")
		_, inBucket := serve(t, objects)
		_, inFolder := folder(t, objects)
		mustTell(t, inBucket, image)
		mustTell(t, inFolder, image)
	}
}

func TestMinIOTellsThePipedImagesSize(t *testing.T) {
	st := store.ForTest(t)
	if err := st.MakeBucket(t.Context(), "fleet"); err != nil {
		t.Fatal(err)
	}
	src, err := source.NewS3(source.S3Options{
		Bucket: "fleet", Endpoint: st.Endpoint(), AccessKey: st.Keys().AccessKey, SecretKey: st.Keys().SecretKey,
	})
	if err != nil {
		t.Fatal(err)
	}
	put := func(objects map[string]object) {
		for name, o := range objects {
			if err := st.Put(t.Context(), "fleet", name, bytes.NewReader(o.data), int64(len(o.data)), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := releaseOf(src)
	image := randomBytes(1, 20<<20)
	put(objectsOf(encrypt(t, keyOf(1), pipedZip(t, image)), keyOf(1), ""))
	mustTell(t, r, image)
	put(objectsOf(encrypt(t, keyOf(1), pythonZip(t, image, "", "")), keyOf(1), ""))
	mustTell(t, r, image)

	// A small one, since MinIO replaces none that it is still sending.
	small := randomBytes(1, 50_000)
	put(objectsOf(encrypt(t, keyOf(1), pipedZip(t, small)), keyOf(1), ""))
	p, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	put(objectsOf(encrypt(t, keyOf(2), pipedZip(t, small)), keyOf(2), ""))
	if _, err := p.Next(); !errors.Is(err, source.ErrChanged) || errors.Is(err, ErrCorrupt) {
		t.Errorf("replaced after it was opened: %v", err)
	}
	mustTell(t, r, small)
}

func TestLineEndsBehindTheTokenDoNotHideTheSize(t *testing.T) {
	image := randomBytes(1, 5000)
	for _, ends := range []string{"\n", "\r\n", strings.Repeat("\r\n", 30_000)} {
		token := append(encrypt(t, keyOf(1), pipedZip(t, image)), ends...)
		_, r := folder(t, objectsOf(token, keyOf(1), ""))
		mustTell(t, r, image)
	}
	// What would have to be fetched whole is left to the stream.
	token := append(encrypt(t, keyOf(1), pipedZip(t, image)), strings.Repeat("\n", 2*fetchLimit)...)
	b, r := serve(t, objectsOf(token, keyOf(1), ""))
	if _, size, err := firstPart(t, r); size != -1 || err != nil {
		t.Errorf("size %d, %v", size, err)
	}
	if pieces := len(b.requests) - 3; pieces > fetchLimit/margin {
		t.Errorf("%d pieces were fetched", pieces)
	}
	if got, _, err := fetch(t, r); err != nil || !bytes.Equal(got, image) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestBreakingNetworkDoesNotHideTheSize(t *testing.T) {
	image := randomBytes(1, 100_000)
	b, r := serve(t, objectsOf(encrypt(t, keyOf(1), pipedZip(t, image)), keyOf(1), ""))
	b.cutAt = 5000 // less than the piece that is fetched
	src, err := source.NewS3(source.S3Options{
		Bucket: "fleet", Endpoint: endpointOf(r), AccessKey: "AK", SecretKey: "SK",
		Network: source.Network{Retry: source.Retry{First: time.Millisecond, Longest: time.Millisecond}},
	})
	if err != nil {
		t.Fatal(err)
	}
	mustTell(t, releaseOf(src), image)
}

// endpointOf is where serve's bucket listens.
func endpointOf(r *Release) string {
	_, rest, _ := strings.Cut(r.Source.String(), "(")
	return strings.TrimSuffix(rest, ")")
}

func TestSourceThatFailsUnderTheSizeIsNoVerdict(t *testing.T) {
	objects := objectsOf(encrypt(t, keyOf(1), pipedZip(t, []byte("image"))), keyOf(1), "")
	other := objectsOf(encrypt(t, keyOf(2), pipedZip(t, []byte("other"))), keyOf(2), "")
	for what, row := range map[string]struct {
		then func(*bucket)
		want error
	}{
		"down":     {func(b *bucket) { b.down = true }, source.ErrTransport},
		"replaced": {func(b *bucket) { b.objects = other }, source.ErrChanged},
		"removed":  {func(b *bucket) { b.objects = nil }, source.ErrChanged},
	} {
		b, r := serve(t, objects)
		b.before = func(n int) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if n == 3 {
				row.then(b)
			}
		}
		p, size, err := firstPart(t, r)
		if size > 0 || !errors.Is(err, row.want) || errors.Is(err, ErrCorrupt) {
			t.Fatalf("%s: size %d, %v", what, size, err)
		}
		mustSay(t, err, "firmware.zip", "s3://fleet")
		if row.want == source.ErrChanged {
			mustSay(t, err, "start over")
		}
		checkSticky(t, p, err)
	}
}

func TestFileWrittenToUnderTheSizeStartsOver(t *testing.T) {
	dir, r := folder(t, objectsOf(encrypt(t, keyOf(1), pipedZip(t, randomBytes(1, 3<<20))), keyOf(1), ""))
	p, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f, err := os.OpenFile(filepath.Join(dir, "firmware.zip"), os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.WriteString("more")
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Next(); !errors.Is(err, source.ErrChanged) || errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

// A key is two halves: with the one that only signs wrong, the size is read.
func TestWrongKeyTellsNoSizeAndItsVerdictStays(t *testing.T) {
	objects := objectsOf(encrypt(t, keyOf(1), pipedZip(t, randomBytes(1, 300_000))), keyOf(1), "")
	signing, decrypting, both := *keyOf(1), *keyOf(1), keyOf(2)
	copy(signing[:16], both[:16])
	copy(decrypting[16:], both[16:])
	for what, row := range map[string]struct {
		key  *fernet.Key
		size int64
	}{
		"both halves": {both, -1}, "the half that decrypts": {&decrypting, -1}, "the half that signs": {&signing, 300_000},
	} {
		objects["key.key"] = object{data: []byte(row.key.Encode())}
		_, r := serve(t, objects)
		p, err := r.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if size, err := p.sizeAhead("image.ext4"); size != row.size || err != nil {
			t.Errorf("%s: size %d, %v", what, size, err)
		}
		says := "the key key.key in s3://fleet"
		if row.key == &decrypting {
			says = "upload" // the HMAC holds, so the key is not what is blamed
		}
		mustBeCorrupt(t, r, says, "firmware.zip")
	}
}

// Whatever is damaged: Next is not the one to complain, and at the end the
// verdict is the same as for an image that was not piped.
func TestDamagedEndIsLeftToTheStream(t *testing.T) {
	token := encrypt(t, keyOf(1), pipedZip(t, randomBytes(1, 3000)))
	lost := 0
	for i := range 350 {
		_, r := folder(t, objectsOf(flip(token, len(token)-1-i), keyOf(1), ""))
		_, size, err := firstPart(t, r)
		if err != nil {
			t.Fatalf("character %d from the end: %v", i, err)
		}
		if size == -1 {
			lost++
		}
		mustBeCorrupt(t, r, "firmware.zip in "+r.Source.String(), "matches checksum.txt")
	}
	if lost < 100 || lost == 350 {
		t.Errorf("of 350 damaged ends %d tell no size", lost)
	}
	for n := len(token) - 1; n > len(token)-300; n-- {
		_, r := folder(t, objectsOf(token[:n], keyOf(1), ""))
		if _, _, err := firstPart(t, r); err != nil {
			t.Fatalf("cut to %d: %v", n, err)
		}
		mustBeCorrupt(t, r, "firmware.zip")
	}
}

// The hint is whatever the directory says; the stream is what is believed.
func TestLyingDirectoryIsDisprovedByTheStream(t *testing.T) {
	image := randomBytes(1, 3000)
	for _, lie := range []uint32{0, 2999, 3001, 1<<32 - 2} {
		archive := pipedZip(t, image)
		rec := bytes.LastIndex(archive, []byte(sigRecord))
		le.PutUint32(archive[rec+24:], lie)
		_, r := folder(t, objectsOf(encrypt(t, keyOf(1), archive), keyOf(1), ""))
		if _, size, err := firstPart(t, r); size != int64(lie) || err != nil {
			t.Errorf("size %d, want %d: %v", size, lie, err)
		}
		mustBeCorrupt(t, r, "is authentic", "differ in the size")
	}
}

// Only the first part's size is looked up: the device's image is the only one.
func TestLaterPartsAreNotLookedUp(t *testing.T) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for i := range 3 {
		f, err := w.Create(fmt.Sprint("part", i))
		if err == nil {
			_, err = f.Write(make([]byte, 100+i))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b, r := serve(t, objectsOf(encrypt(t, keyOf(1), archive.Bytes()), keyOf(1), ""))
	p, size, err := firstPart(t, r)
	if size != 100 || err != nil {
		t.Fatalf("size %d, %v", size, err)
	}
	for range 2 {
		if part, err := p.Next(); part.Size != -1 || err != nil {
			t.Errorf("%+v, %v", part, err)
		}
	}
	if _, err := p.Next(); err != io.EOF || len(b.requests) != 4 {
		t.Errorf("%v after %q", err, b.requests)
	}
}
