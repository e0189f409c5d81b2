package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/minio/minio-go/v7"

	"abota/sim/awsiot/service"
)

// Object is what a stream's file is.
type Object struct {
	Size int64 // bytes
	ETag string
}

// errChanged says that an object is not the one that it was.
var errChanged = errors.New("the object has changed")

// Objects are where the files of streams lie.
type Objects interface {
	// Stat describes a location's object.
	Stat(ctx context.Context, at service.S3Location) (Object, error)
	// Read reads n bytes at an offset, if the object still has that ETag;
	// otherwise the error wraps what [Changed] knows.
	Read(ctx context.Context, at service.S3Location, etag string, off int64, n int) ([]byte, error)
}

// Changed marks an error of [Objects] for an object with another ETag.
func Changed(err error) error { return fmt.Errorf("%w: %w", errChanged, err) }

// Store is an S3 store as [Objects].
type Store struct{ Client *minio.Client }

// Stat implements [Objects].
func (s Store) Stat(ctx context.Context, at service.S3Location) (Object, error) {
	info, err := s.Client.StatObject(ctx, at.Bucket, at.Key, minio.StatObjectOptions{VersionID: at.Version})
	if err != nil {
		return Object{}, fmt.Errorf("cannot find %s/%s version %q: %w", at.Bucket, at.Key, at.Version, err)
	}
	return Object{info.Size, info.ETag}, nil
}

// Read implements [Objects].
func (s Store) Read(ctx context.Context, at service.S3Location, etag string, off int64, n int) ([]byte, error) {
	opts := minio.GetObjectOptions{VersionID: at.Version}
	if err := errors.Join(opts.SetMatchETag(etag), opts.SetRange(off, off+int64(n)-1)); err != nil {
		return nil, fmt.Errorf("cannot ask for a part of %s/%s: %w", at.Bucket, at.Key, err)
	}
	body, _, _, err := (minio.Core{Client: s.Client}).GetObject(ctx, at.Bucket, at.Key, opts)
	if minio.ToErrorResponse(err).StatusCode == http.StatusPreconditionFailed {
		return nil, Changed(err)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s/%s version %q: %w", at.Bucket, at.Key, at.Version, err)
	}
	defer body.Close()
	part := make([]byte, n)
	if _, err := io.ReadFull(body, part); err != nil {
		return nil, fmt.Errorf("cannot read %s/%s version %q: %w", at.Bucket, at.Key, at.Version, err)
	}
	return part, nil
}
