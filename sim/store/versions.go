package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// ErrNotFound: there is no such object, no such version of it, or no such
// bucket.
var ErrNotFound = errors.New("not found")

// Version is one version of an object.
type Version struct {
	ID   string
	Size int64
	ETag string // without quotes
}

// Object is an open version. Reading and reading at an offset may be mixed;
// it is not for several goroutines at once.
type Object interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// KeepVersions has the bucket keep every version of its objects from now on.
func (s *Store) KeepVersions(ctx context.Context, bucket string) error {
	if err := s.client.EnableVersioning(ctx, bucket); err != nil {
		return fmt.Errorf("keep the versions of bucket %q: %w", bucket, err)
	}
	return nil
}

// Open opens one version of an object, the newest for "". The error is
// ErrNotFound when there is none.
func (s *Store) Open(ctx context.Context, bucket, name, version string) (Object, Version, error) {
	o, err := s.client.GetObject(ctx, bucket, name, minio.GetObjectOptions{VersionID: version})
	if err != nil {
		return nil, Version{}, fmt.Errorf("open %q in bucket %q: %w", name, bucket, known(err))
	}
	info, err := o.Stat()
	if err != nil {
		o.Close()
		return nil, Version{}, fmt.Errorf("open version %q of %q in bucket %q: %w", version, name, bucket, known(err))
	}
	return o, Version{ID: info.VersionID, Size: info.Size, ETag: info.ETag}, nil
}

// known tells what is not there from what went wrong. A version that is none
// by its form is answered as an invalid argument by the store.
func known(err error) error {
	switch r := minio.ToErrorResponse(err); {
	case r.StatusCode == http.StatusNotFound, r.Code == minio.NoSuchKey, r.Code == minio.NoSuchBucket, r.Code == minio.NoSuchVersion,
		r.Code == minio.InvalidArgument, r.Code == "MethodNotAllowed", r.Code == minio.InvalidBucketName:
		return fmt.Errorf("%w: %s", ErrNotFound, r.Message)
	}
	return err
}

// Links makes links to objects at another address that leads to the store.
type Links struct{ client *minio.Client }

// Links are made for an address, host:port, as devices know the store by.
func (s *Store) Links(address string) (Links, error) {
	c, err := newClient(address, s.keys, 1)
	return Links{c}, err
}

// Version is a URL by which anybody may GET one version of an object for so
// long; the newest for "".
func (l Links) Version(ctx context.Context, bucket, name, version string, valid time.Duration) (string, error) {
	query := url.Values{}
	if version != "" {
		query.Set("versionId", version)
	}
	u, err := l.client.PresignedGetObject(ctx, bucket, name, valid, query)
	if err != nil {
		return "", fmt.Errorf("make a link to version %q of %q in bucket %q: %w", version, name, bucket, err)
	}
	return u.String(), nil
}

// TemporaryKeys end after a time, which the store's token service wants to be
// 15 minutes at least, and may do what the policy allows; all for "".
func (s *Store) TemporaryKeys(policy string, valid time.Duration) (Keys, time.Time, error) {
	fail := func(err error) (Keys, time.Time, error) {
		return Keys{}, time.Time{}, fmt.Errorf("make temporary keys: %w", err)
	}
	provider, err := credentials.NewSTSAssumeRole(s.endpoint, credentials.STSAssumeRoleOptions{
		AccessKey: s.keys.AccessKey, SecretKey: s.keys.SecretKey,
		Location: region, DurationSeconds: int(valid.Seconds()), Policy: policy,
	})
	if err != nil {
		return fail(err)
	}
	v, err := provider.GetWithContext(&credentials.CredContext{Client: http.DefaultClient})
	if err != nil {
		return fail(err)
	}
	return Keys{v.AccessKeyID, v.SecretAccessKey, v.SessionToken}, v.Expiration, nil
}
