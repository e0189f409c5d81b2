package broker

import (
	"context"
	"errors"
	"fmt"

	"abota/sim/awsiot/service"
	"abota/sim/store"
)

// Object is what a stream's file is.
type Object struct {
	Size int64 // bytes
	ETag string
}

// ErrChanged: an object is not the one that it was.
var ErrChanged = errors.New("the object has changed")

// Objects are where the files of streams lie.
type Objects interface {
	// Stat describes a location's object. The error is store.ErrNotFound when
	// there is none.
	Stat(ctx context.Context, at service.S3Location) (Object, error)
	// Read reads n bytes at an offset, if the object still has that ETag;
	// the error is ErrChanged if it has not.
	Read(ctx context.Context, at service.S3Location, etag string, off int64, n int) ([]byte, error)
}

// Store is the emulated account's S3 as [Objects].
type Store struct{ *store.Store }

// Stat implements [Objects].
func (s Store) Stat(ctx context.Context, at service.S3Location) (Object, error) {
	o, v, err := s.Open(ctx, at.Bucket, at.Key, at.Version)
	if err != nil {
		return Object{}, err
	}
	defer o.Close()
	return Object{v.Size, v.ETag}, nil
}

// Read implements [Objects].
func (s Store) Read(ctx context.Context, at service.S3Location, etag string, off int64, n int) ([]byte, error) {
	o, v, err := s.Open(ctx, at.Bucket, at.Key, at.Version)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	if v.ETag != etag {
		return nil, fmt.Errorf("%w: the ETag of %s/%s is %s and was %s", ErrChanged, at.Bucket, at.Key, v.ETag, etag)
	}
	part := make([]byte, n)
	if got, err := o.ReadAt(part, off); got < n {
		return nil, fmt.Errorf("read %d bytes at %d of %s/%s: %w", n, off, at.Bucket, at.Key, err)
	}
	return part, nil
}
