package sim

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"abota/sim/guest"
	"abota/updater/slot"
)

// Published is a release in the bucket.
type Published struct {
	// SHA256 and Size are of the image that it holds, as it will lie in a
	// slot.
	SHA256 string
	Size   int64
	// Parts are the images of its parts, where a slot has several.
	Parts []slot.Held
}

// Publish makes a firmware and offers it in the bucket.
func (w *World) Publish(ctx context.Context, version string, b guest.Behaviour) (Published, error) {
	image, err := w.image(ctx, version, b)
	if err != nil {
		return Published{}, err
	}
	defer w.discard(image)
	payload, err := w.payload(version, image)
	if err != nil {
		return Published{}, err
	}
	var held []slot.Held
	for _, p := range payload {
		proof, err := slot.Digest(ctx, p.path, -1)
		if err != nil {
			return Published{}, err
		}
		held = append(held, slot.Held{Name: p.part, SHA256: proof.SHA256, Size: proof.Size})
	}
	_, err = w.offer(ctx, version, image)
	proof := slot.Together(held)
	published := Published{SHA256: proof.SHA256, Size: proof.Size}
	if len(held) > 1 {
		published.Parts = held
	}
	return published, err
}

// payload is what a release holds: a slot's image, or one for each of its parts.
func (w *World) payload(version, image string) ([]partImage, error) {
	switch {
	case w.kind.Verity:
		return []partImage{{"boot", image + guest.BootSuffix}, {"root", image}, {"verity", image + guest.HashesSuffix}}, nil
	case w.loader.KernelInSlot():
		return []partImage{{path: image}}, nil
	}
	initrd, err := w.maker.InitrdOf(version)
	return []partImage{{"root", image}, {"linux", w.kernel}, {"initrd", initrd}}, err
}

// partImage is the image of a part of a slot; of the only one when part is empty.
type partImage struct{ part, path string }

// word is it on the command line of abota-publish.
func (p partImage) word() string {
	if p.part == "" {
		return p.path
	}
	return p.part + "=" + p.path
}

// publish makes a firmware and offers it in the bucket. It returns the size of
// the token in bytes.
func (w *World) publish(ctx context.Context, version string, b guest.Behaviour) (int64, error) {
	image, err := w.image(ctx, version, b)
	if err != nil {
		return 0, err
	}
	defer w.discard(image)
	return w.offer(ctx, version, image)
}

// discard removes what was made of a firmware.
func (w *World) discard(image string) {
	for _, suffix := range []string{"", guest.BootSuffix, guest.HashesSuffix} {
		os.Remove(image + suffix)
	}
}

// offer makes a release of an image, as a release engineer would, by
// abota-publish, and puts it into the bucket.
func (w *World) offer(ctx context.Context, version, image string) (int64, error) {
	release := filepath.Join(w.dir, "release-"+version)
	defer os.RemoveAll(release)
	payload, err := w.payload(version, image)
	if err != nil {
		return 0, err
	}
	args := []string{"pack", "-o", release, "--new-key", "--version", version}
	for _, p := range payload {
		args = append(args, p.word())
	}
	if err := w.store.Publish(ctx, w.publisher, args...); err != nil {
		return 0, err
	}
	if err := w.store.Publish(ctx, w.publisher, "push", release, "s3://"+bucket, "--with-key", "--version", version); err != nil {
		return 0, err
	}
	info, err := os.Stat(filepath.Join(release, "firmware.zip"))
	if err != nil {
		return 0, fmt.Errorf("look at release %s: %w", version, err)
	}
	return info.Size(), nil
}
