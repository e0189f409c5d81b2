package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"abota/bootctl"
	"abota/cmd/internal/cli"
	"abota/updater"
	"abota/updater/classic"
	"abota/updater/raw"
	"abota/updater/signature"
	"abota/updater/source"
)

// signedDevice is a device with two slots of 64 KiB, a trusted folder with one
// certificate, and a web server with one file.
type signedDevice struct {
	t            *testing.T
	dir          string
	c            *command
	stderr       bytes.Buffer
	certificates string
	key          *ecdsa.PrivateKey
	url          string
	file         []byte
	asked        atomic.Int64
}

func newSignedDevice(t *testing.T) *signedDevice {
	t.Helper()
	d := &signedDevice{t: t, dir: t.TempDir()}
	for _, name := range []string{"a.img", "b.img"} {
		must(t, os.WriteFile(filepath.Join(d.dir, name), make([]byte, 64<<10), 0o600))
	}
	path := filepath.Join(d.dir, "config.yaml")
	must(t, os.WriteFile(path, fmt.Appendf(nil, "slots:\n  a: %[1]s/a.img\n  b: %[1]s/b.img\nstate_dir: %[1]s/state\n", d.dir), 0o600))
	d.c = &command{Output: cli.Output{Name: "abota", Stdout: io.Discard, Stderr: &d.stderr}, configs: []string{path}, booted: "A"}
	d.c.log = newLog(&d.stderr, false, true, false)
	d.certificates = filepath.Join(d.dir, "certificates")
	must(t, os.Mkdir(d.certificates, 0o755))
	d.key = d.certify("signer.pem")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.asked.Add(1)
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(d.file)))
		http.ServeContent(w, r, "fw.bin", time.Time{}, bytes.NewReader(d.file))
	}))
	t.Cleanup(s.Close)
	d.url = s.URL + "/fw.bin?X-Amz-Signature=hush"
	return d
}

