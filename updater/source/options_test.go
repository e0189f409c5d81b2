package source

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

func env(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

func keyed(o S3Options) S3Options {
	o.AccessKey, o.SecretKey = "ACCESS", testSecret
	if o.Getenv == nil {
		o.Getenv = noEnv
	}
	return o
}

func TestUnusableOptionsSayWhatToSet(t *testing.T) {
	endpoint := "http://127.0.0.1:9000"
	tests := []struct {
		name string
		o    S3Options
		says []string
	}{
		{"no bucket", keyed(S3Options{Endpoint: endpoint}), []string{"set bucket"}},
		{"bucket as URL", keyed(S3Options{Bucket: "s3://fleet", Endpoint: endpoint}), []string{"s3://fleet", "name alone"}},
		{"bucket with a password", keyed(S3Options{Bucket: "AKIA:" + testSecret + "@fleet", Endpoint: endpoint}), []string{"***", "name alone"}},
		{"no region", keyed(S3Options{Bucket: "fleet"}), []string{"fleet", "AWS_REGION"}},
		{"region with a host", keyed(S3Options{Bucket: "fleet", Region: "x/y"}), []string{"x/y", "eu-west-1"}},
		{"endpoint without scheme", keyed(S3Options{Bucket: "fleet", Endpoint: "10.0.2.2:9000"}), []string{"endpoint", "http://"}},
		{"endpoint without host", keyed(S3Options{Bucket: "fleet", Endpoint: "http://:9000"}), []string{"endpoint", "http://"}},
		{"other scheme", keyed(S3Options{Bucket: "fleet", Endpoint: "ftp://host"}), []string{"endpoint", "https://"}},
		{"control character", keyed(S3Options{Bucket: "fleet", Endpoint: "http://ho\nst"}), []string{"endpoint"}},
		{"endpoint with user", keyed(S3Options{Bucket: "fleet", Endpoint: "http://user:" + testSecret + "@host"}), []string{"http://host", "accesskey"}},
		{"endpoint with query", keyed(S3Options{Bucket: "fleet", Endpoint: "http://host/?key=" + testSecret}), []string{"http://host", "?"}},
		{"no credentials", S3Options{Bucket: "fleet", Endpoint: endpoint, Network: Network{Getenv: noEnv}}, []string{"fleet", "accesskey", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}},
		{"secret key alone", S3Options{Bucket: "fleet", Endpoint: endpoint, SecretKey: testSecret, Network: Network{Getenv: noEnv}}, []string{"no access key"}},
		{"access key alone", S3Options{Bucket: "fleet", Endpoint: endpoint, AccessKey: "A", Network: Network{Getenv: env("AWS_SECRET_ACCESS_KEY", testSecret)}}, []string{"no secret key"}},
		{"access key alone in the environment", S3Options{Bucket: "fleet", Endpoint: endpoint, Network: Network{Getenv: env("AWS_ACCESS_KEY_ID", "A")}}, []string{"no secret key"}},
		{"newline in a key", S3Options{Bucket: "fleet", Endpoint: endpoint, AccessKey: "A", SecretKey: testSecret + "\n", Network: Network{Getenv: noEnv}}, []string{"white space"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewS3(tt.o)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, part := range tt.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not mention %q", err, part)
				}
			}
			if strings.Contains(err.Error(), testSecret) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q shows a secret or breaks the line", err)
			}
		})
	}
}

func TestRegionAndPlace(t *testing.T) {
	tests := []struct {
		o    S3Options
		want string
	}{
		{S3Options{Region: "eu-west-1", Network: Network{Getenv: env("AWS_REGION", "x")}}, "s3://fleet (eu-west-1)"},
		{S3Options{Network: Network{Getenv: env("AWS_REGION", "eu-west-2", "AWS_DEFAULT_REGION", "x")}}, "s3://fleet (eu-west-2)"},
		{S3Options{Network: Network{Getenv: env("AWS_DEFAULT_REGION", "eu-west-3")}}, "s3://fleet (eu-west-3)"},
		{S3Options{Endpoint: "http://127.0.0.1:9000/"}, "s3://fleet (http://127.0.0.1:9000)"},
	}
	for _, tt := range tests {
		tt.o.Bucket = "fleet"
		if got := newTestS3(t, keyed(tt.o)).String(); got != tt.want {
			t.Errorf("String = %q, want %q", got, tt.want)
		}
	}
}

