package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// signing is what a code-signing certificate is made with.
var signing = x509.Certificate{
	SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "signer"},
	NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC),
	KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
}

// certify is the PEM text of a certificate that signs itself.
func certify(t *testing.T, c x509.Certificate, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, &c, &c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func curveKey(t *testing.T, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// folderOf is a trusted folder with these files.
func folderOf(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "certificates")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func sign(t *testing.T, key crypto.Signer, digest []byte, h crypto.Hash) []byte {
	t.Helper()
	sig, err := key.Sign(rand.Reader, digest, h)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// wantUntrusted wants one line that says this.
func wantUntrusted(t *testing.T, err error, says string) {
	t.Helper()
	if !errors.Is(err, ErrUntrusted) {
		t.Fatalf("error %v, want ErrUntrusted", err)
	}
	if text := err.Error(); !strings.Contains(text, says) || strings.Contains(text, "\n") {
		t.Errorf("error %q does not say %q on one line", text, says)
	}
}

func TestSignatures(t *testing.T) {
	p256, p384, other, rsa2048 := curveKey(t, elliptic.P256()), curveKey(t, elliptic.P384()), curveKey(t, elliptic.P256()), rsaKey(t, 2048)
	dir := folderOf(t, map[string][]byte{
		"p256.pem": certify(t, signing, p256), "p384.pem": certify(t, signing, p384),
		"other.pem": certify(t, signing, other), "rsa.pem": certify(t, signing, rsa2048),
	})
	image := []byte("the image, byte for byte")
	digest := sha256.Sum256(image)
	right := sign(t, p256, digest[:], crypto.SHA256)
	flipped := append([]byte(nil), right...)
	flipped[len(flipped)-1] ^= 1
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(right, &pair); err != nil {
		t.Fatal(err)
	}
	sideBySide := append(pair.R.FillBytes(make([]byte, 32)), pair.S.FillBytes(make([]byte, 32))...)
	zero, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int), new(big.Int)})
	if err != nil {
		t.Fatal(err)
	}
	long, legacy := sha512.Sum512(image), sha1.Sum(image)
	pss, err := rsa2048.Sign(rand.Reader, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	const misfit = "does not fit: this release was not signed with the key of certificate"
	for name, row := range map[string]struct {
		certificate, algorithm string
		sig                    []byte
		says                   string // empty means that it fits
	}{
		"P-256":                {"p256", ECDSA, right, ""},
		"as a document has it": {"p256", "sig-" + ECDSA, right, ""},
		"P-384":                {"p384", ECDSA, sign(t, p384, digest[:], crypto.SHA256), ""},
		"RSA":                  {"rsa", "sig-" + RSA, sign(t, rsa2048, digest[:], crypto.SHA256), ""},

		"flipped bit":            {"p256", ECDSA, flipped, misfit + " p256.pem"},
		"other certificate":      {"other", ECDSA, right, misfit + " other.pem"},
		"another curve":          {"p384", ECDSA, right, misfit},
		"r and s side by side":   {"p256", ECDSA, sideBySide, "no ASN.1 DER"},
		"cut short":              {"p256", ECDSA, right[:len(right)-1], "no ASN.1 DER"},
		"something after it":     {"p256", ECDSA, append(append([]byte(nil), right...), 0), "no ASN.1 DER"},
		"nil":                    {"p256", ECDSA, nil, "is empty"},
		"huge":                   {"rsa", RSA, make([]byte, 1025), "1025 bytes"},
		"zeros":                  {"p256", ECDSA, zero, misfit},
		"over SHA-512":           {"p256", ECDSA, sign(t, p256, long[:], crypto.SHA512), misfit},
		"RSA, zeros":             {"rsa", RSA, make([]byte, 256), misfit},
		"RSA, over SHA-1":        {"rsa", RSA, sign(t, rsa2048, legacy[:], crypto.SHA1), misfit},
		"RSA, PSS":               {"rsa", RSA, pss, misfit},
		"RSA, shorter":           {"rsa", RSA, sign(t, rsa2048, digest[:], crypto.SHA256)[:255], misfit},
		"SHA-1":                  {"rsa", "sig-sha1-rsa", sign(t, rsa2048, legacy[:], crypto.SHA1), "proves nothing any more"},
		"ECDSA said to be RSA":   {"p256", RSA, right, "has a key for sha256-ecdsa"},
		"RSA said to be ECDSA":   {"rsa", ECDSA, sign(t, rsa2048, digest[:], crypto.SHA256), "has a key for sha256-rsa"},
		"unknown":                {"p256", "sha512-ecdsa", right, `"sha512-ecdsa" is unknown`},
		"nothing":                {"p256", "", right, `"" is unknown`},
		"another's letters":      {"p256", "SHA256-ECDSA", right, "is unknown"},
		"no certificate":         {"", ECDSA, right, "no certificate is named"},
		"one that is not there":  {"p257", ECDSA, right, `no certificate "p257"`},
		"a name with an escape":  {"a\x1b[2J", ECDSA, right, "no plain name"},
		"an algorithm and lines": {"p256", "sha1-\nrsa", right, "proves nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := New(dir, row.certificate, row.algorithm, row.sig)
			if err == nil {
				err = d.Verify(digest)
			}
			if row.says != "" {
				wantUntrusted(t, err, row.says)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			wantUntrusted(t, d.Verify(sha256.Sum256(image[1:])), misfit)
			for _, digits := range []string{"", "00", strings.Repeat("0", 63), strings.Repeat("g", 64), strings.Repeat("0", 66)} {
				wantUntrusted(t, d.VerifyHex(digits), "digest of the release is not known")
			}
		})
	}
}

func TestChecksumTellsSignaturesApart(t *testing.T) {
	key := curveKey(t, elliptic.P256())
	dir := folderOf(t, map[string][]byte{"a.pem": certify(t, signing, key), "b.pem": certify(t, signing, key)})
	digest := sha256.Sum256(nil)
	one, two := sign(t, key, digest[:], crypto.SHA256), sign(t, key, digest[:], crypto.SHA256)
	seen := map[string]bool{}
	for _, of := range []struct {
		name string
		sig  []byte
	}{{"a", one}, {"a", two}, {"b", one}, {"a.pem", one}} {
		d, err := New(dir, of.name, ECDSA, of.sig)
		if err != nil {
			t.Fatal(err)
		}
		seen[d.Checksum()] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d checksums for three signatures: %v", len(seen), seen)
	}
}

func TestDatesAreWorthAWarning(t *testing.T) {
	dir := folderOf(t, map[string][]byte{"signer.pem": certify(t, signing, curveKey(t, elliptic.P256()))})
	c, err := Load(dir, "signer")
	if err != nil {
		t.Fatal(err)
	}
	for year, says := range map[int]string{1970: "signer.pem is valid from 2020-01-01", 2026: "", 2060: "signer.pem has expired on 2050-01-01"} {
		if got := c.Warning(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)); !strings.HasPrefix(got, "certificate "+says) && says != "" || says == "" && got != "" {
			t.Errorf("%d: %q, want %q", year, got, says)
		}
	}
}

