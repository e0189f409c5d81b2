package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"abota/bootctl"
	"abota/updater"
	"abota/updater/classic"
	"abota/updater/config"
	"abota/updater/jobs"
	"abota/updater/mqtt"
	"abota/updater/raw"
	"abota/updater/release"
	"abota/updater/signature"
	"abota/updater/source"
)

// offers makes releases of what jobs' documents name.
//
// A document is the word of whoever may create jobs, and may choose among what
// the configuration trusts, nothing else: it names no file of this device, no
// server that would get the device's keys, and no key that would open a release
// of its own.
type offers struct {
	c    *command
	cfg  *config.Config
	link source.Link
	// known are the releases that this device has met.
	known func() ([]release.ID, error)
	// renew asks for the document anew.
	renew func(context.Context) (jobs.Document, error)
}

// of is the release of a document.
func (o offers) of(doc jobs.Document) (updater.Release, error) {
	if doc.File != nil {
		return o.signed(*doc.File)
	}
	return o.classic(*doc.Source)
}

// signed is the file of an afr_ota document: an image, or the file of a classic
// release, under a signature.
func (o offers) signed(f jobs.File) (updater.Release, error) {
	by, err := signatureOf(o.cfg, f)
	if err != nil {
		return nil, err
	}
	if warning := by.Certificate().Warning(clock(o.cfg.StateDir)()); warning != "" {
		o.c.log.Warn(warning)
	}
	from, err := o.file(f)
	if err != nil {
		return nil, err
	}
	image := artifact{from: from, file: f, keyFile: o.cfg.KeyFile, warn: func(text string) { o.c.log.Warn(text) }, parts: o.cfg.Slots[bootctl.A].Group()}
	return signedBy(image, by, o.known), nil
}

// signatureOf is the signature of a document, by a certificate of the folder
// that the configuration names.
func signatureOf(cfg *config.Config, f jobs.File) (*signature.Detached, error) {
	return signature.New(cfg.AWSIoT.Certificates, f.Certificate, string(f.Algorithm), f.Signature)
}

// file is where a file comes from.
func (o offers) file(f jobs.File) (artifactSource, error) {
	if f.Protocol == jobs.MQTT {
		network, err := o.c.network(o.cfg)
		if err != nil {
			return nil, err
		}
		stream, err := source.NewStream(source.StreamOptions{
			Link: o.link, Thing: o.cfg.ThingName(), Stream: f.Stream, FileID: f.ID, Size: f.Size,
			Format: o.cfg.AWSIoT.Format, BlockSize: o.cfg.AWSIoT.BlockSize, Network: network,
			Denied: func(err error) bool { return errors.Is(err, mqtt.ErrRefused) },
		})
		if err != nil {
			return nil, refusedJob("%w", err)
		}
		return stream, nil
	}
	return o.web(f.URL.Reveal(), func(fresh jobs.Document) (string, bool) {
		if fresh.File == nil || string(fresh.File.Signature) != string(f.Signature) || fresh.File.Size != f.Size {
			return "", false
		}
		return fresh.File.URL.Reveal(), true
	})
}

// classic is the release of an abota document.
func (o offers) classic(s jobs.Source) (updater.Release, error) {
	r := o.c.nowhere(o.cfg)
	if s.Checksum != "" {
		sum, err := classic.ParseSum(s.Checksum)
		if err != nil {
			return nil, refusedJob("%w", err)
		}
		r.Sum = sum
	}
	if r.KeyFile == "" && !o.ours(s) {
		return nil, &configError{errors.New("cannot take the release that the job names because its key would come from where the job says: put the key on the device and name it with key_file")}
	}
	if s.URL == "" {
		below(r, s.Prefix)
		bucket, err := o.c.bucket(o.cfg, s.Bucket, cmp.Or(s.Region, o.cfg.Region))
		r.Source = bucket
		return versioned{offered{r}, s.Release}, err
	}
	web, err := o.web(s.URL.Reveal(), func(fresh jobs.Document) (string, bool) {
		if fresh.Source == nil || fresh.Source.Checksum != s.Checksum {
			return "", false
		}
		return fresh.Source.URL.Reveal(), true
	})
	if err != nil {
		return nil, err
	}
	r.Source, r.Token, r.Alone = web, cmp.Or(web.File(), r.Token), web.Alone()
	return versioned{offered{r}, s.Release}, nil
}

// ours reports whether a release lies where the configuration says that
// releases lie.
func (o offers) ours(s jobs.Source) bool {
	if s.URL == "" {
		return s.Bucket == o.cfg.Bucket
	}
	return sameServer(s.URL.Reveal(), o.cfg.URL.Reveal())
}

// web is the address of a document, and its successors in that of the same job.
func (o offers) web(address string, next func(jobs.Document) (string, bool)) (*source.Web, error) {
	if err := o.mayFetch(address); err != nil {
		return nil, err
	}
	network, err := o.c.network(o.withoutCertificate(address))
	if err != nil {
		return nil, err
	}
	web, err := source.NewWeb(source.WebOptions{
		URL: address, Network: network,
		RenewedBy: &source.Renewer{Name: "the job", Advice: "see how the job stands"},
		Renew: func(ctx context.Context) (string, error) {
			fresh, err := o.renew(ctx)
			if errors.Is(err, jobs.ErrOver) {
				err = fmt.Errorf("%w: %w", source.ErrDenied, err)
			}
			if err != nil {
				return "", err
			}
			address, same := next(fresh)
			if !same {
				return "", fmt.Errorf("%w: its document names another release now", source.ErrDenied)
			}
			return address, o.mayFetch(address)
		},
	})
	if err != nil {
		return nil, refusedJob("%w", err)
	}
	return web, nil
}