func TestAddressesOfAWS(t *testing.T) {
	for _, row := range []struct{ region, bucket, key, want string }{
		{"eu-west-1", "fleet", "firmware.zip", "https://fleet.s3.eu-west-1.amazonaws.com/firmware.zip"},
		{"us-east-1", "fleet-1", "a b/ü+~.zip", "https://fleet-1.s3.us-east-1.amazonaws.com/a%20b/%C3%BC%2B~.zip"},
		{"eu-west-1", "fleet.example.com", "x", "https://s3.eu-west-1.amazonaws.com/fleet.example.com/x"},
		{"us-east-1", "Fleet_Old", "x", "https://s3.us-east-1.amazonaws.com/Fleet_Old/x"},
		{"cn-north-1", "fleet", "x", "https://fleet.s3.cn-north-1.amazonaws.com.cn/x"},
		{"us-gov-west-1", "fleet", "x", "https://fleet.s3.us-gov-west-1.amazonaws.com/x"},
		{"us-isob-east-1", "fleet", "x", "https://fleet.s3.us-isob-east-1.sc2s.sgov.gov/x"},
	} {
		if got := addressOf(t, S3Options{Region: row.region, Bucket: row.bucket}, row.key); got != row.want {
			t.Errorf("%s in %s: %s, want %s", row.bucket, row.region, got, row.want)
		}
	}
	if got := addressOf(t, S3Options{Endpoint: "http://10.0.2.2:9000/store", Bucket: "fleet"}, "a/b c"); got != "http://10.0.2.2:9000/store/fleet/a/b%20c" {
		t.Errorf("at an endpoint: %s", got)
	}
}

// addressOf is where an object is asked for.
func addressOf(t *testing.T, o S3Options, key string) (address string) {
	s := newTestS3(t, keyed(o))
	caught := errors.New("caught")
	_, err := s.asker.(*bucket).client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &o.Bucket, Key: &key}, func(o *s3.Options) {
		o.HTTPClient = smithyhttp.ClientDoFunc(func(req *http.Request) (*http.Response, error) {
			u := *req.URL
			u.RawQuery = ""
			address = u.String()
			return nil, caught
		})
	})
	if !errors.Is(err, caught) {
		t.Fatal(err)
	}
	return address
}

func TestOwnKeysWinOverTheEnvironmentAsASet(t *testing.T) {
	getenv := env("AWS_ACCESS_KEY_ID", "ENV", "AWS_SECRET_ACCESS_KEY", "envsecret", "AWS_SESSION_TOKEN", "envtoken")
	c, err := S3Options{Network: Network{Getenv: getenv}}.fixed()
	if err != nil || c.AccessKeyID != "ENV" || c.SecretAccessKey != "envsecret" || c.SessionToken != "envtoken" {
		t.Errorf("from the environment: %v, %v", c.AccessKeyID, err)
	}
	c, err = keyed(S3Options{Network: Network{Getenv: getenv}}).fixed()
	if err != nil || c.AccessKeyID != "ACCESS" || c.SessionToken != "" {
		t.Errorf("own keys: %v with token %q, %v", c.AccessKeyID, c.SessionToken, err)
	}
}

func TestPrintedOptionsShowNoSecret(t *testing.T) {
	o := S3Options{Bucket: "fleet", Endpoint: "https://u:" + testSecret + "@host/p?q=" + testSecret, AccessKey: "A", SecretKey: testSecret, SessionToken: testSecret}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{o, &o, struct{ S3 S3Options }{o}} {
			text := fmt.Sprintf(format, v)
			if strings.Contains(text, testSecret) {
				t.Errorf("%s prints %q", format, text)
			}
		}
	}
	if text := o.String(); !strings.Contains(text, "fleet") || !strings.Contains(text, "https://host/p") {
		t.Errorf("String = %q, want bucket and endpoint", text)
	}
}