// certify puts a certificate into the trusted folder.
func (d *signedDevice) certify(name string) *ecdsa.PrivateKey {
	d.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(d.t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(d.t, err)
	must(d.t, os.WriteFile(filepath.Join(d.certificates, name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	return key
}

// sign is a signature over what.
func (d *signedDevice) sign(what []byte) []byte {
	d.t.Helper()
	digest := sha256.Sum256(what)
	sig, err := d.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	must(d.t, err)
	return sig
}

// offer is what a job would make of the file: raw, or a token where keyFile
// names its key.
func (d *signedDevice) offer(e *updater.Engine, size int64, keyFile string, sig []byte) {
	d.t.Helper()
	web, err := source.NewWeb(source.WebOptions{URL: d.url, Network: source.Network{Retry: source.Retry{Open: 1}}})
	must(d.t, err)
	by, err := signature.New(d.certificates, "signer", "sig-sha256-ecdsa", sig)
	must(d.t, err)
	var r updater.Release = offeredRaw{&raw.Release{Source: web, Object: "the image", Size: size}}
	if keyFile != "" {
		r = offered{&classic.Release{Source: web, Token: "the image", Alone: true, KeyFile: keyFile}}
	}
	e.Release = signedBy(r, by, e.Known)
}

// with opens the device for one verb.
func (d *signedDevice) with(do func(*updater.Engine)) {
	d.t.Helper()
	dev, err := d.c.open(d.t.Context(), writing)
	must(d.t, err)
	defer dev.Close()
	dev.Progress = func(updater.Progress) {}
	do(dev.Engine)
}

func (d *signedDevice) slot(name string) []byte {
	d.t.Helper()
	content, err := os.ReadFile(filepath.Join(d.dir, name))
	must(d.t, err)
	return content
}

// TestSignedReleasesAreArmedAndOthersAreNot goes the whole way through the
// engine, with a raw image and with a token.
func TestSignedReleasesAreArmedAndOthersAreNot(t *testing.T) {
	image := []byte("system 2" + strings.Repeat("\x00", 5000))
	folder := t.TempDir()
	must(t, writeRelease(folder, "system 2", 5008))
	token, err := os.ReadFile(filepath.Join(folder, "firmware.zip"))
	must(t, err)
	keyFile := filepath.Join(folder, "key.key")
	for name, row := range map[string]struct {
		file, signed []byte
		keyFile      string
		size         int
		is           error
		code         int
	}{
		"raw":                            {image, image, "", len(image), nil, cli.ExitDone},
		"raw, other image":               {image, image[1:], "", len(image), signature.ErrUntrusted, cli.ExitUntrusted},
		"raw, another size":              {image, image, "", len(image) - 1, raw.ErrCorrupt, cli.ExitUntrusted},
		"raw, does not fit":              {make([]byte, 64<<10+1), make([]byte, 64<<10+1), "", 64<<10 + 1, updater.ErrRefusedRelease, cli.ExitRefused},
		"token":                          {token, token, keyFile, len(token), nil, cli.ExitDone},
		"token, signed is what is in it": {token, image, keyFile, len(token), signature.ErrUntrusted, cli.ExitUntrusted},
		"token, damaged but signed":      {token[:len(token)-4], token[:len(token)-4], keyFile, len(token) - 4, classic.ErrCorrupt, cli.ExitUntrusted},
	} {
		t.Run(name, func(t *testing.T) {
			d := newSignedDevice(t)
			d.file = row.file
			d.with(func(e *updater.Engine) {
				d.offer(e, int64(row.size), row.keyFile, d.sign(row.signed))
				out, err := e.Install(t.Context(), updater.InstallOptions{})
				if !errors.Is(err, row.is) || exitCode(err) != row.code {
					t.Fatalf("%v (exit %d), want %v (exit %d)", err, exitCode(err), row.is, row.code)
				}
				s, statusErr := e.Status()
				must(t, statusErr)
				if armed := s.Slots[bootctl.B].BootStatus == "trial"; armed != (row.is == nil) || out.RebootRequired != armed {
					t.Errorf("slot B is %s, %+v", s.Slots[bootctl.B].BootStatus, out)
				}
				if row.is != nil {
					if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hush") {
						t.Errorf("says %v", err)
					}
					return
				}
				if !bytes.HasPrefix(d.slot("b.img"), image) {
					t.Error("slot B holds something else")
				}
				if digest := fmt.Sprintf("%x", sha256.Sum256(row.file)); out.Release.SHA256 != digest || out.Release.Version != "" || named(out.Release) != digest[:12]+" (unversioned)" || versionText(s.Slots[bootctl.B]) != "unversioned" {
					t.Errorf("called %s, %+v", named(out.Release), s.Slots[bootctl.B])
				}
			})
		})
	}
}

// TestSignedReleaseIsKnownBeforeItIsFetched: by another signature of the same
// file, by the same certificate.
func TestSignedReleaseIsKnownBeforeItIsFetched(t *testing.T) {
	d := newSignedDevice(t)
	d.file = []byte("system 2" + strings.Repeat("\x00", 5000))
	size := int64(len(d.file))
	d.with(func(e *updater.Engine) {
		d.offer(e, size, "", d.sign(d.file))
		if _, err := e.Check(t.Context(), updater.InstallOptions{}); err != nil || d.asked.Load() != 1 {
			t.Fatalf("before: %v, %d requests", err, d.asked.Load())
		}
		_, err := e.Install(t.Context(), updater.InstallOptions{})
		must(t, err)
	})
	d.asked.Store(0)
	known := func(when string, want error) {
		t.Helper()
		d.with(func(e *updater.Engine) {
			d.offer(e, size, "", d.sign(d.file))
			if _, err := e.Check(t.Context(), updater.InstallOptions{}); !errors.Is(err, want) {
				t.Errorf("%s, check: %v, want %v", when, err, want)
			}
			if _, err := e.Install(t.Context(), updater.InstallOptions{}); !errors.Is(err, want) {
				t.Errorf("%s, install: %v, want %v", when, err, want)
			}
		})
		if n := d.asked.Load(); n != 0 {
			t.Errorf("%s: %d requests for a release that is known", when, n)
		}
	}
	known("armed", updater.ErrNothingToDo)
	d.with(func(e *updater.Engine) {
		_, err := e.MarkBad(bootctl.B)
		must(t, err)
	})
	known("condemned", updater.ErrRefusedRelease)
	// Another file is another release, and one signed by nobody is never known.
	d.key = d.certify("other.pem")
	d.with(func(e *updater.Engine) {
		d.offer(e, size, "", d.sign(d.file))
		if _, err := e.Install(t.Context(), updater.InstallOptions{}); !errors.Is(err, signature.ErrUntrusted) {
			t.Errorf("by another key: %v", err)
		}
	})
}
