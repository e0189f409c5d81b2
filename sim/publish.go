package sim

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"abota/sim/guest"
	"abota/updater/fernet"

	fernetgo "github.com/fernet/fernet-go"
)

// The classic release: three objects.
const (
	tokenName    = "firmware.zip"
	checksumName = "checksum.txt"
	keyName      = "key.key"
)

// publish makes a firmware and offers it in the bucket.
func (w *World) publish(ctx context.Context, version string, b guest.Behaviour) (size int64, err error) {
	image, err := w.image(ctx, version, b)
	if err != nil {
		return 0, err
	}
	defer os.Remove(image)
	var key fernetgo.Key
	if err := key.Generate(); err != nil {
		return 0, fmt.Errorf("make a release key: %w", err)
	}
	token := filepath.Join(w.dir, tokenName)
	checksum, err := encrypt(token, image, &key)
	if err != nil {
		return 0, fmt.Errorf("encrypt release %s: %w", version, err)
	}
	defer os.Remove(token)
	f, err := os.Open(token)
	if err != nil {
		return 0, fmt.Errorf("upload release %s: %w", version, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("upload release %s: %w", version, err)
	}
	meta := map[string]string{"version": version}
	if err := w.store.Put(ctx, bucket, tokenName, f, info.Size(), meta); err != nil {
		return 0, err
	}
	for name, text := range map[string]string{keyName: key.Encode(), checksumName: checksum} {
		if err := w.store.Put(ctx, bucket, name, bytes.NewReader([]byte(text)), int64(len(text)), meta); err != nil {
			return 0, err
		}
	}
	return info.Size(), nil
}

// encrypt writes the image as the one entry of a zip inside a Fernet token,
// and returns the token's MD5 in hexadecimal.
func encrypt(path, image string, key *fernet.Key) (checksum string, err error) {
	in, err := os.Open(image)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.Create(path)
	if err != nil {
		return "", err
	}
	sum := md5.New()
	token := fernet.NewWriter(io.MultiWriter(out, sum), key)
	archive := zip.NewWriter(token)
	entry, err := archive.Create("root.ext4")
	if err == nil {
		_, err = io.Copy(entry, in)
	}
	err = errors.Join(err, archive.Close(), token.Close(), out.Close())
	return hex.EncodeToString(sum.Sum(nil)), err
}
