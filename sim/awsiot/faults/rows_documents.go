package faults

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"abota/sim/awsiot"
	"abota/sim/faulttable"
)

// edited makes the job of create-ota's own document with something changed.
func edited(old, instead string) act {
	return func(_ context.Context, s *scene) error {
		text := strings.Replace(s.release.document, old, instead, 1)
		if text == s.release.document {
			return fmt.Errorf("the document has no %s: %s", old, text)
		}
		return s.direct(s.job, text)
	}
}

// matched is the same by a pattern.
func matched(pattern, instead string) act {
	return func(_ context.Context, s *scene) error {
		text := regexp.MustCompile(pattern).ReplaceAllLiteralString(s.release.document, instead)
		if text == s.release.document {
			return fmt.Errorf("the document has no %s: %s", pattern, text)
		}
		return s.direct(s.job, text)
	}
}

// given is a job with this document.
func given(document string) act {
	return func(_ context.Context, s *scene) error { return s.direct(s.job, document) }
}

const certfile = `"certfile":"` + awsiot.CertName + `"`

// documents are jobs that say the wrong thing.
func documents() []row {
	named := func(name string) act { return edited(certfile, `"certfile":"`+name+`"`) }
	size := func(more int64) act {
		return func(ctx context.Context, s *scene) error {
			return edited(fmt.Sprintf(`"filesize":%d`, s.size), fmt.Sprintf(`"filesize":%d`, s.size+more))(ctx, s)
		}
	}
	return []row{
		{name: "signature of another file", job: func(_ context.Context, s *scene) error {
			return s.direct(s.job, signatures.ReplaceAllLiteralString(s.release.document, signatures.FindString(s.next.document)))
		}, status: "FAILED", says: "the signature does not fit"},
		{
			name: "signed by a certificate that is not trusted", status: "FAILED", says: "the signature does not fit",
			begin: func(_ context.Context, s *scene) error { return s.trust(awsiot.CertName) },
			mend:  func(_ context.Context, s *scene) error { return s.trustAgain() },
		},
		{
			name: "certificate of another, by name", job: named("other.pem"), status: "FAILED", says: "the signature does not fit",
			begin: func(_ context.Context, s *scene) error { return s.trust("other.pem") },
		},
		{name: "certificate that is not in the folder", quick: true, job: named("missing.pem"), status: "FAILED", says: "missing.pem"},
		{
			name: "certificate by a path out of the folder", job: named("../out.pem"), status: "FAILED", says: "out.pem",
			begin: func(_ context.Context, s *scene) error {
				text, err := os.ReadFile(s.device.at("certs", awsiot.CertName))
				return errors.Join(err, os.WriteFile(s.device.at("out.pem"), text, 0o600))
			},
		},
		{
			name: "certificate by a link out of the folder", job: named("link.pem"), status: "FAILED", says: "link.pem",
			begin: func(_ context.Context, s *scene) error {
				text, err := os.ReadFile(s.device.at("certs", awsiot.CertName))
				return errors.Join(err, os.WriteFile(s.device.at("out.pem"), text, 0o600), os.Symlink("../out.pem", s.device.at("certs", "link.pem")))
			},
		},
		{name: "sig-sha1-rsa", job: edited("sig-sha256-ecdsa", "sig-sha1-rsa"), status: "REJECTED", says: "SHA-1 proves nothing"},
		{name: "sig-sha256-rsa with an ECDSA certificate", job: edited("sig-sha256-ecdsa", "sig-sha256-rsa"), status: "FAILED", says: "has a key for sha256-ecdsa"},
		{name: "filesize of one byte too many", job: size(1), status: "FAILED", says: "were promised"},
		{name: "filesize of one byte too few", job: size(-1), status: "FAILED"},
		{name: "filesize of a quarter", job: func(ctx context.Context, s *scene) error { return size(-s.size/4*3)(ctx, s) }, status: "FAILED"},
		{name: "stream that is not there", job: matched(`"streamname":"[^"]*"`, `"streamname":"AFR_OTA-nobody"`), status: "FAILED", says: "stream"},
		{name: "file that the stream does not have", job: edited(`"fileid":0`, `"fileid":7`), status: "FAILED", says: "file"},
		{
			name: "slot too small for the image", status: "REJECTED",
			begin: func(_ context.Context, s *scene) error { return os.Truncate(s.device.at("b.img"), s.size/2) },
			mend:  func(_ context.Context, s *scene) error { return os.Truncate(s.device.at("b.img"), s.size) },
		},
		{name: "disk of the device's state full", status: "FAILED", says: "no space left", begin: full, mend: emptied},
		{name: "document that nobody knows, jobs.unknown: reject", job: given(`{"operation":"reboot"}`), status: "REJECTED", says: "neither afr_ota nor abota"},
		{
			name: "the same, jobs.unknown: leave", quick: true, config: []string{"jobs: {unknown: leave}"},
			job: func(_ context.Context, s *scene) error {
				if err := s.direct("others-"+s.name, `{"operation":"reboot"}`); err != nil {
					return err
				}
				return s.direct(s.job, s.release.document)
			},
			mend: func(_ context.Context, s *scene) error {
				if e := s.execution("others-" + s.name); e.Status != "QUEUED" || e.VersionNumber != 1 {
					return fmt.Errorf("the job of others is %s, version %d", e.Status, e.VersionNumber)
				}
				return nil
			},
		},
		{
			name: "release elsewhere, that would bring its own key", status: "FAILED", says: "put the key on the device",
			job: given(`{"abota":{"version":1,"source":"https://elsewhere.example.com/firmware.zip"}}`),
		},
		{name: "malformed documents, and then a good one", quick: true, job: malformed, mend: wereRejected},
	}
}

