package classic

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"abota/updater/source"
)

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func TestParseSum(t *testing.T) {
	md5, sha := strings.Repeat("aB", 16), strings.Repeat("Cd", 32)
	for text, want := range map[string]Sum{
		md5:             {MD5: strings.ToLower(md5)},
		"sha256:" + sha: {SHA256: strings.ToLower(sha)},
	} {
		if got, err := ParseSum(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", md5[1:], md5 + "00", sha, "sha256:" + md5, "sha256:", "md5:" + md5, md5 + " ", strings.Repeat("0\n", 1000)} {
		_, err := ParseSum(text)
		if err == nil || strings.Contains(err.Error(), "\n") || len(err.Error()) > 500 {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// piped is a release that comes through standard input.
func piped(t *testing.T, token []byte, keySeed byte, sum string) *Release {
	t.Helper()
	r := &Release{
		Source: source.NewStdin(bytes.NewReader(token)), Token: "the release", Alone: true,
		KeyFile: writeKey(t, keyOf(keySeed).Encode(), 0o600),
	}
	if sum != "" {
		var err error
		if r.Sum, err = ParseSum(sum); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestReleaseThroughAPipeIsProvenByChecksumAndKey(t *testing.T) {
	image := randomBytes(1, 300_000)
	for name, archive := range map[string][]byte{"with sizes": zipOf(t, image), "piped": pipedZip(t, image)} {
		token := encrypt(t, keyOf(1), archive)
		for _, sum := range []string{"", md5Hex(token), "sha256:" + sha256Hex(token)} {
			r := piped(t, token, 1, sum)
			id, err := r.Check(t.Context())
			if err != nil || id.Source != "standard input" || id.Size != 0 {
				t.Fatalf("Check = %+v, %v", id, err)
			}
			got, p, err := fetch(t, r)
			if err != nil || !bytes.Equal(got, image) {
				t.Fatalf("%s, %q: %d bytes, %v", name, sum, len(got), err)
			}
			if p.ID().SHA256 != sha256Hex(token) || sum == "" && p.ID().Checksum != "" {
				t.Errorf("%q: %+v", sum, p.ID())
			}
			if sum != "" && !id.Same(p.ID()) {
				t.Errorf("%q: what was checked is not what was read", sum)
			}
		}
	}
}

func TestPipeIsReadOnce(t *testing.T) {
	r := piped(t, encrypt(t, keyOf(1), zipOf(t, []byte("x"))), 1, "")
	if _, _, err := fetch(t, r); err != nil {
		t.Fatal(err)
	}
	_, err := r.Open(t.Context())
	mustSay(t, err, "standard input", "done already")
}

func TestWhatIsWrongWithAPipedReleaseIsSaid(t *testing.T) {
	token := encrypt(t, keyOf(1), zipOf(t, randomBytes(1, 30_000)))
	for _, at := range damagePlaces(len(token)) {
		damaged := flip(token, at)
		mustBeCorrupt(t, piped(t, damaged, 1, md5Hex(token)), "the given checksum", md5Hex(damaged), "its MD5 is")
		mustBeCorrupt(t, piped(t, damaged, 1, "sha256:"+sha256Hex(token)), "its SHA-256 is", sha256Hex(damaged))
		mustBeCorrupt(t, piped(t, damaged, 1, ""), "does not open", "only a --checksum can tell")
	}
	for _, n := range append(damagePlaces(len(token)), 0) {
		mustBeCorrupt(t, piped(t, token[:n], 1, ""), "cut short")
	}
	mustBeCorrupt(t, piped(t, token, 2, ""), "use the key")
	mustBeCorrupt(t, piped(t, token, 2, md5Hex(token)), "which is complete, since it matches the given checksum")
	// A right checksum of something that is no release.
	mustBeCorrupt(t, piped(t, []byte("PK"), 1, md5Hex([]byte("PK"))), "matches the given checksum, but was not encrypted")
}

func TestTokenAloneNeedsAKeyFile(t *testing.T) {
	r := &Release{Source: source.NewStdin(strings.NewReader("x")), Token: "the release", Alone: true}
	for _, err := range []error{r.LoadKey(t.Context()), func() error { _, err := r.Open(t.Context()); return err }()} {
		if !errors.Is(err, ErrKeyFile) {
			t.Fatalf("got %v, want ErrKeyFile", err)
		}
		mustSay(t, err, "standard input", "key_file", "--key-file")
	}
}

func TestGivenChecksumStandsForTheOneInTheSource(t *testing.T) {
	image := randomBytes(1, 30_000)
	objects := publication(t, image, keyOf(1), "1.4.0")
	token := objects["firmware.zip"].data
	delete(objects, "checksum.txt")
	b, r := serve(t, objects)
	r.Sum = Sum{SHA256: sha256Hex(token)}
	id, err := r.Check(t.Context())
	if err != nil || id.SHA256 != sha256Hex(token) || id.Checksum != "sha256:"+id.SHA256 || id.Version != "1.4.0" || id.Size != int64(len(token)) {
		t.Fatalf("Check = %+v, %v", id, err)
	}
	if got, _, err := fetch(t, r); err != nil || !bytes.Equal(got, image) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	b.put(publication(t, image, keyOf(2), ""))
	if _, _, err := fetch(t, r); !errors.Is(err, ErrCorrupt) {
		t.Errorf("another token: %v", err)
	}
	mustSay(t, func() error { _, _, err := fetch(t, r); return err }(), "the given checksum", "correct the checksum")
}

// signedURL is a release behind a URL that holds for its token alone.
func signedURL(t *testing.T, token []byte, etag string) (*Release, func(token []byte, etag string)) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(token))
	}))
	t.Cleanup(server.Close)
	web, err := source.NewWeb(source.WebOptions{URL: server.URL + "/firmware.zip?X-Amz-Signature=1"})
	if err != nil {
		t.Fatal(err)
	}
	r := &Release{Source: web, Token: web.File(), Alone: web.Alone(), KeyFile: writeKey(t, keyOf(1).Encode(), 0o600)}
	return r, func(t []byte, e string) { token, etag = t, e }
}

func TestServersTagTellsNothingToDo(t *testing.T) {
	image := randomBytes(1, 30_000)
	r, publish := signedURL(t, encrypt(t, keyOf(1), pipedZip(t, image)), `"`+strings.Repeat("long", 1000)+`"`)
	before, err := r.Check(t.Context())
	if err != nil || !strings.HasPrefix(before.Checksum, "etag:") || len(before.Checksum) > 70 {
		t.Fatalf("Check = %+v, %v", before, err)
	}
	got, p, err := fetch(t, r)
	if err != nil || !bytes.Equal(got, image) || !p.ID().Same(before) {
		t.Fatalf("%d bytes, %+v, %v", len(got), p.ID(), err)
	}
	publish(encrypt(t, keyOf(1), zipOf(t, image)), `"v2"`)
	after, err := r.Check(t.Context())
	if err != nil || after.Same(before) || after.Checksum != "etag:v2" {
		t.Errorf("published: %+v, %v", after, err)
	}
}

func TestSignedURLThatIsReplacedStartsOver(t *testing.T) {
	token := encrypt(t, keyOf(1), zipOf(t, randomBytes(1, 30_000)))
	r, publish := signedURL(t, flip(token, len(token)/2), `"v1"`)
	p, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	publish(token, `"v2"`)
	for err == nil {
		_, err = p.Next()
	}
	if !errors.Is(err, source.ErrChanged) {
		t.Errorf("got %v, want ErrChanged", err)
	}
}

func TestInterruptedPipeIsNoVerdict(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	never, stop := make(chan struct{}), make(chan struct{})
	r := piped(t, nil, 1, "")
	r.Source = source.NewStdin(blocked{never})
	t.Cleanup(func() { close(never) })
	p, err := r.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	go func() {
		defer close(stop)
		if _, err := p.Next(); !errors.Is(err, context.Canceled) || errors.Is(err, ErrCorrupt) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	}()
	cancel()
	<-stop
}

type blocked struct{ until chan struct{} }

func (b blocked) Read([]byte) (int, error) { <-b.until; return 0, errors.New("too late") }
