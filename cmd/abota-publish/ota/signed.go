package ota

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// maxSigned bounds Signer's object in bytes, which holds the whole binary
// again if its format is JSON.
const maxSigned = 512 << 20

// errNotSigned is of an object that is something else than Signer's JSON.
var errNotSigned = errors.New("it is no signed object: it has no rawPayloadSize, signature and signatureAlgorithm")

// readSigned takes what is said of the signature, and no more: the payload
// usually comes last, and is then not read.
//
//	{"rawPayloadSize":N,"signature":BASE64,"signatureAlgorithm":"SHA256withECDSA","payload":BASE64}
func readSigned(r io.Reader) (signature, error) {
	d := json.NewDecoder(io.LimitReader(r, maxSigned))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return signature{}, errNotSigned
	}
	var s signature
	var name string
	for s.Size == 0 || s.Base64 == "" || name == "" {
		key, err := d.Token()
		if err != nil || key == json.Delim('}') {
			return signature{}, errNotSigned
		}
		var into any = new(json.RawMessage)
		switch key {
		case "rawPayloadSize":
			into = &s.Size
		case "signature":
			into = &s.Base64
		case "signatureAlgorithm":
			into = &name
		}
		if err := d.Decode(into); err != nil {
			return signature{}, fmt.Errorf("%w (%w)", errNotSigned, err)
		}
	}
	return s, s.check(name)
}

// check wants a signature that devices take.
func (s *signature) check(name string) error {
	var ok bool
	if s.Algorithm, ok = algorithms[name]; !ok {
		return fmt.Errorf("its signature is %.40q, and devices take SHA256withECDSA and SHA256withRSA: sign with another profile", name)
	}
	if _, err := base64.StdEncoding.DecodeString(s.Base64); err != nil || s.Size < 0 {
		return errors.New("its signature is not base64: sign again")
	}
	return nil
}

// signedAt reads the signature in one version of an object, and which version
// it was.
func (s *session) signedAt(ctx context.Context, o object) (signature, object, error) {
	in := &s3.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key}
	if o.Version != "" {
		in.VersionId = &o.Version
	}
	out, err := s.s3.GetObject(ctx, in)
	if err != nil {
		return signature{}, o, explain("read the signed object "+o.Key, err)
	}
	defer out.Body.Close()
	o.Version = aws.ToString(out.VersionId)
	sig, err := readSigned(out.Body)
	if err != nil {
		return sig, o, untrusted("cannot use %s: %w", o, err)
	}
	return sig, o, nil
}

// version is one of an object's, newest first.
type version struct {
	ID     string `json:"version"`
	Size   int64  `json:"size"`
	Latest bool   `json:"latest"`
	Marker bool   `json:"delete_marker,omitempty"`
}

// versions are all of exactly this key, delete markers included.
func (s *services) versions(ctx context.Context, bucket, key string) (all []version, err error) {
	pages := s3.NewListObjectVersionsPaginator(s.s3, &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &key})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explain("list the versions of "+key, err)
		}
		for _, v := range page.Versions {
			if aws.ToString(v.Key) == key {
				all = append(all, version{aws.ToString(v.VersionId), aws.ToInt64(v.Size), aws.ToBool(v.IsLatest), false})
			}
		}
		for _, m := range page.DeleteMarkers {
			if aws.ToString(m.Key) == key {
				all = append(all, version{aws.ToString(m.VersionId), 0, aws.ToBool(m.IsLatest), true})
			}
		}
	}
	return all, nil
}

// signedObject is what lies under one key once something was signed: the JSON,
// and over it, newer, the raw binary, if it was copied there.
type signedObject struct {
	sig      signature
	json     object
	raw      object // Version is empty without one
	versions []version
}

// versionsSeen bounds how many versions of an object are looked into.
const versionsSeen = 16

// findSigned looks for the newest signature among an object's newest versions.
func (s *session) findSigned(ctx context.Context, bucket, key string) (signedObject, error) {
	all, err := s.versions(ctx, bucket, key)
	if err != nil {
		return signedObject{}, err
	}
	found := signedObject{versions: all, raw: object{Bucket: bucket, Key: key}}
	var newer []version
	for _, v := range all[:min(len(all), versionsSeen)] {
		if v.Marker {
			continue
		}
		sig, at, err := s.signedAt(ctx, object{bucket, key, v.ID})
		if errors.Is(err, errNotSigned) {
			newer = append(newer, v)
			continue
		}
		if err != nil {
			return found, err
		}
		found.sig, found.json = sig, at
		for _, v := range newer {
			if v.Size == sig.Size {
				found.raw.Version = v.ID
			}
		}
		return found, nil
	}
	return found, untrusted("cannot use %s in bucket %s: %w", key, bucket, errNotSigned)
}

// removeVersions removes the versions of one key for good.
func (s *session) removeVersions(ctx context.Context, bucket, key string, all []version) error {
	for _, v := range all {
		_, err := s.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key, VersionId: aws.String(v.ID)})
		if err != nil && !absent(err) {
			return explain("remove "+object{bucket, key, v.ID}.String(), err)
		}
	}
	return nil
}
