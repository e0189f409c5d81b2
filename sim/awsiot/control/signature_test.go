package control

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"abota/sim/store"
)

const (
	access, secret = "AKIAEXAMPLE", "secret"
	body           = `{"a":1}`
)

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// request is one as a server sees it, signed by the SDK at a time.
func request(t *testing.T, method, target, body string, at time.Time) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Add("X-Amz-Meta", "a   b")
	r.Header.Add("X-Amz-Meta", "c")
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: access, SecretAccessKey: secret}, r, digest(body), "iot", "us-east-1", at); err != nil {
		t.Fatal(err)
	}
	return r
}

// judge says how a request is verified: by the name of the exception.
func judge(r *http.Request) string {
	sign, f := readSignature(r)
	if f != nil {
		return f.kind
	}
	if sign == nil {
		return "none"
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err.Error()
	}
	k, f := NewKeyring("123456789012", store.Keys{AccessKey: access, SecretKey: secret}).find(sign.access, sign.token(r))
	if f == nil {
		f = sign.verify(r, text, k)
	}
	if f != nil {
		return f.kind
	}
	return "good"
}

func TestSignaturesHoldAsTheRequestCame(t *testing.T) {
	const invalid, incomplete, unknown = "InvalidSignatureException", "IncompleteSignatureException", "UnrecognizedClientException"
	now := time.Now()
	swap := func(old, new string) func(*http.Request) {
		return func(r *http.Request) {
			value := r.Header.Get("Authorization")
			if !strings.Contains(value, old) {
				panic(value)
			}
			r.Header.Set("Authorization", strings.Replace(value, old, new, 1))
		}
	}
	for name, row := range map[string]struct {
		target string
		at     time.Time
		change func(*http.Request)
		want   string
	}{
		"as it is": {want: "good"},
		"escaped":  {target: "http://a:1/things/a%3Ab/jobs/%24next/x%20y%2Fz", want: "good"},
		"query":    {target: "http://a:1/jobs?b=2&a=%C3%A4+%2A~&a=0&empty", want: "good"},
		"without spaces": {change: func(r *http.Request) {
			r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), ", ", ","))
		}, want: "good"},
		"unsigned header more":  {change: func(r *http.Request) { r.Header.Set("X-Forwarded-For", "x") }, want: "good"},
		"a bit behind":          {at: now.Add(-14 * time.Minute), want: "good"},
		"a bit ahead":           {at: now.Add(14 * time.Minute), want: "good"},
		"old":                   {at: now.Add(-16 * time.Minute), want: invalid},
		"of the future":         {at: now.Add(16 * time.Minute), want: invalid},
		"another method":        {change: func(r *http.Request) { r.Method = http.MethodDelete }, want: invalid},
		"another path":          {change: func(r *http.Request) { r.URL.Path = "/jobs/other" }, want: invalid},
		"another query":         {change: func(r *http.Request) { r.URL.RawQuery = "force=true" }, want: invalid},
		"another host":          {change: func(r *http.Request) { r.Host = "elsewhere" }, want: invalid},
		"another body":          {change: func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`{"a":2}`)) }, want: invalid},
		"another header":        {change: func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, want: invalid},
		"a header less":         {change: func(r *http.Request) { r.Header.Del("X-Amz-Meta") }, want: invalid},
		"a digest of something": {change: func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", digest("x")) }, want: invalid},
		"another service":       {change: swap("/iot/", "/signer/"), want: invalid},
		"another region":        {change: swap("/us-east-1/", "/eu-west-1/"), want: invalid},
		"another key":           {change: swap(access, "AKIANOBODY"), want: unknown},
		"a token":               {change: func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "t") }, want: unknown},
		"the host not signed":   {change: swap(";host;", ";"), want: invalid},
		"no scope":              {change: swap("/aws4_request", ""), want: incomplete},
		"no date":               {change: func(r *http.Request) { r.Header.Del("X-Amz-Date") }, want: incomplete},
		"another day":           {change: swap("/"+now.UTC().Format("20060102"), "/20200101"), want: incomplete},
		"no signature":          {change: func(r *http.Request) { r.Header.Del("Authorization") }, want: "none"},
		"another scheme":        {change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, want: "none"},
	} {
		t.Run(name, func(t *testing.T) {
			target, at := row.target, row.at
			if target == "" {
				target = "http://a:1/jobs/one"
			}
			if at.IsZero() {
				at = now
			}
			r := request(t, http.MethodPost, target, body, at)
			if row.change != nil {
				row.change(r)
			}
			if got := judge(r); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

func TestPresignedRequests(t *testing.T) {
	presign := func(at time.Time, expires string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "http://a:1/?Action=GetCallerIdentity&X-Amz-Expires="+expires, nil)
		link, _, err := v4.NewSigner().PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: access, SecretAccessKey: secret}, r, digest(""), "sts", "us-east-1", at)
		if err != nil {
			t.Fatal(err)
		}
		return httptest.NewRequest(http.MethodGet, link, nil)
	}
	if got := judge(presign(time.Now().Add(-time.Minute), "300")); got != "good" {
		t.Errorf("%s, want good", got)
	}
	if got := judge(presign(time.Now().Add(-6*time.Minute), "300")); got != "InvalidSignatureException" {
		t.Errorf("an expired one: %s", got)
	}
	r := presign(time.Now(), "300")
	r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "GetCallerIdentity", "AssumeRole", 1)
	if got := judge(r); got != "InvalidSignatureException" {
		t.Errorf("a changed one: %s", got)
	}
}

