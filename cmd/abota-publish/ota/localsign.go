package ota

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"abota/cmd/internal/cli"
)

const (
	maxKeyFile = 64 << 10
	minRSA     = 2048 // bits
	maxRSA     = 8192 // bits
	// embeddedRSA is what AWS's library for embedded C has room for, 384 bytes.
	embeddedRSA = 3072 // bits
)

// readSignKey reads a private key from a PEM file: PKCS #8, SEC 1 or PKCS #1.
func readSignKey(path string) (crypto.Signer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read --sign-key: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("read --sign-key: %w", err)
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil, wrong("there is no private key in %s: give a PEM file, as `openssl ecparam -name prime256v1 -genkey -noout` makes one", path)
		}
		if block.Type == "EC PARAMETERS" || block.Type == "CERTIFICATE" { // openssl writes them in front
			continue
		}
		key, err := parseSignKey(block)
		if err != nil {
			return nil, wrong("cannot use the key in %s: %w", path, err)
		}
		return key, nil
	}
}

func parseSignKey(block *pem.Block) (key crypto.Signer, err error) {
	var any any
	switch block.Type {
	case "PRIVATE KEY":
		any, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		any, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		any, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, fmt.Errorf("it is encrypted: decrypt it with `openssl pkey` first")
	default:
		return nil, fmt.Errorf("it is a %.40q: a private key is needed", block.Type)
	}
	if err != nil {
		if block.Headers["DEK-Info"] != "" {
			return nil, fmt.Errorf("it is encrypted: decrypt it with `openssl pkey` first")
		}
		return nil, err
	}
	switch k := any.(type) {
	case *ecdsa.PrivateKey:
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() {
			return nil, fmt.Errorf("it is on %s, and devices take P-256 and P-384", k.Params().Name)
		}
		return k, nil
	case *rsa.PrivateKey:
		if k.N.BitLen() < minRSA || k.N.BitLen() > maxRSA {
			return nil, fmt.Errorf("it has %d bits of RSA, and devices take %d to %d", k.N.BitLen(), minRSA, maxRSA)
		}
		return k, nil
	}
	return nil, fmt.Errorf("it is neither ECDSA nor RSA")
}

// signLocally reads the object once, and signs its SHA-256.
func (s *session) signLocally(ctx context.Context, r *Request, key crypto.Signer, o object, size int64) (signature, error) {
	out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key, VersionId: &o.Version})
	if err != nil {
		return signature{}, explain("read the binary to sign it", err)
	}
	defer out.Body.Close()
	sum := sha256.New()
	progress := s.out.Progress(o.Key)
	n, err := io.Copy(sum, io.TeeReader(out.Body, &counter{progress: progress, total: size}))
	progress.End()
	if err != nil {
		return signature{}, explain("read the binary to sign it", err)
	}
	if n != size {
		return signature{}, coded(cli.ExitTransport, "cannot sign %s: %d of its %d bytes came: try again", o, n, size)
	}
	raw, err := key.Sign(rand.Reader, sum.Sum(nil), crypto.SHA256)
	if err != nil {
		return signature{}, fmt.Errorf("sign %s: %w", o, err)
	}
	sig := signature{Algorithm: ecdsaKey, Base64: base64.StdEncoding.EncodeToString(raw), Size: size, Cert: r.CertName}
	if _, ok := key.(*rsa.PrivateKey); ok {
		sig.Algorithm = rsaKey
	}
	return sig, nil
}

// counter shows how much was read.
type counter struct {
	progress    *cli.Progress
	done, total int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.done += int64(len(p))
	c.progress.Show(c.total, cli.Count{Name: "read", Bytes: c.done})
	return len(p), nil
}

// keyDoubts are what other devices than abota's may not take.
func keyDoubts(key crypto.Signer) string {
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		if k.Params().BitSize != 256 {
			return fmt.Sprintf("the key is on %s: Signer, and agents other than abota, use P-256", k.Params().Name)
		}
	case *rsa.PrivateKey:
		if k.N.BitLen() > embeddedRSA {
			return fmt.Sprintf("the key has %d bits of RSA: AWS's library for embedded C has room for %d", k.N.BitLen(), embeddedRSA)
		}
	}
	return ""
}
