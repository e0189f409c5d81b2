package awsiot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	awssigner "github.com/aws/aws-sdk-go-v2/service/signer"
	signertypes "github.com/aws/aws-sdk-go-v2/service/signer/types"

	"abota/sim/awsiot/roles"
	"abota/updater/raw"
	"abota/updater/release"
	"abota/updater/signature"
	"abota/updater/source"
)

// rightly is the signature of a signed object as a job's document has it, and as
// a device reads it.
func rightly(c *Cloud, profile string, o signedObject) (*signature.Detached, error) {
	key := "sig-" + strings.ToLower(strings.Replace(o.SignatureAlgorithm, "with", "-", 1))
	return signature.New(c.Endpoints().Certs, "/certs/"+profile+"-cert.pem", key, o.Signature)
}

// take reads an image to its end, under its signature.
func take(ctx context.Context, image *raw.Release, by *signature.Detached) (release.ID, []byte, error) {
	signed := signature.Release{Look: image.Check, By: by, Artifact: func(ctx context.Context) (signature.Payload, error) { return image.Open(ctx) }}
	p, err := signed.Open(ctx)
	if err != nil {
		return release.ID{}, nil, err
	}
	defer p.Close()
	if _, err = p.Next(); err != nil {
		return release.ID{}, nil, err
	}
	data, err := io.ReadAll(p)
	if err == nil {
		_, err = p.Next()
	}
	if !errors.Is(err, io.EOF) {
		return release.ID{}, data, err
	}
	return p.ID(), data, nil
}

// TestDeviceTakesWhatSignerSigned: by each kind of key, read from a pre-signed
// URL of one version, and from the bucket with keys for a certificate.
func TestDeviceTakesWhatSignerSigned(t *testing.T) {
	c := ForTest(t, Options{Pause: time.Millisecond})
	cfg := account(c)
	signer, bucket := awssigner.NewFromConfig(cfg), s3.NewFromConfig(cfg)
	image := bytes.Repeat([]byte("firmware"), 300_000)
	const key = "release 1/fw+a&b.bin"
	version := put(t, bucket, key, image)
	put(t, bucket, key, image[8:]) // the newest is another

	for name, overrides := range map[string]*signertypes.SigningPlatformOverrides{
		"ecdsa": nil,
		"rsa":   {SigningConfiguration: &signertypes.SigningConfigurationOverrides{EncryptionAlgorithm: signertypes.EncryptionAlgorithmRsa, HashAlgorithm: signertypes.HashAlgorithmSha256}},
		"sha1":  {SigningConfiguration: &signertypes.SigningConfigurationOverrides{EncryptionAlgorithm: signertypes.EncryptionAlgorithmRsa, HashAlgorithm: signertypes.HashAlgorithmSha1}},
	} {
		profile(t, signer, name, certificateARN+name, overrides)
		by, err := rightly(c, name, readSigned(t, bucket, finish(t, signer, startInput(key, version, name))))
		if name == "sha1" {
			if !errors.Is(err, signature.ErrUntrusted) {
				t.Errorf("over SHA-1: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for of, wants := range map[string]error{version: nil, "": signature.ErrUntrusted} {
			link, err := c.links.Load().Version(t.Context(), Bucket, key, of, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			web, err := source.NewWeb(source.WebOptions{URL: link})
			if err != nil {
				t.Fatal(err)
			}
			size := int64(len(image))
			if of == "" {
				size -= 8
			}
			id, data, err := take(t.Context(), &raw.Release{Source: web, Object: "the image", Size: size}, by)
			if !errors.Is(err, wants) || wants == nil && (id.SHA256 == "" || !bytes.Equal(data, image)) || wants != nil && id.SHA256 != "" {
				t.Errorf("%s, version %q: %+v, %d bytes, %v", name, of, id, len(data), err)
			}
		}
	}
}

// provided are keys for a thing's certificate.
func provided(t *testing.T, c *Cloud, d Device, alias string) *source.IoTCredentials {
	t.Helper()
	trust, err := source.TLSFiles(d.CA, d.Certificate, d.Key)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(c.Endpoints().Credentials)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := source.NewIoTCredentials(source.IoTOptions{Endpoint: at.Host, RoleAlias: alias, Thing: d.Thing, Network: source.Network{TLS: trust}})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestDeviceReadsItsBucketWithItsCertificate(t *testing.T) {
	c := ForTest(t, Options{})
	d, err := c.NewDevice("pump:17")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Roles().Create(roles.Input{Alias: "reader=a@b", RoleARN: "arn:aws:iam::123456789012:role/Reader"}); err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("x"), 100_000)
	put(t, s3.NewFromConfig(account(c)), "firmware.zip", data)
	read := func(d Device, alias string) ([]byte, error) {
		s, err := source.NewS3(source.S3Options{
			Bucket: Bucket, Endpoint: c.Endpoints().S3, Credentials: provided(t, c, d, alias),
			Network: source.Network{Retry: source.Retry{Open: 1}},
		})
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := s.Get(t.Context(), "firmware.zip", 1<<20)
		return got, err
	}
	if got, err := read(d, "reader=a@b"); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	other := d
	other.Thing = "pump:18"
	for alias, as := range map[string]Device{"reader=a@b": other, "another": d} {
		_, err := read(as, alias)
		if !errors.Is(err, source.ErrDenied) || !strings.Contains(err.Error(), "the credentials provider") {
			t.Errorf("as %s with %s: %v", as.Thing, alias, err)
		}
	}
}

// TestLinkExpiresInTheMiddle: the device goes on where it was, with a link that
// differs from the first one in its signature alone.
func TestLinkExpiresInTheMiddle(t *testing.T) {
	c := ForTest(t, Options{Pause: time.Millisecond})
	bucket := s3.NewFromConfig(account(c))
	image := bytes.Repeat([]byte("firmware"), 500_000)
	version := put(t, bucket, "fw.bin", image)
	var (
		mu   sync.Mutex
		cuts int
	)
	// What is between the device and the store cuts the first answer, and has the
	// rest asked for when the link has expired.
	at, err := url.Parse(c.Endpoints().S3)
	if err != nil {
		t.Fatal(err)
	}
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		out := r.Clone(r.Context())
		out.URL.Scheme, out.URL.Host, out.RequestURI = at.Scheme, at.Host, ""
		resp, err := http.DefaultTransport.RoundTrip(out)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(resp.StatusCode)
		if cuts++; cuts > 1 {
			_, _ = io.Copy(w, resp.Body)
			return
		}
		_, _ = io.CopyN(w, resp.Body, 1_000_000)
		w.(http.Flusher).Flush()
		time.Sleep(2100 * time.Millisecond) // the store's clock is the real one
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(between.Close)
	links, err := c.Store().Links(strings.TrimPrefix(between.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	link := func(valid time.Duration) string {
		text, err := links.Version(t.Context(), Bucket, "fw.bin", version, valid)
		if err != nil {
			t.Error(err)
		}
		return text
	}
	renewed := 0
	web, err := source.NewWeb(source.WebOptions{
		URL: link(time.Second), RenewedBy: &source.Renewer{Name: "the job"}, Network: source.Network{Retry: source.Retry{First: time.Millisecond}},
		Renew: func(context.Context) (string, error) {
			renewed++
			return link(time.Hour), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	o, err := web.Open(t.Context(), "the image")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	got, err := io.ReadAll(o)
	mu.Lock()
	defer mu.Unlock()
	if err != nil || !bytes.Equal(got, image) || renewed != 1 || cuts != 3 {
		t.Errorf("%d bytes, %v, %d fresh links, %d answers", len(got), err, renewed, cuts)
	}
}
