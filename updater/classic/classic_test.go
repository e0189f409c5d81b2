package classic

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"abota/updater/release"
	"abota/updater/source"
)

func TestReadsAReleaseWholeAndIdentifiesIt(t *testing.T) {
	image := randomBytes(1, 700_000)
	objects := publication(t, image, keyOf(1), "1.4.0")
	token := objects["firmware.zip"].data
	sum := sha256.Sum256(token)
	_, inBucket := serve(t, objects)
	_, inFolder := folder(t, objects)
	for _, r := range []*Release{inBucket, inFolder} {
		got, p, err := fetch(t, r)
		if err != nil || !bytes.Equal(got, image) {
			t.Fatalf("%s: %d bytes, %v", r.Source, len(got), err)
		}
		want := release.ID{
			Checksum: md5Hex(token), SHA256: hex.EncodeToString(sum[:]),
			Source: r.Source.String(), Size: int64(len(token)), Made: madeAt(t, token),
		}
		if r == inBucket {
			want.Version = "1.4.0"
		}
		if p.ID() != want {
			t.Errorf("identity is %+v, want %+v", p.ID(), want)
		}
		if p.Fetched() != int64(len(token)) {
			t.Errorf("fetched %d of %d bytes", p.Fetched(), len(token))
		}
		if _, err := p.Next(); err != io.EOF {
			t.Errorf("after its end Next says %v", err)
		}
	}
}

// madeAt is the time in a token, behind its version.
func madeAt(t *testing.T, token []byte) int64 {
	t.Helper()
	head, err := base64.URLEncoding.DecodeString(string(token[:12]))
	if err != nil {
		t.Fatal(err)
	}
	return int64(binary.BigEndian.Uint64(head[1:]))
}

func TestSeveralPartsAndDirectoriesComeInOrder(t *testing.T) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, name := range []string{"app/", "app/a", "app/empty", "z"} {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err == nil && name != "app/" && name != "app/empty" {
			_, err = f.Write(bytes.Repeat([]byte(name), 1000))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, r := folder(t, objectsOf(encrypt(t, keyOf(1), archive.Bytes()), keyOf(1), ""))
	p, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var names []string
	for {
		part, err := p.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, part.Name)
		if part.Name == "app/" && part.Size != 0 {
			t.Errorf("a directory has size %d", part.Size)
		}
	}
	if want := []string{"app/", "app/a", "app/empty", "z"}; !reflect.DeepEqual(names, want) {
		t.Errorf("parts are %q", names)
	}
	if p.ID().SHA256 == "" {
		t.Error("parts that were skipped are proven all the same, but the release has no identity")
	}
}

func TestCheckReadsTheChecksumOnly(t *testing.T) {
	b, r := serve(t, publication(t, []byte("image"), keyOf(1), "9"))
	id, err := r.Check(t.Context())
	want := release.ID{Checksum: string(b.objects["checksum.txt"].data), Source: r.Source.String()}
	if err != nil || id != want {
		t.Errorf("got %+v, %v", id, err)
	}
	if want := []string{"GET checksum.txt"}; !reflect.DeepEqual(b.requests, want) {
		t.Errorf("asked for %q", b.requests)
	}
}

func TestKeyInTheBucketIsWarnedOfOnce(t *testing.T) {
	_, r := serve(t, publication(t, []byte("image"), keyOf(1), ""))
	var warnings []string
	r.Warn = func(text string) { warnings = append(warnings, text) }
	for range 3 {
		if _, _, err := fetch(t, r); err != nil {
			t.Fatal(err)
		}
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "as public as the bucket") || !strings.Contains(warnings[0], "key_file") {
		t.Errorf("warnings: %q", warnings)
	}
}

func writeKey(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "firmware.key")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return path
}

func TestKeyFileWinsAndTheBucketsKeyIsNeverFetched(t *testing.T) {
	objects := publication(t, []byte("image"), keyOf(1), "")
	objects["key.key"] = object{data: []byte(keyOf(2).Encode())}
	b, r := serve(t, objects)
	r.KeyFile = writeKey(t, "\ufeff"+keyOf(1).Encode()+"\r\n", 0o600)
	r.Warn = func(text string) { t.Errorf("warned: %s", text) }
	if got, _, err := fetch(t, r); err != nil || string(got) != "image" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, request := range b.requests {
		if strings.Contains(request, "key.key") {
			t.Errorf("asked for %q", b.requests)
		}
	}
}

func TestKeyFileForEveryoneIsRefused(t *testing.T) {
	_, r := serve(t, publication(t, []byte("image"), keyOf(1), ""))
	r.KeyFile = writeKey(t, keyOf(1).Encode(), 0o644)
	err := r.LoadKey(t.Context())
	want := "cannot use " + r.KeyFile + " because everybody on this device can read it: chmod 600 " + r.KeyFile
	if !errors.Is(err, ErrKeyFile) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestUnusableKeyFileIsTheDevicesFault(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, row := range map[string]struct{ path, says string }{
		"a pipe":    {pipe, "not a regular file"},
		"missing":   {filepath.Join(t.TempDir(), "none"), "no such file"},
		"empty":     {writeKey(t, "", 0o600), "not a Fernet key"},
		"not a key": {writeKey(t, "secret-secret", 0o600), "not a Fernet key"},
		"a folder":  {t.TempDir(), "not a regular file"},
	} {
		_, r := folder(t, publication(t, []byte("image"), keyOf(1), ""))
		r.KeyFile = row.path
		_, err := r.Open(t.Context())
		if !errors.Is(err, ErrKeyFile) || errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", what, err)
			continue
		}
		mustSay(t, err, row.path, row.says)
		if strings.Contains(err.Error(), "secret-secret") {
			t.Errorf("the error quotes the key: %v", err)
		}
	}
}

