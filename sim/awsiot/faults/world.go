package faults

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"abota/sim"
	"abota/sim/awsiot"
	"abota/sim/awsiot/service"
)

// world is what all rows share: the commands, an AWS IoT, and releases in it.
type world struct {
	dir              string
	abota, publisher string
	cloud            *awsiot.Cloud
	prepared         awsiot.Prepared
	size             int64 // of every image, and of every slot
	// release is what jobs install, and next what shows that a device goes on.
	release, next image
}

// image is a binary in the bucket.
type image struct {
	key string // in the bucket
	sum []byte // SHA-256
	// document is that of a job of it, as create-ota made it.
	document string
}

// newWorld builds everything below dir; images have size bytes.
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
	at := filepath.Join(dir, "cloud")
	if err := os.Mkdir(at, 0o700); err != nil {
		return nil, err
	}
	w.cloud, err = awsiot.Start(context.WithoutCancel(ctx), awsiot.Options{Dir: at, Clock: service.NewClock(time.Now(), 1), Pause: time.Millisecond})
	if err != nil {
		return nil, err
	}
	if w.prepared, err = w.cloud.Prepare(ctx); err != nil {
		return nil, err
	}
	if w.release, err = w.newImage(ctx, "release", 2); err != nil {
		return nil, err
	}
	w.next, err = w.newImage(ctx, "next", 3)
	return w, err
}

func (w *world) close() error {
	if w.cloud == nil {
		return nil
	}
	return w.cloud.Close()
}

// newImage puts an image of noise into the bucket, and makes a job of it for
// nobody, whose document others can be made of.
func (w *world) newImage(ctx context.Context, name string, seed byte) (image, error) {
	i := image{key: name + ".img"}
	path := filepath.Join(w.dir, i.key)
	var err error
	if i.sum, err = noise(path, w.size, seed); err != nil {
		return i, err
	}
	if err := w.put(ctx, i.key, path); err != nil {
		return i, err
	}
	if err := w.group("nobody"); err != nil {
		return i, err
	}
	if _, err := w.createOTA(ctx, i.key, "nobody", name); err != nil {
		return i, err
	}
	out, err := w.cloud.Service().GetJobDocument(jobPrefix+name, true)
	i.document = out.Document
	return i, err
}

func (w *world) put(ctx context.Context, key, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return w.cloud.Store().Put(ctx, awsiot.Bucket, key, f, w.size, nil)
}

func (w *world) group(name string) error {
	if _, err := w.cloud.Service().DescribeThingGroup(name); err == nil {
		return nil
	}
	_, err := w.cloud.Service().CreateThingGroup(service.CreateThingGroupInput{ThingGroupName: name})
	return err
}

// jobPrefix is what create-ota puts before a job's ID.
const jobPrefix = "AFR_OTA-"

// createOTA has the real publisher make a job, and returns what it said.
func (w *world) createOTA(ctx context.Context, key, group, job string, more ...string) (string, error) {
	p := w.prepared
	args := append([]string{"create-ota", key, p.Bucket, p.Profile, p.Role, group, job, "--start", "now", "--end", "none"}, more...)
	cmd := exec.CommandContext(ctx, w.publisher, args...)
	none := filepath.Join(w.dir, "none") // nobody's own settings
	cmd.Env = []string{
		"HOME=" + w.dir, "AWS_ENDPOINT_URL=" + p.Control, "AWS_REGION=" + p.Region, "AWS_ACCESS_KEY_ID=" + p.AccessKey, "AWS_SECRET_ACCESS_KEY=" + p.SecretKey,
		"AWS_CONFIG_FILE=" + none, "AWS_SHARED_CREDENTIALS_FILE=" + none, "AWS_EC2_METADATA_DISABLED=true",
	}
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		return "", fmt.Errorf("create-ota: %w: %s", err, out)
	case strings.Contains(string(out), p.SecretKey):
		return "", errors.New("create-ota shows the secret key")
	}
	return string(out), nil
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

// digest is the SHA-256 of a file.
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
