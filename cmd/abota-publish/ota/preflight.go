package ota

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	signertypes "github.com/aws/aws-sdk-go-v2/service/signer/types"
)

// doubtful turns a check that the caller may not make into a warning: the
// service has the last word anyway. It returns whether it did.
func (s *session) doubtful(what string, err error) bool {
	if !denied(err) && !unknown(err) {
		return false
	}
	s.warn("cannot check %s (%s): going on without", what, answerOf(err).text(err))
	return true
}

// jobIsNew wants no job of that id.
func (s *session) jobIsNew(ctx context.Context, id string) error {
	out, err := s.iot.DescribeJob(ctx, &iot.DescribeJobInput{JobId: &id})
	switch {
	case err == nil && out.Job != nil:
		return alreadyThere(id, out.Job.Status)
	case err == nil || absent(err) || s.doubtful("whether the job exists", err):
		return nil
	}
	return explain("look for job "+id, err)
}

func alreadyThere(id string, status iottypes.JobStatus) error {
	return refused("the job %s exists already (%s): take another id, or remove it with `abota-publish ota delete %s`", id, status, shortJobID(id))
}

// versioned wants a bucket that keeps versions: a stream and a signing job
// name one.
func (s *session) versioned(ctx context.Context, bucket string) error {
	out, err := s.s3.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &bucket})
	switch {
	case err != nil && answerOf(err).code == "NoSuchBucket":
		return wrong("there is no bucket %q: check its name, the region and the account", bucket)
	case err != nil && s.doubtful("whether bucket "+bucket+" keeps versions", err):
		return nil
	case err != nil:
		return explain("see whether bucket "+bucket+" keeps versions", err)
	case out.Status != s3types.BucketVersioningStatusEnabled:
		return wrong("the bucket %q keeps no versions, which signing jobs and streams need: enable them with `aws s3api put-bucket-versioning --bucket %s --versioning-configuration Status=Enabled`, and upload the binary again", bucket, bucket)
	}
	return nil
}

// head finds the object's newest version and its size; o may name another one.
func (s *session) head(ctx context.Context, o object) (object, int64, error) {
	in := &s3.HeadObjectInput{Bucket: &o.Bucket, Key: &o.Key}
	if o.Version != "" {
		in.VersionId = &o.Version
	}
	out, err := s.s3.HeadObject(ctx, in)
	if err != nil {
		// HeadObject has no body that could say more than 404.
		if absent(err) {
			return o, 0, wrong("there is no object %q in bucket %q: upload it, or check key, bucket and region", o.Key, o.Bucket)
		}
		return o, 0, explain(fmt.Sprintf("look at object %q in bucket %q", o.Key, o.Bucket), err)
	}
	if o.Version == "" {
		o.Version = aws.ToString(out.VersionId)
	}
	if o.Version == "" || o.Version == "null" {
		return o, 0, wrong("the object %q in bucket %q has no version, because it was uploaded before the bucket kept some: upload it again", o.Key, o.Bucket)
	}
	return o, aws.ToInt64(out.ContentLength), nil
}

// profile is what a signing profile says of the signature to come.
type profile struct {
	cert, algorithm string
	unseen          bool // the caller may not look at it
}

// signingProfile wants the profile active, and a signature that devices take.
func (s *session) signingProfile(ctx context.Context, name string) (profile, error) {
	out, err := s.signer.GetSigningProfile(ctx, &signer.GetSigningProfileInput{ProfileName: &name})
	p := profile{algorithm: ecdsaKey}
	switch {
	case err != nil && absent(err):
		return p, wrong("there is no signing profile %q: check its name, the region and the account", name)
	case err != nil && s.doubtful("the signing profile "+name, err):
		p.unseen = true
		return p, nil
	case err != nil:
		return p, explain("look at signing profile "+name, err)
	case out.Status != "" && out.Status != signertypes.SigningProfileStatusActive:
		return p, wrong("the signing profile %q is not active but %s: take another one", name, out.Status)
	}
	p.cert = out.SigningParameters["certname"]
	if o := out.Overrides; o != nil && o.SigningConfiguration != nil {
		if o.SigningConfiguration.HashAlgorithm == signertypes.HashAlgorithmSha1 {
			return p, wrong("the signing profile %q signs a SHA-1, which devices do not take: take a profile for SHA-256", name)
		}
		if o.SigningConfiguration.EncryptionAlgorithm == signertypes.EncryptionAlgorithmRsa {
			p.algorithm = rsaKey
		}
	}
	return p, nil
}

