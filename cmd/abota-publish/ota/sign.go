package ota

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	signertypes "github.com/aws/aws-sdk-go-v2/service/signer/types"

	"abota/cmd/internal/cli"
)

// How often a signing job is looked at: soon, since most take seconds, and
// then seldom.
const firstLook, seldomLook = 200 * time.Millisecond, 5 * time.Second

// signByService lets AWS Signer sign the object, and reads what it wrote. The
// signed object's version is known before anything is copied over it.
func (s *session) signByService(ctx context.Context, r *Request, p profile, o object, size int64) (signature, object, error) {
	out, err := s.signer.StartSigningJob(ctx, r.signingJob(o))
	if err != nil {
		if !rejected(err) {
			s.warn("it is not known whether a signing job was started: it may write below %s in bucket %s", r.SigningPrefix, o.Bucket)
		}
		return signature{}, o, explain("start signing "+o.String(), err)
	}
	if s.dry != nil {
		return s.dry.signed(r, p, o, size)
	}
	id := aws.ToString(out.JobId)
	written := "" // the version of the signature, once it was seen
	s.made("what signing job "+id+" writes", func(ctx context.Context) error { return s.unsign(ctx, r, id, o, written) })
	s.out.Say("signing job %s signs %s by profile %s", id, o, r.Profile)
	done, err := s.waitSigned(ctx, id, r.SigningTimeout)
	if err != nil {
		return signature{}, o, err
	}
	at, err := r.signedPlace(done, o)
	if err != nil {
		return signature{}, o, err
	}
	sig, at, err := s.signedAt(ctx, at)
	written = at.Version
	if err != nil {
		return sig, at, err
	}
	s.out.Say("signed as %s", at)
	sig.Cert, err = r.certName(first(done.SigningParameters["certname"], p.cert))
	return sig, at, err
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// signedPlace is where Signer wrote to, which must not be what it read.
func (r *Request) signedPlace(done *signer.DescribeSigningJobOutput, source object) (object, error) {
	if done.SignedObject == nil || done.SignedObject.S3 == nil || aws.ToString(done.SignedObject.S3.Key) == "" {
		return object{}, coded(cli.ExitFailed, "the signing job %s succeeded, and names no signed object: look at it with `aws signer describe-signing-job`", aws.ToString(done.JobId))
	}
	at := object{Bucket: aws.ToString(done.SignedObject.S3.BucketName), Key: aws.ToString(done.SignedObject.S3.Key)}
	if at.Bucket == "" {
		at.Bucket = source.Bucket
	}
	if at.Bucket == source.Bucket && at.Key == source.Key {
		return at, refused("the signing job wrote to %s, which is the binary itself: take another --signing-prefix", at.Key)
	}
	return at, nil
}

// waitSigned waits for the job's end.
func (s *session) waitSigned(ctx context.Context, id string, most time.Duration) (*signer.DescribeSigningJobOutput, error) {
	wait := firstLook
	for until := s.now().Add(most); ; wait = min(wait*3/2, seldomLook) {
		out, err := s.signer.DescribeSigningJob(ctx, &signer.DescribeSigningJobInput{JobId: &id})
		if err != nil {
			return nil, explain("look at signing job "+id, err)
		}
		switch out.Status {
		case signertypes.SigningStatusSucceeded:
			return out, nil
		case signertypes.SigningStatusFailed:
			return nil, coded(cli.ExitFailed, "the signing job %s failed: %s", id, first(aws.ToString(out.StatusReason), "the service gives no reason"))
		}
		if !s.now().Before(until) {
			return nil, coded(cli.ExitTransport, "the signing job %s is still %s after %s: try again later, or with a longer --signing-timeout", id, out.Status, most)
		}
		if !pause(ctx, wait) {
			return nil, explain("wait for signing job "+id, ctx.Err())
		}
	}
}

// unsign removes what a signing job wrote. A job cannot be cancelled, so that
// one that still runs is only spoken of.
func (s *session) unsign(ctx context.Context, r *Request, id string, source object, written string) error {
	out, err := s.signer.DescribeSigningJob(ctx, &signer.DescribeSigningJobInput{JobId: &id})
	if err != nil {
		return explain("look at signing job "+id, err)
	}
	switch out.Status {
	case signertypes.SigningStatusFailed:
		return nil
	case signertypes.SigningStatusInProgress:
		return fmt.Errorf("the signing job %s still runs, and will write below %s in bucket %s", id, r.SigningPrefix, source.Bucket)
	}
	at, err := r.signedPlace(out, source)
	if err != nil {
		return err
	}
	all, err := s.versions(ctx, at.Bucket, at.Key)
	if err != nil {
		return err
	}
	// What is older than the signature was there before.
	if i := slices.IndexFunc(all, func(v version) bool { return v.ID == written }); i >= 0 {
		all = all[:i+1]
	} else if len(all) > 1 {
		return fmt.Errorf("%s in bucket %s has %d versions, and which of them is the signature is not known", at.Key, at.Bucket, len(all))
	}
	if err := s.removeVersions(ctx, at.Bucket, at.Key, all); err != nil {
		return err
	}
	s.warn("removed the signed object s3://%s/%s (%s)", at.Bucket, at.Key, plural(len(all), "version"))
	return nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// copyOver puts the binary over the signed object, as CreateOTAUpdate does:
// the newest version is then the binary, the one before its signature.
func (s *session) copyOver(ctx context.Context, binary, signed object) (object, error) {
	out, err := s.s3.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: &signed.Bucket, Key: &signed.Key,
		CopySource: aws.String(binary.Bucket + "/" + escapeKey(binary.Key) + "?versionId=" + binary.Version),
	})
	if err != nil {
		return signed, explain("copy the binary over the signed object", err)
	}
	if s.dry != nil {
		return s.dry.copied(signed), nil
	}
	if signed.Version = aws.ToString(out.VersionId); signed.Version == "" {
		signed, _, err = s.head(ctx, object{Bucket: signed.Bucket, Key: signed.Key})
	}
	return signed, err
}
