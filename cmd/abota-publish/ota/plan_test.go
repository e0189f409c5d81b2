package ota

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/signer"
)

var testTime = time.Date(2026, 11, 21, 23, 37, 0, 0, time.UTC)

// sampleRequest is the sample's command line in AWS's own transcript.
func sampleRequest(t *testing.T) *Request {
	t.Helper()
	r := NewRequest()
	if err := r.SetArguments([]string{"fw.bin", "bkt", "MyProfile", "MyRole", "MyGroup", "Job1"}); err != nil {
		t.Fatal(err)
	}
	return r
}

func sampleFacts() facts {
	return facts{
		account: account{"aws", "us-east-1", "123456789012"},
		file:    object{"bkt", "SignedImage/abc", "v"},
		stream:  "AFR_OTA-6e01bdb2-5057-4606-8966-b1bf8028416f",
		sig:     signature{ecdsaKey, "MEUC/+a=", 366816, "foobar"},
	}
}

// wire is an HTTP client that keeps what is sent.
type wire struct {
	method, path string
	body         []byte
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	w.method, w.path = r.Method, r.URL.Path
	if r.Body != nil {
		w.body, _ = io.ReadAll(r.Body)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
}

func (w *wire) config() aws.Config {
	return aws.Config{Region: "us-east-1", HTTPClient: w, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
	})}
}

// wantBody compares as JSON: the order of keys is no matter, their presence is.
func wantBody(t *testing.T, got []byte, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("sent %s\nwant %s", got, want)
	}
}

