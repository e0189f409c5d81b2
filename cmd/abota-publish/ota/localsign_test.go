package ota

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"abota/cmd/internal/cli"
)

func ecKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKeyOf(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// blocks is a PEM file.
func blocks(all ...*pem.Block) []byte {
	var text []byte
	for _, b := range all {
		text = append(text, pem.EncodeToMemory(b)...)
	}
	return text
}

func pkcs8(t *testing.T, key any) *pem.Block {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &pem.Block{Type: "PRIVATE KEY", Bytes: der}
}

func TestSignKeys(t *testing.T) {
	p256 := ecKey(t, elliptic.P256())
	sec1, err := x509.MarshalECPrivateKey(p256)
	if err != nil {
		t.Fatal(err)
	}
	small, big := rsaKeyOf(t, 2048), rsaKeyOf(t, 4096)
	t.Setenv("GODEBUG", "rsa1024min=0")
	tiny := rsaKeyOf(t, 1024)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		text  []byte
		wrong string
		doubt string
	}{
		{"SEC 1", blocks(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}), "", ""},
		{"as openssl writes it", blocks(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 0}}, &pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}), "", ""},
		{"PKCS #8", blocks(pkcs8(t, p256)), "", ""},
		{"PKCS #1", blocks(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(small)}), "", ""},
		{"P-384", blocks(pkcs8(t, ecKey(t, elliptic.P384()))), "", "use P-256"},
		{"RSA of 4096 bits", blocks(pkcs8(t, big)), "", "has room for 3072"},
		{"P-521", blocks(pkcs8(t, ecKey(t, elliptic.P521()))), "devices take P-256 and P-384", ""},
		{"RSA of 1024 bits", blocks(pkcs8(t, tiny)), "devices take 2048 to 8192", ""},
		{"Ed25519", blocks(pkcs8(t, ed)), "neither ECDSA nor RSA", ""},
		{"encrypted", blocks(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}}), "it is encrypted", ""},
		{"encrypted as of old", blocks(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: []byte{1}}), "it is encrypted", ""},
		{"public", blocks(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1}}), "a private key is needed", ""},
		{"certificate alone", blocks(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}}), "no private key", ""},
		{"damaged", blocks(&pem.Block{Type: "PRIVATE KEY", Bytes: sec1[:20]}), "cannot use the key", ""},
		{"empty", nil, "no private key", ""},
	} {
		path := filepath.Join(t.TempDir(), "key.pem")
		if err := os.WriteFile(path, row.text, 0o600); err != nil {
			t.Fatal(err)
		}
		key, err := readSignKey(path)
		switch {
		case row.wrong != "" && (err == nil || !strings.Contains(err.Error(), row.wrong) || codeOf(err) != cli.ExitUsage):
			t.Errorf("%s: %v, want %q", row.name, err, row.wrong)
		case row.wrong == "" && err != nil:
			t.Errorf("%s: %v", row.name, err)
		case row.wrong == "" && !strings.Contains(keyDoubts(key), row.doubt) || row.wrong == "" && row.doubt == "" && keyDoubts(key) != "":
			t.Errorf("%s: %q, want %q", row.name, keyDoubts(key), row.doubt)
		}
	}
}

func TestRSASignsAsDevicesVerify(t *testing.T) {
	f, r, key := newFake(t), sampleRequest(t), rsaKeyOf(t, 2048)
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, blocks(pkcs8(t, key)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.SignKey, r.CertName = path, "foobar"
	if code, text := f.create(t.Context(), t, r, Options{}); code != cli.ExitDone {
		t.Fatal(text)
	}
	file := f.document(t, "AFR_OTA-Job1").AFR.Files[0]
	sig, err := base64.StdEncoding.DecodeString(file.RSA)
	sum := sha256.Sum256([]byte("the binary"))
	if err != nil || file.ECDSA != "" || rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], sig) != nil {
		t.Errorf("%+v, %v", file, err)
	}
}
