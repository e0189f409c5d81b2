package signature

import (
	"crypto/sha256"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatOpenSSLSigns: keys, certificates and signatures as people make them by
// hand, in the commands that AWS's documents give for code signing.
func TestWhatOpenSSLSigns(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("SKIPPED: there is no openssl command: nothing but our own signatures was checked")
	}
	for name, row := range map[string]struct {
		algorithm string
		key       []string
	}{
		"P-256":    {ECDSA, []string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:named_curve"}},
		"P-384":    {ECDSA, []string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-pkeyopt", "ec_param_enc:named_curve"}},
		"RSA 2048": {RSA, []string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}},
		"RSA 4096": {RSA, []string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folderOf(t, nil)
			work := t.TempDir()
			run := func(args ...string) string {
				cmd := exec.Command("openssl", args...)
				cmd.Dir = work
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("openssl %s: %v", strings.Join(args, " "), err)
				}
				return string(out)
			}
			image := []byte(strings.Repeat("firmware ", 50_000))
			if err := os.WriteFile(filepath.Join(work, "image.bin"), image, 0o644); err != nil {
				t.Fatal(err)
			}
			const config = "[req]\ndistinguished_name=name\nprompt=no\nx509_extensions=signing\n[name]\nCN=signer\n[signing]\nkeyUsage=digitalSignature\nextendedKeyUsage=codeSigning\n"
			if err := os.WriteFile(filepath.Join(work, "req.cnf"), []byte(config), 0o644); err != nil {
				t.Fatal(err)
			}
			run(append([]string{"genpkey", "-out", "signer.key"}, row.key...)...)
			run("req", "-new", "-x509", "-config", "req.cnf", "-days", "365", "-key", "signer.key", "-out", filepath.Join(dir, "signer.crt"))
			run("req", "-new", "-x509", "-config", "req.cnf", "-days", "365", "-key", "signer.key", "-text", "-out", filepath.Join(dir, "wordy.pem"))
			run("dgst", "-sha256", "-sign", "signer.key", "-out", "image.sig", "image.bin")
			text := run("base64", "-A", "-in", "image.sig")
			sig, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			for _, certificate := range []string{"signer", "wordy"} {
				d, err := New(dir, certificate, "sig-"+row.algorithm, sig)
				if err != nil {
					t.Fatal(err)
				}
				if err := d.Verify(sha256.Sum256(image)); err != nil {
					t.Errorf("%s: %v", certificate, err)
				}
				wantUntrusted(t, d.Verify(sha256.Sum256(image[1:])), "does not fit")
			}
		})
	}
}