// sentJob is the body of CreateJob, with its document taken out of its string.
func sentJob(t *testing.T, r *Request, f facts) (body []byte, doc string) {
	t.Helper()
	in, _, err := r.newJob(f, testTime)
	if err != nil {
		t.Fatal(err)
	}
	var w wire
	if _, err := iot.NewFromConfig(w.config()).CreateJob(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(w.body, &fields); err != nil {
		t.Fatal(err)
	}
	doc = fields["document"].(string)
	fields["document"] = "D"
	body, err = json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	if want := "/jobs/" + FullJobID(r.JobID); w.method != http.MethodPut || w.path != want {
		t.Errorf("%s %s, want PUT %s", w.method, w.path, want)
	}
	return body, doc
}

func TestTheDefaultsAreTheSamples(t *testing.T) {
	r, f := sampleRequest(t), sampleFacts()
	var w wire
	if _, err := signer.NewFromConfig(w.config()).StartSigningJob(t.Context(), r.signingJob(object{"bkt", "fw.bin", "vfw1"})); err != nil {
		t.Fatal(err)
	}
	var token struct{ ClientRequestToken string }
	if err := json.Unmarshal(w.body, &token); err != nil || token.ClientRequestToken == "" {
		t.Fatalf("%s: %v", w.body, err)
	}
	wantBody(t, bytes.ReplaceAll(w.body, []byte(token.ClientRequestToken), []byte("<uuid>")),
		`{"source":{"s3":{"bucketName":"bkt","key":"fw.bin","version":"vfw1"}},"destination":{"s3":{"bucketName":"bkt","prefix":"SignedImage/"}},"profileName":"MyProfile","clientRequestToken":"<uuid>"}`)
	if w.method != http.MethodPost || w.path != "/signing-jobs" {
		t.Errorf("%s %s", w.method, w.path)
	}
	if _, err := iot.NewFromConfig(w.config()).CreateStream(t.Context(), r.newStream(f.stream, f)); err != nil {
		t.Fatal(err)
	}
	wantBody(t, w.body, `{"description":"Stream for deconstructed OTAUpdate Job1","files":[{"fileId":0,"s3Location":{"bucket":"bkt","key":"SignedImage/abc","version":"v"}}],"roleArn":"arn:aws:iam::123456789012:role/MyRole"}`)
	if w.method != http.MethodPost || w.path != "/streams/"+f.stream {
		t.Errorf("%s %s", w.method, w.path)
	}
	body, doc := sentJob(t, r, f)
	wantBody(t, body, `{"targets":["arn:aws:iot:us-east-1:123456789012:thinggroup/MyGroup"],"document":"D","description":"AWS job for deconstructed OTAUpdateJobId = Job1","targetSelection":"SNAPSHOT","timeoutConfig":{"inProgressTimeoutInMinutes":10},"jobExecutionsRetryConfig":{"criteriaList":[{"failureType":"TIMED_OUT","numberOfRetries":3}]},"schedulingConfig":{"endBehavior":"CANCEL","endTime":"2026-11-22T01:37","startTime":"2026-11-22T00:37"}}`)
	const want = `{"afr_ota":{"protocols":["MQTT"],"streamname":"AFR_OTA-6e01bdb2-5057-4606-8966-b1bf8028416f","files":[{"filepath":null,"filesize":366816,"fileid":0,"certfile":"foobar","update_data_url":null,"auth_scheme":null,"sig-sha256-ecdsa":"MEUC/+a="}]}}`
	if doc != want {
		t.Errorf("document %s\nwant     %s", doc, want)
	}
}

func TestDocuments(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(r *Request, f *facts)
		want   string
	}{
		{"http", func(r *Request, f *facts) {
			r.Protocols, f.stream = Protocols{HTTP: true}, ""
			f.file = object{"bkt", "a b/ü+.bin", "v/1"}
		}, `{"afr_ota":{"protocols":["HTTP"],"files":[{"filepath":null,"filesize":366816,"fileid":0,"certfile":"foobar","update_data_url":"${aws:iot:s3-presigned-url-v2:https://s3.us-east-1.amazonaws.com/bkt/a%20b/%C3%BC%2B.bin%3FversionId%3Dv%2F1}","auth_scheme":"aws.s3.presigned","sig-sha256-ecdsa":"MEUC/+a="}]}}`},
		{"both, rsa, path", func(r *Request, f *facts) {
			r.Protocols, r.FilePath, f.sig.Algorithm, f.streamed = Protocols{true, true}, "/fw", rsaKey, 3
			f.account.Partition, f.account.Region = "aws-cn", "cn-north-1"
		}, `{"afr_ota":{"protocols":["MQTT","HTTP"],"streamname":"AFR_OTA-6e01bdb2-5057-4606-8966-b1bf8028416f","files":[{"filepath":"/fw","filesize":366816,"fileid":3,"certfile":"foobar","update_data_url":"${aws:iot:s3-presigned-url-v2:https://s3.cn-north-1.amazonaws.com.cn/bkt/SignedImage/abc%3FversionId%3Dv}","auth_scheme":"aws.s3.presigned","sig-sha256-rsa":"MEUC/+a="}]}}`},
		{"package", func(_ *Request, f *facts) {
			f.packages = []packageVersion{{Name: "fw", Version: "1.4.0"}, {Name: "model", Version: "7"}}
		}, `{"afr_ota":{"protocols":["MQTT"],"streamname":"AFR_OTA-6e01bdb2-5057-4606-8966-b1bf8028416f","files":[{"filepath":null,"filesize":366816,"fileid":0,"certfile":"foobar","update_data_url":null,"auth_scheme":null,"sig-sha256-ecdsa":"MEUC/+a="}]},"abota":{"version":1,"package":{"name":"fw","version":"1.4.0"}}}`},
		{
			"abota", func(r *Request, _ *facts) { r.Source = "s3://fleet/stable" },
			`{"abota":{"version":1,"source":"s3://fleet/stable"}}`,
		},
		{"abota with all", func(r *Request, f *facts) {
			r.Source, r.Release, r.Checksum = "https://h/firmware.zip?a=1&b=2", "1.4.0", "d41d8cd98f00b204e9800998ecf8427e"
			f.packages = []packageVersion{{Name: "fw", Version: "1.4.0"}}
		}, `{"abota":{"version":1,"source":"https://h/firmware.zip?a=1&b=2","release":"1.4.0","checksum":"d41d8cd98f00b204e9800998ecf8427e","package":{"name":"fw","version":"1.4.0"}}}`},
	} {
		r, f := sampleRequest(t), sampleFacts()
		row.change(r, &f)
		got, err := r.document(f).encode()
		if err != nil || got != row.want {
			t.Errorf("%s: %v\n got %s\nwant %s", row.name, err, got, row.want)
		}
	}
}

