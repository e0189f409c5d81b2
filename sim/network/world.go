package network

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"abota/sim"
	"abota/sim/front"
	"abota/sim/store"
)

const (
	bucket = "fleet-firmware"
	token  = "firmware.zip"
	sums   = "checksum.txt"
)

// world is what all rows share: the commands, the store and a release in it.
type world struct {
	dir              string
	abota, publisher string
	store            *store.Store
	keys             store.Keys // a device's
	image            []byte     // the sum of the image
	size             int64      // of the image
	tokenSize        int64
	keyFile          string
	md5              string // of the token
	ca, stranger     *front.Authority
}

// newWorld builds everything below dir; the image has size bytes.
func newWorld(ctx context.Context, dir string, size int64) (_ *world, err error) {
	w := &world{dir: dir, size: size}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	module, err := sim.FindModule(ctx)
	if err != nil {
		return nil, err
	}
	if w.abota, err = module.Build(ctx, "abota", "", dir); err != nil {
		return nil, err
	}
	if w.publisher, err = module.Build(ctx, "abota-publish", "", dir); err != nil {
		return nil, err
	}
	if w.store, err = store.Start(context.WithoutCancel(ctx), filepath.Join(dir, "store")); err != nil {
		return nil, err
	}
	if err := w.store.MakeBucket(ctx, bucket); err != nil {
		return nil, err
	}
	if w.keys, err = w.store.ReaderKeys(bucket); err != nil {
		return nil, err
	}
	now := time.Now()
	var err1, err2 error
	w.ca, err1 = front.NewAuthority("fleet", now.Add(-time.Hour), now.Add(24*time.Hour))
	w.stranger, err2 = front.NewAuthority("stranger", now.Add(-time.Hour), now.Add(24*time.Hour))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return w, w.release(ctx)
}

func (w *world) close() error {
	if w.store == nil {
		return nil
	}
	return w.store.Stop()
}

// release makes release 2, whose image does not shrink, and publishes it.
func (w *world) release(ctx context.Context) (err error) {
	folder, image := filepath.Join(w.dir, "release"), filepath.Join(w.dir, "image")
	if w.image, err = noise(image, w.size, 2); err != nil {
		return err
	}
	if err := w.store.Publish(ctx, w.publisher, "pack", image, "-o", folder, "--new-key", "--version", "2"); err != nil {
		return err
	}
	w.keyFile = filepath.Join(folder, "key.key")
	info, err := os.Stat(filepath.Join(folder, token))
	if err != nil {
		return fmt.Errorf("look at the release: %w", err)
	}
	w.tokenSize = info.Size()
	sum, err := os.ReadFile(filepath.Join(folder, sums))
	if err != nil {
		return fmt.Errorf("look at the release: %w", err)
	}
	w.md5 = strings.TrimSpace(string(sum))
	return w.push(ctx, folder, "")
}

// push uploads a release, under a prefix where one is given.
func (w *world) push(ctx context.Context, folder, prefix string) error {
	return w.store.Publish(ctx, w.publisher, "push", folder, "s3://"+bucket+"/"+prefix)
}

// another makes release 3 with the same key, and returns its folder and the
// sum of its image.
func (w *world) another(ctx context.Context) (folder string, sum []byte, err error) {
	folder, image := filepath.Join(w.dir, "another"), filepath.Join(w.dir, "image-3")
	if sum, err = noise(image, w.size, 3); err != nil {
		return "", nil, err
	}
	return folder, sum, w.store.Publish(ctx, w.publisher, "pack", image, "-o", folder, "--key", w.keyFile, "--version", "3", "--force")
}

// noise writes a file of bytes that do not compress, and returns their SHA-256.
func noise(path string, size int64, seed byte) (sum []byte, err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, h), rand.NewChaCha8([32]byte{seed}), size)
	return h.Sum(nil), err
}

// digest is a file's SHA-256.
func digest(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return h.Sum(nil), err
}
