package source

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyauth "github.com/aws/smithy-go/auth"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// sdkAddress is where the AWS SDK would ask, and what it would sign for.
func sdkAddress(t *testing.T, endpoint, region, bucket string) (url, service string) {
	t.Helper()
	params := s3.EndpointParameters{
		Bucket: &bucket, Region: &region, UseFIPS: aws.Bool(false), UseDualStack: aws.Bool(false), Accelerate: aws.Bool(false),
		ForcePathStyle: aws.Bool(endpoint != ""), UseGlobalEndpoint: aws.Bool(false), DisableMultiRegionAccessPoints: aws.Bool(false),
		UseArnRegion: aws.Bool(false), DisableS3ExpressSessionAuth: aws.Bool(true), UseObjectLambdaEndpoint: aws.Bool(false),
	}
	if endpoint != "" {
		params.Endpoint = &endpoint
	}
	got, err := s3.NewDefaultEndpointResolverV2().ResolveEndpoint(t.Context(), params)
	if err != nil {
		t.Fatalf("the SDK knows no address of %s in %s: %v", bucket, region, err)
	}
	options, ok := smithyauth.GetAuthOptions(&got.Properties)
	if !ok {
		t.Fatalf("the SDK does not say what requests to %s are signed for", got.URI.String())
	}
	for _, o := range options {
		if name, ok := smithyhttp.GetSigV4SigningName(&o.SignerProperties); ok {
			service = name
		}
	}
	return strings.TrimSuffix(got.URI.String(), "/"), service
}

func TestAddressesAreThoseOfTheSDK(t *testing.T) {
	regions := []string{
		"us-east-1", "us-west-2", "eu-west-1", "eu-central-2", "ap-southeast-5", "sa-east-1", "ca-west-1", "me-central-1", "af-south-1", "il-central-1", "mx-central-1",
		"us-gov-west-1", "cn-north-1", "cn-northwest-1", "eusc-de-east-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1", "xx-new-9",
	}
	buckets := []string{
		"fleet", "fleet-firmware", "a1b", "ab", "with.dots", "UPPER", "under_score", "0numbers9", strings.Repeat("a", 63), strings.Repeat("a", 64),
		"fleet-metadata-s3alias", "fleet--use1-az4--x-s3", "a--b--euw1-az1--x-s3", "192.168.5.4",
	}
	for _, region := range regions {
		for _, bucket := range buckets {
			wantURL, wantService := sdkAddress(t, "", region, bucket)
			url, service := address("", region, bucket, "k")
			if url != wantURL+"/k" || service != wantService {
				t.Errorf("%s in %s: %s for %s, the SDK has %s for %s", bucket, region, url, service, wantURL, wantService)
			}
		}
	}
	for _, endpoint := range []string{"http://10.0.2.2:9000", "https://s3.example.com", "https://s3.example.com/store"} {
		for _, bucket := range []string{"fleet", "with.dots", "UPPER", "under_score"} {
			want, _ := sdkAddress(t, endpoint, "us-east-1", bucket)
			if url, service := address(endpoint, "us-east-1", bucket, "k"); url != want+"/k" || service != "s3" {
				t.Errorf("%s at %s: %s for %s, the SDK has %s", bucket, endpoint, url, service, want)
			}
		}
	}
}

func TestKeysAreEscapedAsS3Signs(t *testing.T) {
	for key, want := range map[string]string{
		"firmware.zip": "firmware.zip", "a b/c+d": "a%20b/c%2Bd", "ü": "%C3%BC", "it's(1)!*": "it%27s%281%29%21%2A", "a//b": "a//b", "50%": "50%25", "a?b#c": "a%3Fb%23c", "~-_.": "~-_.",
	} {
		if url, _ := address("http://h", "r", "b", key); url != "http://h/b/"+want {
			t.Errorf("%q: %s", key, url)
		}
	}
}