// mayFetch refuses addresses that a document must not name. http is for
// simulators, whose store the configuration itself names with http.
func (o offers) mayFetch(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "":
		return refusedJob("its address is none: write it like https://host/firmware.bin")
	case u.Scheme == "https", u.Scheme == "http" && sameServer(address, o.cfg.Endpoint):
		return nil
	}
	return refusedJob("its address is %s:// and not https://, and is not at the configured endpoint: give an https address", u.Scheme)
}

// withoutCertificate is the configuration for a server that it does not name:
// this device's certificate is shown to none of those.
func (o offers) withoutCertificate(address string) *config.Config {
	if sameServer(address, o.cfg.URL.Reveal()) || sameServer(address, o.cfg.Endpoint) {
		return o.cfg
	}
	cfg := *o.cfg
	cfg.TLS.Cert, cfg.TLS.Key = "", ""
	return &cfg
}

// sameServer reports whether both addresses are of one server, by one protocol.
func sameServer(a, b string) bool {
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	return errX == nil && errY == nil && x.Host != "" && x.Scheme == y.Scheme && strings.EqualFold(x.Host, y.Host)
}

// refusedJob is a job that this device does not carry out.
func refusedJob(format string, args ...any) error {
	return fmt.Errorf("%w: the job cannot be taken because %w", updater.ErrRefusedRelease, fmt.Errorf(format, args...))
}

// versioned is a release that the publisher calls by a version, where it says
// none itself.
type versioned struct {
	updater.Release
	version string
}

func (v versioned) Check(ctx context.Context) (release.ID, error) {
	id, err := v.Release.Check(ctx)
	id.Version = cmp.Or(id.Version, v.version)
	return id, err
}

func (v versioned) Open(ctx context.Context) (updater.Payload, error) {
	p, err := v.Release.Open(ctx)
	if err != nil {
		return nil, err
	}
	return versionedPayload{p, v.version}, nil
}

type versionedPayload struct {
	updater.Payload
	version string
}

func (v versionedPayload) ID() release.ID {
	id := v.Payload.ID()
	id.Version = cmp.Or(id.Version, v.version)
	return id
}

// artifactSource is what a file is read from.
type artifactSource interface {
	raw.Source
	Get(ctx context.Context, name string, limit int64) ([]byte, source.Info, error)
}

// tokenStart is what a Fernet token begins with: its version, 0x80, and the
// first bytes of its time, which are zero until 2106, in base64.
const tokenStart = "gAAAAA"

// artifact is the file of an afr_ota document. Whether it is an image or the
// token of a classic release shows in its first bytes.
type artifact struct {
	from    artifactSource
	file    jobs.File
	keyFile string
	warn    func(string)
	// parts are what a slot of this device is made of.
	parts []config.Part
}

// objectName is what the file is called in messages; its source knows no other.
const objectName = "the file"

func (a artifact) image(from raw.Source) *raw.Release {
	return &raw.Release{Source: from, Object: objectName, Part: raw.PartName(a.file.Path), Size: a.file.Size}
}

// Check looks whether the file is there.
func (a artifact) Check(ctx context.Context) (release.ID, error) { return a.image(a.from).Check(ctx) }

// Open starts the one pass.
func (a artifact) Open(ctx context.Context) (updater.Payload, error) {
	object, err := a.from.Open(ctx, objectName)
	if err != nil {
		return nil, err
	}
	from := &begun{artifactSource: a.from, object: object}
	payload, err := a.open(ctx, from, object)
	if err != nil {
		return nil, errors.Join(err, from.Close())
	}
	return payload, nil
}

func (a artifact) open(ctx context.Context, from *begun, object *source.Object) (updater.Payload, error) {
	if string(object.Peek(len(tokenStart))) != tokenStart {
		if len(a.parts) > 1 {
			return nil, refusedJob("it is one image, but a slot of this device has %d parts: publish all of them as one release (abota-publish pack)", len(a.parts))
		}
		return a.image(from).Open(ctx)
	}
	if size := object.Info().Size; size >= 0 && size != a.file.Size {
		return nil, fmt.Errorf("%w: %s in %s has %d bytes, but the update says %d: create the update anew from this file", classic.ErrCorrupt, objectName, a.from, size, a.file.Size)
	}
	r := &classic.Release{Source: from, Token: objectName, KeyFile: a.keyFile, Alone: true, Warn: a.warn}
	return r.Open(ctx)
}

// begun is a source whose object is open already.
type begun struct {
	artifactSource
	object *source.Object
}

func (b *begun) Open(ctx context.Context, name string) (*source.Object, error) {
	if object := b.object; object != nil {
		b.object = nil
		return object, nil
	}
	return b.artifactSource.Open(ctx, name)
}

// Close closes what nobody took.
func (b *begun) Close() error {
	if b.object == nil {
		return nil
	}
	return b.object.Close()
}