// certName is the one of the flags, else the profile's.
func (r *Request) certName(ofProfile string) (string, error) {
	if r.CertName != "" {
		return r.CertName, nil
	}
	if ofProfile == "" {
		return "", wrong("the signing profile %q names no certificate, and devices look for one: put it again with --signing-parameters certname=NAME, or add --certname", r.Profile)
	}
	return ofProfile, nil
}

// targetsExist wants each group and thing there, in this region and account.
func (s *session) targetsExist(ctx context.Context, a account, r *Request) error {
	all, err := r.targets()
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.arn != "" {
			if err := a.owns(t.arn); err != nil {
				return err
			}
		}
		kind, err := "thing group", error(nil)
		if t.thing {
			kind = "thing"
			_, err = s.iot.DescribeThing(ctx, &iot.DescribeThingInput{ThingName: &t.name})
		} else {
			_, err = s.iot.DescribeThingGroup(ctx, &iot.DescribeThingGroupInput{ThingGroupName: &t.name})
		}
		switch {
		case err == nil || s.doubtful(kind+" "+t.name, err):
		case absent(err):
			return wrong("there is no %s %q in %s: check its name, the region and the account", kind, t.name, a.Region)
		default:
			return explain("look at "+kind+" "+t.name, err)
		}
	}
	return nil
}

// packagesExist wants each version in a state in which it can be deployed, and
// resolves defaults.
func (s *session) packagesExist(ctx context.Context, a account, r *Request) ([]packageVersion, error) {
	all, err := r.packages()
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].arn != "" {
			if err := a.owns(all[i].arn); err != nil {
				return nil, err
			}
		}
		if err := s.packageExists(ctx, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (s *session) packageExists(ctx context.Context, p *packageVersion) error {
	if p.Version == nullVersion {
		return nil
	}
	if p.Version == defaultVersion {
		out, err := s.iot.GetPackage(ctx, &iot.GetPackageInput{PackageName: &p.Name})
		if err != nil {
			return explain("look at package "+p.Name, err)
		}
		if p.Version = aws.ToString(out.DefaultVersionName); p.Version == "" {
			return wrong("the package %q has no default version: name one", p.Name)
		}
	}
	out, err := s.iot.GetPackageVersion(ctx, &iot.GetPackageVersionInput{PackageName: &p.Name, VersionName: &p.Version})
	switch {
	case err != nil && absent(err):
		return wrong("there is no version %q of package %q: check both names, the region and the account", p.Version, p.Name)
	case err != nil && s.doubtful("package "+p.Name, err):
		return nil
	case err != nil:
		return explain("look at package "+p.Name, err)
	case !slices.Contains([]iottypes.PackageVersionStatus{iottypes.PackageVersionStatusPublished, iottypes.PackageVersionStatusDeprecated}, out.Status):
		return wrong("version %q of package %q is %s, and only a published one can be deployed: publish it with `aws iot update-package-version --package-name %s --version-name %s --action PUBLISH`", p.Version, p.Name, out.Status, p.Name, p.Version)
	}
	return nil
}

// releaseExists looks whether abota's own release is where the job will say;
// devices may have other names for its objects, so that this only warns.
func (s *session) releaseExists(ctx context.Context, source string) {
	rest, ok := strings.CutPrefix(source, "s3://")
	if !ok {
		return
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	for _, name := range []string{"firmware.zip", "checksum.txt"} {
		key := strings.TrimPrefix(strings.Trim(prefix, "/")+"/"+name, "/")
		if _, err := s.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key}); err != nil {
			s.warn("there is no %s in bucket %s as far as can be seen (%s): devices that have no other names for it will find nothing", key, bucket, answerOf(err).text(err))
		}
	}
}