// signatures are what a document has for one.
var signatures = regexp.MustCompile(`"sig-sha256-ecdsa":"[^"]*"`)

// trust puts a certificate of nobody under a name into the device's folder.
func (s *scene) trust(name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "somebody else"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	return os.WriteFile(s.device.at("certs", name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
}

func (s *scene) trustAgain() error {
	text, err := s.cloud.SigningCertificate(awsiot.Profile)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.device.dir, "certs", awsiot.CertName), text, 0o600)
}

// bad are documents that nobody can carry out, and what the device says of them.
var bad = []struct{ document, says string }{
	{`{"afr_ota":null}`, "not an object"},
	{`{"afr_ota":[]}`, "not an object"},
	{`{"afr_ota":{}}`, "has no afr_ota.files"},
	{`{"afr_ota":{"protocols":["MQTT"],"streamname":"s","files":{}}}`, "not an array"},
	{`{"afr_ota":{"protocols":["MQTT"],"streamname":"s","files":[]}}`, "has 0 files"},
	{`{"afr_ota":{"protocols":["MQTT"],"streamname":"s","files":[{},{}]}}`, "has 2 files"},
	{`{"afr_ota":{"protocols":["MQTT"],"streamname":"s","files":["x"]}}`, "not an object"},
	{fileOf(`"fileid":0,"certfile":"c","sig-sha256-ecdsa":"c2ln"`), "filesize"},
	{fileOf(`"filesize":0,"fileid":0,"certfile":"c","sig-sha256-ecdsa":"c2ln"`), "filesize"},
	{fileOf(`"filesize":-1,"fileid":0,"certfile":"c","sig-sha256-ecdsa":"c2ln"`), "filesize"},
	{fileOf(`"filesize":1.5,"fileid":0,"certfile":"c","sig-sha256-ecdsa":"c2ln"`), "filesize"},
	{fileOf(`"filesize":"5","fileid":0,"certfile":"c","sig-sha256-ecdsa":"c2ln"`), "filesize"},
	{fileOf(`"filesize":99999999999999999999,"fileid":0,"certfile":"c","sig-sha256-ecdsa":"c2ln"`), "filesize"},
	{fileOf(`"filesize":5,"fileid":256,"certfile":"c","sig-sha256-ecdsa":"c2ln"`), "fileid"},
	{fileOf(`"filesize":5,"fileid":0,"certfile":7,"sig-sha256-ecdsa":"c2ln"`), "certfile"},
	{fileOf(`"filesize":5,"fileid":0,"certfile":"c"`), "no signature"},
	{fileOf(`"filesize":5,"fileid":0,"certfile":"c","sig-sha256-ecdsa":"%%%"`), "base64"},
	{fileOf(`"filesize":5,"fileid":0,"certfile":"c","sig-sha512-ecdsa":"c2ln"`), "does not know"},
	{fileOf(`"filesize":5,"fileid":0,"certfile":"c","sig-sha256-ecdsa":"c2ln","sig-sha256-rsa":"c2ln"`), "both"},
	{`{"afr_ota":{"protocols":["CARRIER PIGEON"],"streamname":"s","files":[{"filesize":5,"sig-sha256-ecdsa":"c2ln"}]}}`, "neither MQTT nor HTTP"},
	{`{"afr_ota":{"protocols":["HTTP"],"files":[{"filesize":5,"sig-sha256-ecdsa":"c2ln","update_data_url":"ftp://h/x"}]}}`, "http or https"},
	{`{"afr_ota":{"protocols":["MQTT"],"streamname":"a/#","files":[{"filesize":5,"sig-sha256-ecdsa":"c2ln"}]}}`, "streamname"},
	{`{"abota":{"version":1}}`, "abota.source"},
	{`{"abota":{"version":2,"source":"s3://fleet/x"}}`, "update abota itself first"},
	{`{"abota":{"version":1,"source":"ftp://elsewhere.example.com/firmware.zip"}}`, "http or https"},
	{`{"abota":{"version":1,"source":"s3://fleet/x","checksum":"sha1:00"}}`, "checksum"},
	{`{"afr_ota":` + strings.Repeat(`[`, 40) + strings.Repeat(`]`, 40) + `}`, "deep"},
	{strings.Repeat(`[`, 41) + strings.Repeat(`]`, 41), "neither afr_ota nor abota"},
	{`"text"`, ""},
	{`7`, "neither afr_ota nor abota"},
}

