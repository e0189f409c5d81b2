package ota

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
)

// Access says where the services are, and as whom to speak to them. What is
// empty comes from where AWS's tools take it: environment, profiles, roles.
type Access struct {
	// Endpoint is for all services; AWS_ENDPOINT_URL_S3 and the like are for
	// one each.
	Endpoint             string
	Region, Profile      string
	AccessKey, SecretKey string

	retryer func() aws.Retryer // nil for the SDK's own, which tries three times
}

// services are the clients.
type services struct {
	region string
	s3     *s3.Client
	iot    *iot.Client
	signer *signer.Client
	sts    *sts.Client
}

// doer sends one HTTP request.
type doer interface {
	Do(*http.Request) (*http.Response, error)
}

// connect makes the clients; via wraps what sends their requests, if it is
// not nil. It sends nothing yet.
func connect(ctx context.Context, a Access, via func(doer) doer) (*services, error) {
	cfg, err := a.config(ctx)
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" {
		return nil, usage("no region: add --region, or set AWS_REGION")
	}
	if via != nil {
		cfg.HTTPClient = via(cfg.HTTPClient)
	}
	base := func(own **string) {
		if a.Endpoint != "" { // also where the environment has another one
			*own = &a.Endpoint
		}
	}
	return &services{
		region: cfg.Region,
		// Stores other than AWS are asked by path, since few have a name in
		// DNS for each bucket.
		s3: s3.NewFromConfig(cfg, func(o *s3.Options) {
			base(&o.BaseEndpoint)
			o.UsePathStyle = o.BaseEndpoint != nil
			o.DisableLogOutputChecksumValidationSkipped = true
		}),
		iot:    iot.NewFromConfig(cfg, func(o *iot.Options) { base(&o.BaseEndpoint) }),
		signer: signer.NewFromConfig(cfg, func(o *signer.Options) { base(&o.BaseEndpoint) }),
		sts:    sts.NewFromConfig(cfg, func(o *sts.Options) { base(&o.BaseEndpoint) }),
	}, nil
}

func (a Access) config(ctx context.Context) (aws.Config, error) {
	if a.Endpoint != "" {
		u, err := url.Parse(a.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.User != nil {
			return aws.Config{}, usage("an endpoint is http://HOST:PORT or https://HOST, without credentials and path")
		}
	}
	if (a.AccessKey == "") != (a.SecretKey == "") {
		return aws.Config{}, usage("an access key and a secret key belong together, and only one is given")
	}
	options := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{}), config.WithRetryer(a.retryer)}
	if a.Region != "" {
		options = append(options, config.WithRegion(a.Region))
	}
	if a.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(a.Profile))
	}
	if a.AccessKey != "" {
		options = append(options, config.WithCredentialsProvider(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: a.AccessKey, SecretAccessKey: a.SecretKey, Source: "flags"}, nil
		})))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, wrong("cannot read the configuration of AWS's tools: %w", err)
	}
	return cfg, nil
}

// account asks whose the credentials are: ARNs are completed with it.
func (s *services) account(ctx context.Context) (account, error) {
	out, err := s.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return account{}, explain("ask who the credentials belong to", err)
	}
	parts := strings.Split(aws.ToString(out.Arn), ":")
	a := account{Partition: "aws", Region: s.region, ID: aws.ToString(out.Account)}
	if len(parts) > 1 && parts[1] != "" {
		a.Partition = parts[1]
	}
	if a.ID == "" {
		return a, wrong("cannot tell whose the credentials are, because STS named no account: check the endpoint")
	}
	return a, nil
}