func TestTemporaryKeysEnd(t *testing.T) {
	k := NewKeyring("123456789012", store.Keys{AccessKey: access, SecretKey: secret})
	k.add(store.Keys{AccessKey: "ASIA", SecretKey: "s", SessionToken: "t"}, "arn", time.Now().Add(-time.Second))
	if _, f := k.find("ASIA", "t"); f == nil || f.kind != "ExpiredTokenException" {
		t.Errorf("an ended key: %v", f)
	}
	k.add(store.Keys{AccessKey: "ASIB", SecretKey: "s", SessionToken: "t"}, "arn", time.Now().Add(time.Hour))
	if _, f := k.find("ASIB", "t"); f != nil {
		t.Errorf("a key: %v", f)
	}
	if _, f := k.find("ASIB", ""); f == nil {
		t.Error("a temporary key is good without its token")
	}
	if _, f := k.find("ASIA", "t"); f == nil || f.kind != "UnrecognizedClientException" {
		t.Errorf("ended keys are kept: %v", f)
	}
}

func TestOperationsAreFoundByMethodAndPath(t *testing.T) {
	for _, row := range []struct {
		table        []operation
		method, path string
		want         string
		params       string
	}{
		{iotOperations(), "PUT", "/jobs/a", "CreateJob", "jobId=a"},
		{iotOperations(), "PUT", "/jobs/a/cancel", "CancelJob", "jobId=a"},
		{iotOperations(), "GET", "/jobs/a%2Fb", "DescribeJob", "jobId=a%2Fb"},
		{iotOperations(), "PUT", "/thing-groups/addThingToThingGroup", "AddThingToThingGroup", ""},
		{iotOperations(), "DELETE", "/things/t/jobs/j/executionNumber/2", "DeleteJobExecution", "executionNumber=2&jobId=j&thingName=t"},
		{iotOperations(), "POST", "/attached-policies/arn%3Aaws%3Aiot%3A%3A%3Acert%2Fab", "ListAttachedPolicies", "target=arn%3Aaws%3Aiot%3A%3A%3Acert%2Fab"},
		{jobsOperations(), "PUT", "/things/t/jobs/%24next", "StartNextPendingJobExecution", "thingName=t"},
		{jobsOperations(), "GET", "/things/t/jobs/$next", "DescribeJobExecution", "jobId=%24next&thingName=t"},
		{dataOperations(), "POST", "/topics/a/b", "Publish", "topic=a%2Fb"},
		{dataOperations(), "POST", "/topics/a%2Fb", "Publish", "topic=a%2Fb"},
		{iotOperations(), "GET", "/jobs/", "", ""},
		{iotOperations(), "GET", "/jobs/a/", "", ""},
		{iotOperations(), "GET", "//jobs", "", ""},
		{iotOperations(), "POST", "/jobs/a", "", ""},
		{dataOperations(), "POST", "/topics/", "", ""},
	} {
		op, params := find(row.table, row.method, row.path)
		name, got := "", url.Values{}
		if op != nil {
			name = op.name
			for k, v := range params {
				got.Set(k, v)
			}
		}
		if name != row.want || got.Encode() != row.params {
			t.Errorf("%s %s is %q with %s, want %q with %s", row.method, row.path, name, got.Encode(), row.want, row.params)
		}
	}
}
