package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// S3Options say which bucket is read, and with which rights. Bucket is
// required; everything else has a default or comes from the environment.
type S3Options struct {
	Bucket string
	// Region is needed by AWS itself. Empty means AWS_REGION or
	// AWS_DEFAULT_REGION, and us-east-1 where an Endpoint is set.
	Region string
	// Endpoint is the URL of an S3-compatible store, http:// or https://.
	// Empty means AWS. With it objects are addressed by path.
	Endpoint string
	// AccessKey and SecretKey belong together. Both empty means
	// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
	AccessKey, SecretKey, SessionToken string
	// Credentials, optional, are asked for keys that change, in the place of the
	// three above.
	Credentials Credentials
	Network
}

// Credentials are keys that expire. They are safe for concurrent use.
type Credentials interface {
	// Retrieve returns keys that are good now. Its errors are shown as they are.
	Retrieve(context.Context) (aws.Credentials, error)
	// Refused forgets the keys with this session token, which a server does not
	// take any more, so that Retrieve returns fresh ones.
	Refused(sessionToken string)
}

// String shows the options without their secrets.
func (o S3Options) String() string {
	return fmt.Sprintf("{bucket %s, region %s, endpoint %s}", o.Bucket, o.Region, redact(o.Endpoint))
}

// GoString does the same for %#v.
func (o S3Options) GoString() string { return "source.S3Options" + o.String() }

// redact cuts user, password, query and fragment off a URL.
func redact(endpoint string) string {
	if endpoint == "" {
		return ""
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return "***"
	}
	return u.Scheme + "://" + u.Host + strings.TrimSuffix(u.EscapedPath(), "/")
}

func (o S3Options) withDefaults() S3Options {
	o.Network = o.Network.withDefaults()
	o.Region = cmp.Or(o.Region, o.Getenv("AWS_REGION"), o.Getenv("AWS_DEFAULT_REGION"))
	if o.Endpoint != "" {
		o.Region = cmp.Or(o.Region, "us-east-1")
	}
	return o
}

// check refuses what could never work, before anything is sent.
func (o S3Options) check() error {
	if o.Bucket == "" {
		return errors.New("cannot read from S3 because no bucket is named: set bucket in the configuration")
	}
	if strings.ContainsFunc(o.Bucket, notInName) {
		return fmt.Errorf("cannot use bucket %s because a bucket's name has no such characters: give the name alone, without s3:// or a path", quoted(o.Bucket))
	}
	if o.Region == "" {
		return fmt.Errorf("cannot read bucket %q because its region is not known: set region in the configuration, or AWS_REGION", o.Bucket)
	}
	if strings.ContainsFunc(o.Region, notInName) {
		return fmt.Errorf("cannot use region %q because a region's name has no such characters: write it like eu-west-1", o.Region)
	}
	if err := checkEndpoint(o.Endpoint); err != nil {
		return err
	}
	return o.Network.check()
}

// quoted shows a name, unless it may be an address with a password or a
// signature in it.
func quoted(name string) string {
	if strings.ContainsAny(name, "@?") {
		return "***"
	}
	return fmt.Sprintf("%q", name)
}

// notInName reports characters that no bucket or region has.
func notInName(r rune) bool {
	return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._", r)
}

func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return errors.New("cannot use the configured endpoint because it is not a URL: write it like https://s3.example.com or http://10.0.2.2:9000")
	case u.User != nil:
		return fmt.Errorf("cannot use endpoint %s because it contains a user name: set accesskey and secretkey instead", redact(endpoint))
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fmt.Errorf("cannot use endpoint %s because something follows it after ? or #: give the address alone", redact(endpoint))
	}
	return nil
}

// credentials are the keys to sign with. Reading a bucket without any is not
// supported: a bucket open to everybody would serve the key to everybody.
func (o S3Options) credentials() (Credentials, error) {
	if o.Credentials != nil {
		if o.AccessKey != "" || o.SecretKey != "" {
			return nil, fmt.Errorf("cannot read bucket %q because there are keys beside what fetches them: set either", o.Bucket)
		}
		return o.Credentials, nil
	}
	c, err := o.fixed()
	return fixed(c), err
}

// fixed are keys that stay.
type fixed aws.Credentials

func (f fixed) Retrieve(context.Context) (aws.Credentials, error) { return aws.Credentials(f), nil }

func (f fixed) Refused(string) {}

func (o S3Options) fixed() (aws.Credentials, error) {
	c := aws.Credentials{AccessKeyID: o.AccessKey, SecretAccessKey: o.SecretKey, SessionToken: o.SessionToken, Source: "abota"}
	if o.AccessKey == "" && o.SecretKey == "" {
		c.AccessKeyID, c.SecretAccessKey = o.Getenv("AWS_ACCESS_KEY_ID"), o.Getenv("AWS_SECRET_ACCESS_KEY")
		c.SessionToken = o.Getenv("AWS_SESSION_TOKEN")
	}
	switch {
	case c.AccessKeyID == "" && c.SecretAccessKey == "":
		return c, fmt.Errorf("cannot read bucket %q because there are no credentials: set accesskey and secretkey in the configuration, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or have them fetched with aws_iot.role_alias", o.Bucket)
	case c.AccessKeyID == "":
		return c, fmt.Errorf("cannot read bucket %q because there is a secret key but no access key: set both", o.Bucket)
	case c.SecretAccessKey == "":
		return c, fmt.Errorf("cannot read bucket %q because there is an access key but no secret key: set both", o.Bucket)
	}
	for _, key := range []string{c.AccessKeyID, c.SecretAccessKey, c.SessionToken} {
		if strings.ContainsFunc(key, notInKey) {
			return c, fmt.Errorf("cannot read bucket %q because a key contains white space or an unprintable character: copy the keys again", o.Bucket)
		}
	}
	return c, nil
}

func notInKey(r rune) bool { return r <= ' ' || r >= unicode.MaxASCII }
