// Package raw reads a release that is nothing but an image: one object, byte
// for byte what goes into the slot, of a size that somebody said before.
//
// # Guarantee
//
// [Payload.Next] returns io.EOF only when exactly Size bytes were read and the
// source has ended with them, all of one object state. An object that is
// shorter or longer is asked about once more: if it was replaced meanwhile the
// error wraps [source.ErrChanged], else [ErrCorrupt]. Errors of the source pass
// through as they are. Everything happens in one pass and in constant memory
// (under 512 KiB).
//
// # Not guaranteed
//
// A raw image has no name, no version and no proof in it. What proves it lies
// beside it (package signature), so nothing here may be trusted before that was
// asked too. There is no downgrade protection.
//
// # Format
//
// The image as it is. AWS IoT's afr_ota documents call this the file: filesize
// is Size, and filepath, which each device reads as it likes, is no more than
// the part's name here (structure: README of
// aws-samples/aws-iot-create-ota-update-deconstructed, "Job Document").
package raw

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode"

	"abota/updater/release"
	"abota/updater/source"
)

// ErrCorrupt is wrapped when the image is not as large as it has to be, and was
// not replaced meanwhile.
var ErrCorrupt = errors.New("release is corrupt")

// DefaultName is what a part is called that nobody named.
const DefaultName = "image"

// maxName bounds a part's name in bytes, as file systems do.
const maxName = 255

// Source is where the image lies.
type Source interface {
	Open(ctx context.Context, name string) (*source.Object, error)
	// Look says what Open would say of the object.
	Look(ctx context.Context, name string) (source.Info, error)
	// Changed reports whether the object is no longer the one that was read.
	Changed(ctx context.Context, name string, was source.Info) (bool, error)
	// String names the source, without credentials.
	String() string
}

// Release is an image that a source offers. All fields but Part are required.
type Release struct {
	Source Source
	// Object is what the image is called in the source.
	Object string
	// Part is the name of the release's one part; empty means DefaultName. See
	// [PartName].
	Part string
	// Size is how many bytes the image has.
	Size int64
}

// PartName makes a part's name of a document's filepath: its last element, so
// that no document says where on a device something is put. What names no file
// is DefaultName.
func PartName(filepath string) string {
	name := filepath[strings.LastIndexByte(filepath, '/')+1:]
	if !fs.ValidPath(name) || name == "." || len(name) > maxName || strings.Contains(name, `\`) || strings.ContainsFunc(name, unicode.IsControl) {
		return DefaultName
	}
	return path.Clean(name)
}

// Check looks whether the image is there, and as large as it was said to be. It
// cannot say which one it is: that is for whoever holds a signature of it.
func (r *Release) Check(ctx context.Context) (release.ID, error) {
	if err := r.check(); err != nil {
		return release.ID{}, err
	}
	info, err := r.Source.Look(ctx, r.Object)
	if err != nil {
		return release.ID{}, err
	}
	return r.id(info), r.fits(info)
}

// Open starts to read the image. ctx ends all of the payload's reading.
func (r *Release) Open(ctx context.Context) (*Payload, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	object, err := r.Source.Open(ctx, r.Object)
	if err == nil {
		if err = r.fits(object.Info()); err != nil {
			object.Close()
		}
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return newPayload(ctx, cancel, r, object), nil
}

// check refuses what no image can be.
func (r *Release) check() error {
	if r.Size <= 0 {
		return corrupt("%s is said to have %d bytes, which is no image: create the update anew with the file's own size", r.in(), r.Size)
	}
	return nil
}

// fits compares with what the source knows before the first byte.
func (r *Release) fits(info source.Info) error {
	if info.Size >= 0 && info.Size != r.Size {
		return corrupt("%s has %d bytes, but the update says %d: create the update anew from this file, or put the right file there", r.in(), info.Size, r.Size)
	}
	return nil
}

// id is the release by what the source says of it.
func (r *Release) id(info source.Info) release.ID {
	return release.ID{Source: r.Source.String(), Size: r.Size, Published: info.Modified}
}

// in names the object for messages.
func (r *Release) in() string { return fmt.Sprintf("%s in %s", r.Object, r.Source) }

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrCorrupt, fmt.Errorf(format, args...))
}