func TestPlaceholdersAreReadBack(t *testing.T) {
	a := account{"aws", "eu-west-1", "1"}
	for _, o := range []object{{"b", "k", "v"}, {"b.c", "a b/ü+%3F.bin", "x/y+z"}} {
		if got, ok := parsePlaceholder(a.placeholder(o)); !ok || got != o {
			t.Errorf("%v came back as %v, %t", o, got, ok)
		}
	}
	for _, text := range []string{"", "https://s3.eu-west-1.amazonaws.com/b/k", "${aws:iot:s3-presigned-url-v2:https://h/b/k}", "${aws:iot:s3-presigned-url-v2:https://h/b%3FversionId%3Dv}"} {
		if got, ok := parsePlaceholder(text); ok {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

// TestConfigurations are the parts of CreateJob that are sent only when asked for.
func TestConfigurations(t *testing.T) {
	window := func(text string) Window {
		w, err := ParseWindow(text)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	const head = `{"document":"D","description":"AWS job for deconstructed OTAUpdateJobId = Job1",`
	const sampleTarget = `"targets":["arn:aws:iot:us-east-1:123456789012:thinggroup/MyGroup"]`
	for _, row := range []struct {
		name   string
		change func(r *Request, f *facts)
		want   string
	}{
		{
			"nothing", func(r *Request, _ *facts) { r.Timeout, r.Schedule.Start = 0, now },
			head + sampleTarget + `,"targetSelection":"SNAPSHOT"}`,
		},
		{"all", func(r *Request, f *facts) {
			r.Timeout, r.Schedule = time.Hour, ScheduleRequest{Start: "2026-12-01T10:00+01:00", End: "+720h", EndBehavior: "STOP_ROLLOUT"}
			r.Retries = []Retry{{"FAILED", 2}, {"TIMED_OUT", 8}}
			r.Rollout = Rollout{Max: 1000, Base: 50, Factor: 2, AfterSucceeded: 1000}
			r.Abort = []Abort{{"FAILED", 12.5, 20}, {"ALL", 50, 5}}
			r.Tags = []Tag{{"team", "fw"}, {"empty", ""}}
			r.Protocols.HTTP = true
			r.Targets = []string{"thing:one", "arn:aws:iot:us-east-1:123456789012:thing/two"}
			f.packages = []packageVersion{{Name: "fw", Version: "1"}, {Name: "old", Version: nullVersion}}
		}, head + `"targets":["arn:aws:iot:us-east-1:123456789012:thinggroup/MyGroup","arn:aws:iot:us-east-1:123456789012:thing/one","arn:aws:iot:us-east-1:123456789012:thing/two"],
			"targetSelection":"SNAPSHOT","timeoutConfig":{"inProgressTimeoutInMinutes":60},
			"jobExecutionsRetryConfig":{"criteriaList":[{"failureType":"FAILED","numberOfRetries":2},{"failureType":"TIMED_OUT","numberOfRetries":8}]},
			"jobExecutionsRolloutConfig":{"maximumPerMinute":1000,"exponentialRate":{"baseRatePerMinute":50,"incrementFactor":2,"rateIncreaseCriteria":{"numberOfSucceededThings":1000}}},
			"abortConfig":{"criteriaList":[{"failureType":"FAILED","action":"CANCEL","thresholdPercentage":12.5,"minNumberOfExecutedThings":20},{"failureType":"ALL","action":"CANCEL","thresholdPercentage":50,"minNumberOfExecutedThings":5}]},
			"tags":[{"Key":"team","Value":"fw"},{"Key":"empty","Value":""}],
			"presignedUrlConfig":{"roleArn":"arn:aws:iam::123456789012:role/MyRole","expiresInSec":3600},
			"destinationPackageVersions":["arn:aws:iot:us-east-1:123456789012:package/fw/version/1","arn:aws:iot:us-east-1:123456789012:package/old/version/$null"],
			"schedulingConfig":{"startTime":"2026-12-01T09:00","endTime":"2026-12-21T23:37","endBehavior":"STOP_ROLLOUT"}}`},
		{"windows", func(r *Request, _ *facts) {
			r.Timeout, r.Retries, r.Continuous, r.Rollout.Max = 0, []Retry{{"FAILED", 1}}, true, 10
			r.Schedule.Windows = []Window{window("cron(0 2 ? * SAT *) 2h"), window("cron(0 18 ? * MON-THU *),1430")}
		}, head + sampleTarget + `,"targetSelection":"CONTINUOUS","jobExecutionsRetryConfig":{"criteriaList":[{"failureType":"FAILED","numberOfRetries":1}]},
			"jobExecutionsRolloutConfig":{"maximumPerMinute":10},
			"schedulingConfig":{"maintenanceWindows":[{"startTime":"cron(0 2 ? * SAT *)","durationInMinutes":120},{"startTime":"cron(0 18 ? * MON-THU *)","durationInMinutes":1430}]}}`},
		{
			"continuous", func(r *Request, _ *facts) { r.Timeout, r.Retries, r.Continuous = 0, []Retry{}, true },
			head + sampleTarget + `,"targetSelection":"CONTINUOUS","schedulingConfig":{"startTime":"2026-11-22T00:37"}}`,
		},
	} {
		r, f := sampleRequest(t), sampleFacts()
		row.change(r, &f)
		body, _ := sentJob(t, r, f)
		t.Run(row.name, func(t *testing.T) { wantBody(t, body, row.want) })
	}
}
