package store

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// MakeBucket makes a bucket; one that is there already is fine.
func (s *Store) MakeBucket(ctx context.Context, bucket string) error {
	err := s.client.MakeBucket(ctx, bucket, minio.MakeBucketOptions{Region: region})
	if code := minio.ToErrorResponse(err).Code; err != nil && code != minio.BucketAlreadyOwnedByYou && code != minio.BucketAlreadyExists {
		return fmt.Errorf("make bucket %q: %w", bucket, err)
	}
	return nil
}

// Put uploads size bytes of r as one object, -1 when the size is not known.
// Metadata is the object's own ("version"), not HTTP headers.
func (s *Store) Put(ctx context.Context, bucket, name string, r io.Reader, size int64, metadata map[string]string) error {
	_, err := s.client.PutObject(ctx, bucket, name, r, size, minio.PutObjectOptions{UserMetadata: metadata})
	if err != nil {
		return fmt.Errorf("put %q into bucket %q: %w", name, bucket, err)
	}
	return nil
}

// Get opens an object; a missing one fails at the first Read.
func (s *Store) Get(ctx context.Context, bucket, name string) (io.ReadCloser, error) {
	o, err := s.client.GetObject(ctx, bucket, name, minio.GetObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("get %q from bucket %q: %w", name, bucket, err)
	}
	return o, nil
}

// Remove removes an object; one that is not there is fine.
func (s *Store) Remove(ctx context.Context, bucket, name string) error {
	if err := s.client.RemoveObject(ctx, bucket, name, minio.RemoveObjectOptions{}); err != nil {
		return fmt.Errorf("remove %q from bucket %q: %w", name, bucket, err)
	}
	return nil
}

// readOnly lets a device read one bucket's objects and nothing else.
const readOnly = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::%s/*"]}]}`

// ReaderKeys are what a device should have: they read the objects of one
// bucket, cannot list it, and end after a day. They are temporary ones of the
// store's own token service, since MinIO makes lasting users only by an
// administration protocol of its own; so they come with a session token.
func (s *Store) ReaderKeys(bucket string) (Keys, error) {
	provider, err := credentials.NewSTSAssumeRole(s.endpoint, credentials.STSAssumeRoleOptions{
		AccessKey:       s.keys.AccessKey,
		SecretKey:       s.keys.SecretKey,
		Location:        region,
		DurationSeconds: 24 * 60 * 60,
		Policy:          fmt.Sprintf(readOnly, bucket),
	})
	if err != nil {
		return Keys{}, fmt.Errorf("make keys for bucket %q: %w", bucket, err)
	}
	v, err := provider.GetWithContext(&credentials.CredContext{Client: http.DefaultClient})
	if err != nil {
		return Keys{}, fmt.Errorf("make keys for bucket %q: %w", bucket, err)
	}
	return Keys{v.AccessKeyID, v.SecretAccessKey, v.SessionToken}, nil
}

// LinkAt is a URL at another address that leads to the store, as a front's,
// by which anybody may GET the object for so long.
func (s *Store) LinkAt(ctx context.Context, address, bucket, name string, valid time.Duration) (string, error) {
	c, err := newClient(address, s.keys, 1)
	if err != nil {
		return "", err
	}
	u, err := c.PresignedGetObject(ctx, bucket, name, valid, nil)
	if err != nil {
		return "", fmt.Errorf("make a link to %q in bucket %q: %w", name, bucket, err)
	}
	return u.String(), nil
}

// Link is a URL that anybody may GET the object from for an hour.
func (s *Store) Link(ctx context.Context, bucket, name string) (string, error) {
	u, err := s.client.PresignedGetObject(ctx, bucket, name, time.Hour, nil)
	if err != nil {
		return "", fmt.Errorf("make a link to %q in bucket %q: %w", name, bucket, err)
	}
	return u.String(), nil
}

// Publish runs abota-publish, the program at this path, as the store's owner.
func (s *Store) Publish(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(),
		"AWS_ENDPOINT_URL="+s.endpoint, "AWS_REGION="+region,
		"AWS_ACCESS_KEY_ID="+s.keys.AccessKey, "AWS_SECRET_ACCESS_KEY="+s.keys.SecretKey, "AWS_SESSION_TOKEN=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("`abota-publish %s`: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