// mustSay wants one line with all these words.
func mustSay(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error does not say %q: %v", word, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Errorf("error has more than one line: %v", err)
	}
}

const abcMD5 = "900150983cd24fb0d6963f7d28e17f72" // of "abc", RFC 1321

func TestChecksumFormsOfAllPublishers(t *testing.T) {
	for _, text := range []string{
		abcMD5, abcMD5 + "\n", abcMD5 + "\r\n", " \t" + abcMD5 + " \n\n",
		strings.ToUpper(abcMD5), "\ufeff" + abcMD5, "\ufeff" + strings.ToUpper(abcMD5) + "\r\n",
		abcMD5 + "  firmware.zip\n", abcMD5 + " *firmware.zip\n", abcMD5 + "\tmy file.zip",
	} {
		if got, err := parseChecksum([]byte(text)); err != nil || got != abcMD5 {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func TestUnusableChecksumIsExplained(t *testing.T) {
	for _, text := range []string{
		"", "\n", "\ufeff", abcMD5[1:], abcMD5 + "0", abcMD5 + "00", "g" + abcMD5[1:], "firmware.zip " + abcMD5,
		"Calculated checksum :  " + abcMD5, abcMD5 + "  a\n" + abcMD5 + "  b\n", abcMD5 + abcMD5, "<Error/>",
	} {
		objects := publication(t, []byte("image"), keyOf(1), "")
		objects["checksum.txt"] = object{data: []byte(text)}
		b, r := serve(t, objects)
		_, err := r.Check(t.Context())
		_, openErr := r.Open(t.Context())
		for _, err := range []error{err, openErr} {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%q: %v", text, err)
			}
			mustSay(t, err, "checksum.txt", "s3://fleet", "upload")
		}
		if len(b.requests) != 2 {
			t.Errorf("%q: went on to ask for %q", text, b.requests)
		}
	}
}

func TestUnusableKeyInTheBucketIsExplained(t *testing.T) {
	for _, text := range []string{"", "not-the-key", keyOf(1).Encode()[1:]} {
		objects := publication(t, []byte("image"), keyOf(1), "")
		objects["key.key"] = object{data: []byte(text)}
		_, r := serve(t, objects)
		_, err := r.Open(t.Context())
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%q: %v", text, err)
		}
		mustSay(t, err, "key.key", "s3://fleet", "upload")
		if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("the error quotes the key: %v", err)
		}
	}
}

func TestMissingObjectIsNamed(t *testing.T) {
	for _, name := range []string{"firmware.zip", "checksum.txt", "key.key"} {
		objects := publication(t, []byte("image"), keyOf(1), "")
		delete(objects, name)
		_, inBucket := serve(t, objects)
		dir, inFolder := folder(t, objects)
		for where, r := range map[string]*Release{"s3://fleet": inBucket, dir: inFolder} {
			_, err := r.Open(t.Context())
			if !errors.Is(err, source.ErrNotFound) || errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: %v", name, err)
			}
			mustSay(t, err, name, where)
		}
	}
}

func TestUsualNameIsSuggested(t *testing.T) {
	objects := publication(t, []byte("image"), keyOf(1), "")
	_, inBucket := serve(t, objects)
	_, inFolder := folder(t, objects)
	for _, r := range []*Release{inBucket, inFolder} {
		r.Token = "xyz.zip"
		_, err := r.Open(t.Context())
		if !errors.Is(err, source.ErrNotFound) {
			t.Errorf("got %v", err)
		}
		mustSay(t, err, "xyz.zip", "firmware.zip", "file_name")
	}
	delete(objects, "firmware.zip")
	_, without := serve(t, objects)
	without.Token = "xyz.zip"
	if _, err := without.Open(t.Context()); err == nil || strings.Contains(err.Error(), "firmware.zip") {
		t.Errorf("what is not there was suggested: %v", err)
	}
}

// In the bubble the test fails if a goroutine is left over.
func TestCloseLeavesNothingBehind(t *testing.T) {
	objects := publication(t, randomBytes(1, 3<<20), keyOf(1), "")
	for _, read := range []int64{0, 1, 1 << 20} {
		synctest.Test(t, func(t *testing.T) {
			_, r := folder(t, objects)
			p, err := r.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err = p.Next(); err == nil {
				_, err = io.CopyN(io.Discard, p, read)
			}
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // both rings are full now, or the token was read
			for range 2 {
				_ = p.Close()
			}
			if read == 1 {
				return // nobody takes what waits in the rings
			}
			if _, err := io.Copy(io.Discard, p); err == nil || errors.Is(err, ErrCorrupt) || errors.Is(err, source.ErrChanged) {
				t.Errorf("a payload that was closed ends in %v", err)
			}
		})
	}
}

func TestCancellingIsNoVerdict(t *testing.T) {
	_, r := folder(t, publication(t, randomBytes(1, 3<<20), keyOf(1), ""))
	ctx, cancel := context.WithCancel(t.Context())
	p, err := r.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Next(); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.Copy(io.Discard, p); !errors.Is(err, context.Canceled) || errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}
