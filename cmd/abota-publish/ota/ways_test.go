package ota

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"abota/cmd/internal/cli"
)

func (f *fake) keyFile(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(f.key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOtherWays are those that need no Signer, or no stream.
func TestOtherWays(t *testing.T) {
	for _, row := range []struct {
		name    string
		change  func(f *fake, r *Request)
		changes []string // AFR_OTA-<uuid> stands for the stream
		check   func(t *testing.T, f *fake, d document)
	}{
		{
			"local key", func(f *fake, r *Request) { r.SignKey, r.CertName, r.Profile = f.keyFile(t), "foobar", "" },
			[]string{"iot POST /streams/AFR_OTA-<uuid>", "iot PUT /jobs/AFR_OTA-Job1"},
			func(t *testing.T, f *fake, d document) {
				f.wantSigned(t, &f.key.PublicKey, d.AFR.Files[0], "the binary")
				wantBody(t, f.bodies["iot POST /streams"], `{"description":"Stream for deconstructed OTAUpdate Job1","files":[{"fileId":0,"s3Location":{"bucket":"bkt","key":"fw.bin","version":"v2"}}],"roleArn":"arn:aws:iam::123456789012:role/MyRole"}`)
			},
		},
		{
			"http", func(_ *fake, r *Request) { r.Protocols = Protocols{HTTP: true} },
			[]string{"signer POST /signing-jobs", "s3 PUT /bkt/SignedImage/guid", "iot PUT /jobs/AFR_OTA-Job1"},
			func(t *testing.T, f *fake, d document) {
				o, ok := parsePlaceholder(*d.AFR.Files[0].URL)
				if want := (object{"bkt", "SignedImage/guid", f.objects["bkt/SignedImage/guid"][1].id}); !ok || o != want || d.AFR.Stream != "" {
					t.Errorf("%+v, want %+v", o, want)
				}
				if !bytes.Contains(f.bodies["iot PUT /jobs"], []byte(`"presignedUrlConfig":{"expiresInSec":3600,"roleArn":"arn:aws:iam::123456789012:role/MyRole"}`)) {
					t.Errorf("%s", f.bodies["iot PUT /jobs"])
				}
			},
		},
		{
			"signed object", func(f *fake, r *Request) {
				r.SignedObject, r.CertName, r.Profile = "signed", "foobar", ""
				f.put("bkt/signed", f.signedJSON([]byte("the binary")))
			},
			[]string{"iot POST /streams/AFR_OTA-<uuid>", "iot PUT /jobs/AFR_OTA-Job1"},
			func(t *testing.T, f *fake, d document) {
				f.wantSigned(t, &f.key.PublicKey, d.AFR.Files[0], "the binary")
			},
		},
		{
			"signed object with its copy", func(f *fake, r *Request) {
				r.SignedObject, r.Binary = "signed", ""
				f.put("bkt/signed", f.signedJSON([]byte("copied")))
				f.put("bkt/signed", []byte("copied"))
			},
			[]string{"iot POST /streams/AFR_OTA-<uuid>", "iot PUT /jobs/AFR_OTA-Job1"},
			func(t *testing.T, f *fake, d document) {
				f.wantSigned(t, &f.key.PublicKey, d.AFR.Files[0], "copied")
				if !bytes.Contains(f.bodies["iot POST /streams"], []byte(`"version":"v4"`)) {
					t.Errorf("%s", f.bodies["iot POST /streams"])
				}
			},
		},
		{
			"stream of a signed object", func(f *fake, r *Request) {
				r.Stream, r.StreamFile = "mine", 7
				f.put("bkt/signed", f.signedJSON([]byte("copied")))
				f.streamOf("mine", 7, object{"bkt", "signed", f.put("bkt/signed", []byte("copied"))})
			},
			[]string{"iot PUT /jobs/AFR_OTA-Job1"},
			func(t *testing.T, f *fake, d document) {
				f.wantSigned(t, &f.key.PublicKey, d.AFR.Files[0], "copied")
				if d.AFR.Stream != "mine" || d.AFR.Files[0].ID != 7 {
					t.Errorf("%+v", d.AFR)
				}
			},
		},
		{
			"stream of a binary", func(f *fake, r *Request) {
				r.Stream = "mine"
				f.streamOf("mine", 0, object{"bkt", "fw.bin", "v1"})
			},
			[]string{"signer POST /signing-jobs", "iot PUT /jobs/AFR_OTA-Job1"},
			func(t *testing.T, f *fake, d document) {
				f.wantSigned(t, &f.key.PublicKey, d.AFR.Files[0], "an older binary")
			},
		},
		{
			"package", func(_ *fake, r *Request) { r.Packages = []string{"fw/$default", "old/1"} },
			[]string{"signer POST /signing-jobs", "s3 PUT /bkt/SignedImage/guid", "iot POST /streams/AFR_OTA-<uuid>", "iot PUT /jobs/AFR_OTA-Job1"},
			func(t *testing.T, f *fake, d document) {
				if d.Abota == nil || *d.Abota.Package != (packageVersion{Name: "fw", Version: "1.4.0"}) {
					t.Errorf("%s", f.docs["AFR_OTA-Job1"])
				}
				if !bytes.Contains(f.bodies["iot PUT /jobs"], []byte(`"destinationPackageVersions":["arn:aws:iot:us-east-1:123456789012:package/fw/version/1.4.0","arn:aws:iot:us-east-1:123456789012:package/old/version/1"]`)) {
					t.Errorf("%s", f.bodies["iot PUT /jobs"])
				}
			},
		},
		{
			"abota", func(_ *fake, r *Request) { r.Source, r.Release = "s3://bkt/stable", "1.4.0" },
			[]string{"iot PUT /jobs/AFR_OTA-Job1"},
			func(t *testing.T, f *fake, _ document) {
				if got := f.docs["AFR_OTA-Job1"]; got != `{"abota":{"version":1,"source":"s3://bkt/stable","release":"1.4.0"}}` {
					t.Error(got)
				}
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			f, r := newFake(t), sampleRequest(t)
			row.change(f, r)
			code, text := f.create(t.Context(), t, r, Options{})
			if code != cli.ExitDone {
				t.Fatal(text)
			}
			d := f.document(t, "AFR_OTA-Job1")
			stream := "none"
			if d.AFR != nil && d.AFR.Stream != "" {
				stream = d.AFR.Stream
			}
			got := strings.Split(strings.ReplaceAll(strings.Join(f.changes(), "\n"), stream, "AFR_OTA-<uuid>"), "\n")
			if !slices.Equal(got, row.changes) {
				t.Errorf("made %q, want %q", got, row.changes)
			}
			row.check(t, f, d)
		})
	}
}

func (f *fake) streamOf(id string, file int, o object) {
	f.streams[id] = map[string]any{"streamId": id, "files": []any{map[string]any{
		"fileId": file, "s3Location": map[string]string{"bucket": o.Bucket, "key": o.Key, "version": o.Version},
	}}}
}

func TestDryRunSendsWhatReadsAndPrintsTheRest(t *testing.T) {
	f := newFake(t)
	code, text := f.create(t.Context(), t, sampleRequest(t), Options{DryRun: true})
	if code != cli.ExitDone || len(f.changes()) > 0 {
		t.Fatalf("exit code %d, changed %q: %s", code, f.changes(), text)
	}
	for _, want := range []string{
		"asked: GET /bkt?versioning= (s3)", "would send: POST /signing-jobs (signer)", "would send: PUT /bkt/SignedImage/<name> (s3)",
		"x-amz-copy-source: bkt/fw.bin?versionId=v2", "would send: POST /streams/AFR_OTA-<uuid> (iot)", `"version": "<version of the copy>"`,
		"would send: PUT /jobs/AFR_OTA-Job1 (iot)", `"sig-sha256-ecdsa": "<signature>"`, `"filesize": 10`, "nothing was changed",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}