func TestCertificatesThatMustNotVouch(t *testing.T) {
	key := curveKey(t, elliptic.P256())
	with := func(change func(*x509.Certificate)) x509.Certificate {
		c := signing
		change(&c)
		return c
	}
	good := certify(t, signing, key)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	asPEM := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(good)
	t.Setenv("GODEBUG", "rsa1024min=0")
	for name, row := range map[string]struct {
		text []byte
		says string
	}{
		"good":               {good, ""},
		"text before it":     {append([]byte("Certificate:\n    Data: …\n"), good...), ""},
		"no usages":          {certify(t, with(func(c *x509.Certificate) { c.KeyUsage, c.ExtKeyUsage = 0, nil }), key), ""},
		"an authority":       {certify(t, with(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }), key), ""},
		"any usage":          {certify(t, with(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }), key), ""},
		"several usages":     {certify(t, with(func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) }), key), ""},
		"key usage":          {certify(t, with(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign }), key), "keyUsage=digitalSignature"},
		"extended key usage": {certify(t, with(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), key), "extendedKeyUsage=codeSigning"},
		"unknown usage": {certify(t, with(func(c *x509.Certificate) {
			c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{{1, 2, 3}}
		}), key), "extendedKeyUsage=codeSigning"},
		"critical extension": {certify(t, with(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}), key), "1.2.3 is critical"},
		"P-224":                {certify(t, signing, curveKey(t, elliptic.P224())), "curve P-224"},
		"P-521":                {certify(t, signing, curveKey(t, elliptic.P521())), "curve P-521"},
		"RSA of 1024 bits":     {certify(t, signing, rsaKey(t, 1024)), "RSA key has 1024 bits"},
		"Ed25519":              {certify(t, signing, edwards), "neither ECDSA nor RSA"},
		"two certificates":     {append(append([]byte(nil), good...), good...), `"CERTIFICATE" follows`},
		"a key behind it":      {append(append([]byte(nil), good...), asPEM("PRIVATE KEY", private)...), `"PRIVATE KEY" follows`},
		"a key before it":      {append(asPEM("EC PARAMETERS", []byte{6, 0}), good...), `begins with a "EC PARAMETERS"`},
		"a public key":         {asPEM("PUBLIC KEY", public), `begins with a "PUBLIC KEY"`},
		"DER":                  {block.Bytes, "holds no certificate"},
		"empty":                {nil, "holds no certificate"},
		"cut short":            {good[:len(good)/2], "holds no certificate"},
		"a damaged one":        {asPEM("CERTIFICATE", block.Bytes[1:]), "cannot be read"},
		"huge":                 {append(append([]byte(nil), good...), make([]byte, maxFile)...), "larger than 65536 bytes"},
		"as large as may be":   {append(append([]byte(nil), good...), make([]byte, maxFile-len(good))...), ""},
		"a trailing line":      {append(append([]byte(nil), good...), "\n\n"...), ""},
		"with carriage return": {[]byte(strings.ReplaceAll(string(good), "\n", "\r\n")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(folderOf(t, map[string][]byte{"signer.pem": row.text}), "signer")
			if row.says == "" && err != nil {
				t.Error(err)
			}
			if row.says != "" {
				wantUntrusted(t, err, row.says)
			}
		})
	}
}
