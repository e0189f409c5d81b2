package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/minio/minio-go/v7"

	"abota/cmd/internal/cli"
	"abota/updater/fernet"
)

// versionMetadata is the object metadata that devices read the version from.
const versionMetadata = "version"

// publicKeyWarning: Fernet is symmetric, so reading is also forging.
const publicKeyWarning = "the key goes into the bucket and is then as public as the bucket: whoever can read it can read and forge releases"

// upload is one push under way.
type upload struct {
	*command
	client  *minio.Client
	to      destination
	names   objectNames
	from    local
	token   *inputFile  // open from its digests on: another file under its name is no matter
	key     *fernet.Key // the release's, nil when it has none here
	version string
	withKey bool
	done    []uploaded
}

// uploaded is an object that is in place, as JSON.
type uploaded struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	ETag string `json:"etag"`
}

func push(c *command, flags *flag.FlagSet) action {
	var o storeOptions
	o.register(flags)
	u := upload{command: c}
	flags.BoolVar(&u.withKey, "with-key", false, "")
	flags.StringVar(&u.version, "version", "", "")
	create := flags.Bool("create-bucket", false, "")
	return func(ctx context.Context, args []string) error {
		sum, err := u.prepare(ctx, &o, args[0], args[1])
		if u.token != nil {
			defer u.token.File.Close()
		}
		if err != nil {
			return err
		}
		if u.client, err = o.client(); err != nil {
			return err
		}
		if *create {
			if err := u.createBucket(ctx, o.region); err != nil {
				return err
			}
		}
		if err := u.release(ctx, sum); err != nil {
			return err
		}
		u.pushed(sum)
		return nil
	}
}

// prepare checks everything that needs no store.
func (u *upload) prepare(ctx context.Context, o *storeOptions, from, to string) (sum *digests, err error) {
	if u.to, err = parseDestination(to); err != nil {
		return nil, err
	}
	if u.names, err = o.complete(u.command); err != nil {
		return nil, err
	}
	if u.from, err = findLocal(from, u.names); err != nil {
		return nil, err
	}
	if u.from.checksum == "" {
		return nil, cli.Usage("there is no %s in %s: `abota-publish pack` makes whole releases, `abota-publish checksum TOKEN -o %s` only that", checksumName, from, checksumName)
	}
	if u.withKey && u.from.key == "" {
		return nil, cli.Usage("there is no %s in %s that --with-key could upload", keyName, from)
	}
	u.version = first(u.version, u.from.version)
	if err := checkVersion(u.version); err != nil {
		return nil, err
	}
	if u.token, err = u.open(ctx, u.from.token); err != nil {
		return nil, err
	}
	sum = newDigests()
	return sum, u.prove(sum)
}

// prove reads the token once: for its digests, and for whether the release's
// own key opens it.
func (u *upload) prove(sum *digests) (err error) {
	if u.from.key != "" {
		if u.key, err = readKey(u.from.key); err != nil {
			return err
		}
	}
	defer u.token.meter.end()
	token := io.TeeReader(u.token, sum)
	var locked error
	if u.key != nil {
		_, locked = io.Copy(io.Discard, fernet.NewReader(token, u.key))
		if locked != nil && !errors.Is(locked, fernet.ErrInvalid) {
			return fmt.Errorf("read token: %w", locked)
		}
	}
	// Without a key this is all of the token, else what a damaged one leaves.
	if _, err := io.Copy(io.Discard, token); err != nil {
		return fmt.Errorf("read token: %w", err)
	}
	// A token that is not the one of the checksum is no matter of its key.
	if err := u.from.checkChecksum(sum); err != nil {
		return err
	}
	if locked != nil {
		dir, key := filepath.Split(u.from.key)
		return fmt.Errorf("%s in %s does not open %s: %w: devices could not either: put the key there that made the token, or pack anew", key, filepath.Clean(dir), filepath.Base(u.from.token), locked)
	}
	return nil
}

func (u *upload) createBucket(ctx context.Context, region string) error {
	err := u.client.MakeBucket(ctx, u.to.bucket, minio.MakeBucketOptions{Region: region})
	if code := minio.ToErrorResponse(err).Code; err != nil && code != minio.BucketAlreadyOwnedByYou && code != minio.BucketAlreadyExists {
		return u.to.explain("make bucket", err)
	}
	return nil
}

