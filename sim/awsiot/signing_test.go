package awsiot

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	awssigner "github.com/aws/aws-sdk-go-v2/service/signer"
	signertypes "github.com/aws/aws-sdk-go-v2/service/signer/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// account is the SDK's configuration for a cloud, as AWS_ENDPOINT_URL and the
// printed keys make it.
func account(c *Cloud) aws.Config {
	e := c.Endpoints()
	return aws.Config{
		Region: e.Region, BaseEndpoint: aws.String(e.Control),
		Credentials:      credentials.NewStaticCredentialsProvider(e.AccessKey, e.SecretKey, ""),
		RetryMaxAttempts: 1,
	}
}

const certificateARN = "arn:aws:acm:us-east-1:123456789012:certificate/0123-abcd"

// profile puts a signing profile.
func profile(t *testing.T, client *awssigner.Client, name, arn string, overrides *signertypes.SigningPlatformOverrides) {
	t.Helper()
	_, err := client.PutSigningProfile(t.Context(), &awssigner.PutSigningProfileInput{
		ProfileName: aws.String(name), PlatformId: aws.String("AmazonFreeRTOS-Default"),
		SigningMaterial:   &signertypes.SigningMaterial{CertificateArn: aws.String(arn)},
		SigningParameters: map[string]string{"certname": "/certs/" + name + "-cert.pem"}, Overrides: overrides,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// put uploads an object and returns its version.
func put(t *testing.T, client *s3.Client, name string, body []byte) string {
	t.Helper()
	out, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(Bucket), Key: aws.String(name), Body: bytes.NewReader(body)})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(out.VersionId) == "" {
		t.Fatal("the bucket keeps no versions")
	}
	return *out.VersionId
}

func startInput(key, version, profile string) *awssigner.StartSigningJobInput {
	return &awssigner.StartSigningJobInput{
		Source:      &signertypes.Source{S3: &signertypes.S3Source{BucketName: aws.String(Bucket), Key: aws.String(key), Version: aws.String(version)}},
		Destination: &signertypes.Destination{S3: &signertypes.S3Destination{BucketName: aws.String(Bucket), Prefix: aws.String("SignedImage/")}},
		ProfileName: aws.String(profile),
	}
}

// finish starts a signing job and waits for its end.
func finish(t *testing.T, client *awssigner.Client, in *awssigner.StartSigningJobInput) *awssigner.DescribeSigningJobOutput {
	t.Helper()
	started, err := client.StartSigningJob(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	first := true
	for {
		job, err := client.DescribeSigningJob(t.Context(), &awssigner.DescribeSigningJobInput{JobId: started.JobId})
		if err != nil {
			t.Fatal(err)
		}
		if first && job.Status != signertypes.SigningStatusInProgress {
			t.Errorf("the job is %s at once, want InProgress first", job.Status)
		}
		if first = false; job.Status != signertypes.SigningStatusInProgress {
			return job
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// signedObject is what a signing job leaves, as AWS's sample reads it.
type signedObject struct {
	RawPayloadSize     int64
	Signature          []byte
	SignatureAlgorithm string
	Payload            []byte
	PayloadLocation    *signertypes.Source
}

func readSigned(t *testing.T, client *s3.Client, job *awssigner.DescribeSigningJobOutput) signedObject {
	t.Helper()
	if job.Status != signertypes.SigningStatusSucceeded {
		t.Fatalf("the job is %s: %s", job.Status, aws.ToString(job.StatusReason))
	}
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: job.SignedObject.S3.BucketName, Key: job.SignedObject.S3.Key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	var o signedObject
	if err = errors.Join(err, json.Unmarshal(text, &o)); err != nil {
		t.Fatalf("%v in %.200s", err, text)
	}
	return o
}

// checks verifies a signature with a profile's certificate alone.
func checks(t *testing.T, c *Cloud, profile string, o signedObject, image []byte) {
	t.Helper()
	text, err := c.SigningCertificate(profile)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if cert.KeyUsage&x509.KeyUsageDigitalSignature == 0 || len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageCodeSigning {
		t.Errorf("the certificate is not one for code: usage %b, extended %v", cert.KeyUsage, cert.ExtKeyUsage)
	}
	sum, old := sha256.Sum256(image), sha1.Sum(image)
	holds := false
	switch key := cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		holds = o.SignatureAlgorithm == "SHA256withECDSA" && ecdsa.VerifyASN1(key, sum[:], o.Signature)
	case *rsa.PublicKey:
		digest, hash := sum[:], crypto.SHA256
		if o.SignatureAlgorithm == "SHA1withRSA" {
			digest, hash = old[:], crypto.SHA1
		}
		holds = strings.HasSuffix(o.SignatureAlgorithm, "withRSA") && rsa.VerifyPKCS1v15(key, hash, digest, o.Signature) == nil
	}
	if !holds || o.RawPayloadSize != int64(len(image)) {
		t.Errorf("the signature %s over %d bytes does not hold for %d bytes", o.SignatureAlgorithm, o.RawPayloadSize, len(image))
	}
}

func TestSignedObjectsHoldForTheBytesOfTheVersion(t *testing.T) {
	c := ForTest(t, Options{})
	cfg := account(c)
	signing, objects := awssigner.NewFromConfig(cfg), s3.NewFromConfig(cfg)
	image := make([]byte, 3<<20+1)
	_, _ = rand.Read(image)
	version := put(t, objects, "fw.bin", image)
	put(t, objects, "fw.bin", []byte("a newer version, which is not meant"))
	for name, overrides := range map[string]*signertypes.SigningPlatformOverrides{
		"plain": nil,
		"rsa": {SigningConfiguration: &signertypes.SigningConfigurationOverrides{
			EncryptionAlgorithm: signertypes.EncryptionAlgorithmRsa, HashAlgorithm: signertypes.HashAlgorithmSha256,
		}},
		"old": {SigningConfiguration: &signertypes.SigningConfigurationOverrides{
			EncryptionAlgorithm: signertypes.EncryptionAlgorithmRsa, HashAlgorithm: signertypes.HashAlgorithmSha1,
		}},
		"detached": {SigningImageFormat: signertypes.ImageFormatJSONDetached},
	} {
		t.Run(name, func(t *testing.T) {
			profile(t, signing, "p_"+name, certificateARN+name, overrides)
			job := finish(t, signing, startInput("fw.bin", version, "p_"+name))
			if job.SigningParameters["certname"] != "/certs/p_"+name+"-cert.pem" || aws.ToString(job.ProfileName) != "p_"+name || job.CompletedAt == nil {
				t.Errorf("the job is described as %+v", job)
			}
			if key := aws.ToString(job.SignedObject.S3.Key); !strings.HasPrefix(key, "SignedImage/") || len(key) != len("SignedImage/")+36 {
				t.Errorf("the signed object is %q, want the prefix and a GUID", key)
			}
			o := readSigned(t, objects, job)
			checks(t, c, "p_"+name, o, image)
			if name == "detached" {
				if o.Payload != nil || o.PayloadLocation == nil || aws.ToString(o.PayloadLocation.S3.Version) != version {
					t.Errorf("a detached payload is at %+v, with %d bytes beside it", o.PayloadLocation, len(o.Payload))
				}
			} else if !bytes.Equal(o.Payload, image) {
				t.Errorf("the payload is not the version's: %d bytes", len(o.Payload))
			}
		})
	}
}

func TestSigningJobsThatCannotSucceedFailWithTheReason(t *testing.T) {
	c := ForTest(t, Options{})
	cfg := account(c)
	signing, objects := awssigner.NewFromConfig(cfg), s3.NewFromConfig(cfg)
	version := put(t, objects, "fw.bin", []byte("image"))
	profile(t, signing, "good", certificateARN, nil)
	profile(t, signing, "given_up", certificateARN, nil)
	if _, err := signing.CancelSigningProfile(t.Context(), &awssigner.CancelSigningProfileInput{ProfileName: aws.String("given_up")}); err != nil {
		t.Fatal(err)
	}
	elsewhere := startInput("fw.bin", version, "good")
	elsewhere.Destination.S3.BucketName = aws.String("no-such-bucket")
	for want, in := range map[string]*awssigner.StartSigningJobInput{
		"version " + version + " of absent.bin":                  startInput("absent.bin", version, "good"),
		"version 00000000-0000-0000-0000-000000000000 of fw.bin": startInput("fw.bin", "00000000-0000-0000-0000-000000000000", "good"),
		"version nonsense of fw.bin":                             startInput("fw.bin", "nonsense", "good"),
		"signing profile given_up is Canceled":                   startInput("fw.bin", version, "given_up"),
		"the signed object cannot be written":                    elsewhere,
	} {
		job := finish(t, signing, in)
		if job.Status != signertypes.SigningStatusFailed || !strings.Contains(aws.ToString(job.StatusReason), want) || job.SignedObject != nil {
			t.Errorf("the job is %s (%s), want Failed with %q", job.Status, aws.ToString(job.StatusReason), want)
		}
	}
}

func TestSignerRefusesWithTypedErrors(t *testing.T) {
	c := ForTest(t, Options{})
	client := awssigner.NewFromConfig(account(c))
	ctx := t.Context()
	profile(t, client, "ecdsa", certificateARN, nil)
	rsaToo := &awssigner.PutSigningProfileInput{
		ProfileName: aws.String("rsa_too"), PlatformId: aws.String("AmazonFreeRTOS-Default"),
		SigningMaterial: &signertypes.SigningMaterial{CertificateArn: aws.String(certificateARN)},
		Overrides:       &signertypes.SigningPlatformOverrides{SigningConfiguration: &signertypes.SigningConfigurationOverrides{EncryptionAlgorithm: "RSA", HashAlgorithm: "SHA256"}},
	}
	invalid := map[string]error{}
	_, invalid["a certificate with another key"] = client.PutSigningProfile(ctx, rsaToo)
	_, invalid["no certificate"] = client.PutSigningProfile(ctx, &awssigner.PutSigningProfileInput{ProfileName: aws.String("none"), PlatformId: aws.String("AmazonFreeRTOS-Default")})
	_, invalid["a bad name"] = client.PutSigningProfile(ctx, &awssigner.PutSigningProfileInput{ProfileName: aws.String("a-b"), PlatformId: aws.String("AmazonFreeRTOS-Default")})
	_, invalid["a page of none"] = client.ListSigningJobs(ctx, &awssigner.ListSigningJobsInput{MaxResults: aws.Int32(0)})
	_, invalid["a token of nobody"] = client.ListSigningJobs(ctx, &awssigner.ListSigningJobsInput{NextToken: aws.String("x")})
	_, invalid["no version"] = client.StartSigningJob(ctx, startInput("fw.bin", "", "ecdsa"))
	for what, err := range invalid {
		if want := (*signertypes.ValidationException)(nil); !errors.As(err, &want) {
			t.Errorf("%s: %v, want a ValidationException", what, err)
		}
	}
	missing := map[string]error{}
	_, missing["profile"] = client.GetSigningProfile(ctx, &awssigner.GetSigningProfileInput{ProfileName: aws.String("absent")})
	_, missing["job"] = client.DescribeSigningJob(ctx, &awssigner.DescribeSigningJobInput{JobId: aws.String("absent")})
	_, missing["start"] = client.StartSigningJob(ctx, startInput("fw.bin", "v", "absent"))
	for what, err := range missing {
		if want := (*signertypes.ResourceNotFoundException)(nil); !errors.As(err, &want) {
			t.Errorf("%s: %v, want a ResourceNotFoundException", what, err)
		}
	}
}

func TestSignerListsInPages(t *testing.T) {
	c := ForTest(t, Options{})
	client := awssigner.NewFromConfig(account(c))
	want := []string{"p1", "p2", "p3", "p4", "p5"}
	for _, name := range want {
		profile(t, client, name, certificateARN, nil)
	}
	var got []string
	pages := awssigner.NewListSigningProfilesPaginator(client, &awssigner.ListSigningProfilesInput{MaxResults: aws.Int32(2)})
	count := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		count++
		for _, p := range page.Profiles {
			got = append(got, aws.ToString(p.ProfileName))
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") || count != 3 {
		t.Errorf("%d pages of %v, want 3 of %v", count, got, want)
	}
}

func TestSameTokenIsTheSameSigningJob(t *testing.T) {
	c := ForTest(t, Options{})
	client := awssigner.NewFromConfig(account(c))
	profile(t, client, "again", certificateARN, nil)
	in := startInput("absent", "v", "again")
	in.ClientRequestToken = aws.String("one-token")
	var ids []string
	for range 2 {
		out, err := client.StartSigningJob(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, aws.ToString(out.JobId))
	}
	if ids[0] != ids[1] || len(c.Signer().Jobs()) != 1 {
		t.Errorf("jobs %v, want one", ids)
	}
}

func TestWhoAsksIsVerified(t *testing.T) {
	c := ForTest(t, Options{})
	good := account(c)
	with := func(change func(*aws.Config)) aws.Config {
		cfg := good.Copy()
		change(&cfg)
		return cfg
	}
	e := c.Endpoints()
	keys := func(access, secret, token string) func(*aws.Config) {
		return func(cfg *aws.Config) {
			cfg.Credentials = credentials.NewStaticCredentialsProvider(access, secret, token)
		}
	}
	for what, cfg := range map[string]aws.Config{
		"another secret":    with(keys(e.AccessKey, "another", "")),
		"another key":       with(keys("AKIANOBODY", e.SecretKey, "")),
		"a token of nobody": with(keys(e.AccessKey, e.SecretKey, "token")),
		"another region":    with(func(cfg *aws.Config) { cfg.Region = "eu-west-1" }),
		"no credentials":    with(func(cfg *aws.Config) { cfg.Credentials = aws.AnonymousCredentials{} }),
	} {
		_, err := iot.NewFromConfig(cfg).DescribeEndpoint(t.Context(), &iot.DescribeEndpointInput{})
		code := apiCode(err)
		want := map[string]string{
			"another secret": "InvalidSignatureException", "another key": "UnrecognizedClientException",
			"a token of nobody": "UnrecognizedClientException", "another region": "InvalidSignatureException",
			"no credentials": "MissingAuthenticationTokenException",
		}[what]
		if code != want {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
		if what == "another region" || what == "no credentials" {
			continue // STS is one for all regions, and has no anonymous calls in the SDK
		}
		if _, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); apiCode(err) == "" {
			t.Errorf("sts: %s: %v, want a refusal", what, err)
		}
		if _, err := s3.NewFromConfig(cfg).ListBuckets(t.Context(), &s3.ListBucketsInput{}); apiCode(err) == "" {
			t.Errorf("s3: %s: %v, want a refusal", what, err)
		}
	}
}

func TestCallerIdentityAndAssumedRole(t *testing.T) {
	c := ForTest(t, Options{})
	cfg := account(c)
	client := sts.NewFromConfig(cfg)
	who, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || aws.ToString(who.Account) != Account {
		t.Fatalf("the caller is %+v, %v", who, err)
	}
	out, err := client.AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::123456789012:role/Deploy"), RoleSessionName: aws.String("ci"),
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	who, err = sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if want := "arn:aws:sts::123456789012:assumed-role/Deploy/ci"; err != nil || aws.ToString(who.Arn) != want {
		t.Errorf("the caller is %+v, %v, want %s", who, err, want)
	}
	if _, err := s3.NewFromConfig(cfg).ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String(Bucket)}); err != nil {
		t.Errorf("the assumed role reads no bucket: %v", err)
	}
}

func TestLinksToVersionsWorkAtTheControlPortToo(t *testing.T) {
	c := ForTest(t, Options{})
	client := s3.NewFromConfig(account(c))
	version := put(t, client, "a b+c/ä.bin", []byte("first"))
	put(t, client, "a b+c/ä.bin", []byte("second"))
	link, err := s3.NewPresignClient(client).PresignGetObject(context.Background(), &s3.GetObjectInput{
		Bucket: aws.String(Bucket), Key: aws.String("a b+c/ä.bin"), VersionId: aws.String(version),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, link.URL); got != "first" {
		t.Errorf("the link leads to %q, want the version it names", got)
	}
	direct, err := c.links.Load().Version(t.Context(), Bucket, "a b+c/ä.bin", version, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, direct); got != "first" {
		t.Errorf("the service's own link leads to %q", got)
	}
}