// fileOf is a document of one file.
func fileOf(file string) string {
	return `{"afr_ota":{"protocols":["MQTT"],"streamname":"s","files":[{` + file + `}]}}`
}

func badJob(s *scene, i int) string { return fmt.Sprintf("bad-%s-%02d", s.name, i) }

// malformed makes a job of each of them, and then a good one.
func malformed(_ context.Context, s *scene) error {
	for i, b := range bad {
		if err := s.direct(badJob(s, i), b.document); err != nil {
			return fmt.Errorf("%s: %w", b.document, err)
		}
	}
	return s.direct(s.job, s.release.document)
}

// wereRejected checks what became of each.
func wereRejected(_ context.Context, s *scene) error {
	for i, b := range bad {
		e := s.execution(badJob(s, i))
		if e.Status != "REJECTED" || !strings.Contains(reason(e), b.says) || reason(e) == "" {
			return fmt.Errorf("%s is %s, want REJECTED with %q: %s", b.document, e.Status, b.says, reason(e))
		}
		s.note("REJECTED: %s", reason(e))
	}
	return nil
}

// full puts the device's state on a disk of its own that is full, until the row
// is over.
func full(ctx context.Context, s *scene) error {
	state := s.device.at("state")
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", state).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: it needs to mount a disk: %s", faulttable.ErrMissing, out)
	}
	s.ends = append(s.ends, func() { _ = exec.Command("umount", "--lazy", state).Run() }) // a folder of nobody is left
	filler := make([]byte, 2<<20)
	if err := os.WriteFile(s.device.at("state", "filler"), filler, 0o600); err == nil {
		return errors.New("the disk is not full")
	}
	return nil
}

// emptied makes room on that disk.
func emptied(_ context.Context, s *scene) error { return os.Remove(s.device.at("state", "filler")) }
