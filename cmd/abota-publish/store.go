package main

import (
	"context"
	"errors"
	"flag"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"abota/cmd/internal/cli"
	"abota/updater/config"
)

// retries of one request, with growing pauses: about half a minute when
// nothing answers.
const retries = 6

// objectNames are the release's objects in the bucket.
type objectNames struct{ token, checksum, key string }

var defaultNames = objectNames{tokenName, checksumName, keyName}

// storeOptions say where to push, and as whom.
type storeOptions struct {
	endpoint, region     string
	accessKey, secretKey string
	sessionToken         string
	config               string
}

func (o *storeOptions) register(flags *flag.FlagSet) {
	flags.StringVar(&o.endpoint, "endpoint", "", "")
	flags.StringVar(&o.region, "region", "", "")
	flags.StringVar(&o.accessKey, "access-key", "", "")
	flags.StringVar(&o.secretKey, "secret-key", "", "")
	flags.StringVar(&o.config, "config", "", "")
}

// complete adds what the flags left open from the device's configuration, then
// from the environment, and returns the names that the configuration gives to
// the objects.
func (o *storeOptions) complete(c *command) (objectNames, error) {
	names := defaultNames
	if o.config != "" {
		cfg, err := config.LoadFile(o.config)
		if err != nil {
			return names, err
		}
		for _, line := range cfg.Warnings {
			c.warn("%s", line)
		}
		names = objectNames{cfg.FileName, cfg.ChecksumName, cfg.KeyName}
		o.endpoint, o.region = first(o.endpoint, cfg.Endpoint), first(o.region, cfg.Region)
		if o.accessKey == "" && o.secretKey == "" {
			o.accessKey, o.secretKey, o.sessionToken = cfg.AccessKey.Reveal(), cfg.SecretKey.Reveal(), cfg.SessionToken.Reveal()
		}
	}
	o.endpoint = first(o.endpoint, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
	o.region = first(o.region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	if (o.accessKey == "") != (o.secretKey == "") {
		return names, cli.Usage("an access key and a secret key belong together, and only one is given")
	}
	return names, nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// credentials are those of the options, else those of the environment or of
// the file that AWS's tools share.
func (o *storeOptions) credentials() (*credentials.Credentials, error) {
	if o.accessKey != "" {
		return credentials.NewStaticV4(o.accessKey, o.secretKey, o.sessionToken), nil
	}
	found := credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}})
	v, err := found.GetWithContext(nil)
	if err != nil || v.AccessKeyID == "" {
		return nil, cli.Usage("no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a configuration with --config")
	}
	return found, nil
}

// client reaches the store. Stores other than AWS are asked by path, since
// few have a name in DNS for each bucket.
func (o *storeOptions) client() (*minio.Client, error) {
	creds, err := o.credentials()
	if err != nil {
		return nil, err
	}
	host, secure, lookup := "s3.amazonaws.com", true, minio.BucketLookupAuto
	if o.endpoint != "" {
		u, err := url.Parse(o.endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.User != nil {
			return nil, cli.Usage("an endpoint is http://HOST:PORT or https://HOST, without credentials and path")
		}
		host, secure, lookup = u.Host, u.Scheme == "https", minio.BucketLookupPath
	}
	client, err := minio.New(host, &minio.Options{Creds: creds, Secure: secure, Region: o.region, BucketLookup: lookup, MaxRetries: retries})
	if err != nil {
		return nil, cli.Usage("%w", err)
	}
	return client, nil
}

// destination is where a release goes to.
type destination struct{ bucket, prefix string }

func parseDestination(text string) (destination, error) {
	rest, ok := strings.CutPrefix(text, "s3://")
	bucket, prefix, _ := strings.Cut(rest, "/")
	if !ok {
		return destination{}, cli.Usage("%q is no place to push to: write s3://BUCKET or s3://BUCKET/PREFIX", text)
	}
	if err := s3utils.CheckValidBucketName(bucket); err != nil {
		return destination{}, cli.Usage("bucket %q: %w", bucket, err)
	}
	return destination{bucket, strings.Trim(prefix, "/")}, nil
}

func (d destination) object(name string) string {
	if d.prefix == "" {
		return name
	}
	return d.prefix + "/" + name
}

func (d destination) String() string {
	return strings.TrimSuffix("s3://"+d.bucket+"/"+d.prefix, "/")
}

// denied are the store's answers that mean: not with these credentials.
var denied = map[string]bool{
	minio.AccessDenied: true, minio.InvalidAccessKeyID: true, minio.SignatureDoesNotMatch: true,
	"ExpiredToken": true, "InvalidToken": true, "AuthorizationHeaderMalformed": true,
}

// explain says what a failed request means for whoever pushes.
func (d destination) explain(doing string, err error) error {
	var answer minio.ErrorResponse
	answered := errors.As(err, &answer)
	switch {
	case errors.Is(err, context.Canceled):
		return coded(cli.ExitFailed, "%s: interrupted: %w", doing, err)
	case answered && answer.Code == minio.NoSuchBucket:
		return coded(cli.ExitUsage, "%s: there is no bucket %q: make it, or add --create-bucket", doing, d.bucket)
	case answered && denied[answer.Code]:
		return coded(cli.ExitUsage, "%s: the store refuses: %w (%s): check access key, secret key and region, and that they may write to bucket %q", doing, err, answer.Code, d.bucket)
	case answered && answer.StatusCode > 0 && answer.StatusCode < 500:
		return coded(cli.ExitFailed, "%s: %w (%s)", doing, err, answer.Code)
	}
	return coded(cli.ExitTransport, "%s: the store did not take it, try again later: %w", doing, err)
}
