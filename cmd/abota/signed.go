package main

import (
	"context"

	"abota/updater"
	"abota/updater/raw"
	"abota/updater/release"
	"abota/updater/signature"
)

// offeredRaw adapts a raw image to what the engine asks for.
type offeredRaw struct{ *raw.Release }

func (o offeredRaw) Open(ctx context.Context) (updater.Payload, error) { return o.Release.Open(ctx) }

// offeredSigned adapts a release with a signature beside it.
type offeredSigned struct{ *signature.Release }

func (o offeredSigned) Open(ctx context.Context) (updater.Payload, error) {
	return o.Release.Open(ctx)
}

// signedBy is a release that counts only under a signature. known are the
// releases that this device has met.
func signedBy(r updater.Release, by *signature.Detached, known func() ([]release.ID, error)) updater.Release {
	return offeredSigned{&signature.Release{
		Look: r.Check, By: by, Known: known,
		Artifact: func(ctx context.Context) (signature.Payload, error) { return r.Open(ctx) },
	}}
}