// release uploads in the order that devices can live with: as long as the
// checksum is the old one, nothing has happened for them.
func (u *upload) release(ctx context.Context, sum *digests) error {
	key, err := u.chooseKey(ctx)
	if err != nil {
		return err
	}
	if err := u.putToken(ctx); err != nil {
		return err
	}
	if u.withKey {
		if err := u.putText(ctx, u.names.key, key); err != nil {
			return err
		}
	}
	return u.putText(ctx, u.names.checksum, sum.checksum())
}

// chooseKey returns the release's key, empty when it has none here. Without
// --with-key it refuses a release that devices could not open because another
// key lies in the bucket.
func (u *upload) chooseKey(ctx context.Context) (string, error) {
	if u.key == nil {
		return "", nil
	}
	if u.withKey {
		u.warn(publicKeyWarning)
		return u.key.Encode(), nil
	}
	return u.key.Encode(), u.compareKey(ctx, u.key)
}

// compareKey looks at the key that is in the bucket.
func (u *upload) compareKey(ctx context.Context, key *fernet.Key) error {
	name := u.to.object(u.names.key)
	object, err := u.client.GetObject(ctx, u.to.bucket, name, minio.GetObjectOptions{})
	if err != nil {
		return u.to.explain("look for a key in the bucket", err)
	}
	defer object.Close()
	text, err := readBounded(object, name)
	var answer minio.ErrorResponse
	switch {
	case errors.As(err, &answer) && answer.Code == minio.NoSuchKey:
		u.Say("the bucket has no %s, and gets none: devices need the key as key_file; those that run the old script need `push --with-key`", u.names.key)
		return nil
	case errors.As(err, &answer) && answer.Code == minio.AccessDenied:
		// Without the right to list, absent looks like this as well.
		u.warn("cannot see whether the bucket has a %s: if it has another one, devices that use it cannot open this release", u.names.key)
		return nil
	case err != nil:
		return u.to.explain("look for a key in the bucket", err)
	}
	if there, err := fernet.ParseKey(text); err != nil || *there != *key {
		return refused("cannot push because %s in the bucket is another key than %s, and devices that use it could not open this release: add --with-key to replace it, or pack with the bucket's key", name, u.from.key)
	}
	u.Say("the bucket has this release's key as %s already", u.names.key)
	return nil
}

func (u *upload) options(progress *meter) minio.PutObjectOptions {
	o := minio.PutObjectOptions{Progress: progress, ContentType: "application/octet-stream"}
	if u.version != "" {
		o.UserMetadata = map[string]string{versionMetadata: u.version}
	}
	return o
}

// putToken uploads the token, in parts when it is large.
func (u *upload) putToken(ctx context.Context) error {
	if _, err := u.token.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read token: %w", err)
	}
	return u.put(ctx, u.names.token, u.token.File, u.token.size)
}

func (u *upload) putText(ctx context.Context, name, text string) error {
	return u.put(ctx, name, strings.NewReader(text), int64(len(text)))
}

func (u *upload) put(ctx context.Context, name string, r io.Reader, size int64) error {
	name = u.to.object(name)
	m := newMeter(u.command, name, size)
	defer m.end()
	got, err := u.client.PutObject(ctx, u.to.bucket, name, r, size, u.options(m))
	if err != nil {
		return u.to.explain("upload "+name, err)
	}
	u.done = append(u.done, uploaded{name, got.Size, got.ETag})
	return nil
}

func (u *upload) pushed(sum *digests) {
	for _, o := range u.done {
		u.Say("uploaded %s, %s", o.Name, cli.Size(o.Size))
	}
	u.sayChecksum(sum.checksum())
	u.Say("%s offers this release now%s", u.to, versionText(u.version))
	if u.JSON {
		result := sum.json()
		result["bucket"], result["prefix"], result["objects"] = u.to.bucket, u.to.prefix, u.done
		result["version"], result["key_uploaded"] = u.version, u.withKey
		u.Result(result)
	}
}

func versionText(v string) string {
	if v == "" {
		return ""
	}
	return ", version " + v
}
