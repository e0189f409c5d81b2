package clients

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"abota/updater/signature"
)

// createOTAScript makes the calls of AWS's sample, in its order, with boto3.
const createOTAScript = "../../../testdata/aws-iot/create_ota.py"

// The calls of the sample, polls of the signing job counted once: service,
// method, and path with what differs left out.
var sampleCalls = []string{
	"sts POST /",
	"s3 GET /BUCKET/BINARY",
	"signer POST /signing-jobs",
	"signer GET /signing-jobs/ID",
	"s3 PUT /BUCKET/SignedImage/ID",
	"s3 GET /BUCKET/SignedImage/ID",
	"iot POST /streams/AFR_OTA-ID",
	"s3 GET /BUCKET?versions",
	"s3 GET /BUCKET/SignedImage/ID?versionId",
	"iot PUT /jobs/AFR_OTA-JOB",
}

// What the sample sends, as it was seen on the wire, with names in capitals
// where identifiers, times and signatures are.
const (
	signingBody = `{"source":{"s3":{"bucketName":"BUCKET","key":"BINARY","version":"BINARYVERSION"}},` +
		`"destination":{"s3":{"bucketName":"BUCKET","prefix":"SignedImage/"}},"profileName":"PROFILE","clientRequestToken":"TOKEN"}`
	streamBody = `{"description":"Stream for deconstructed OTAUpdate JOB","files":[{"fileId":0,"s3Location":` +
		`{"bucket":"BUCKET","key":"SIGNED","version":"SIGNEDVERSION"}}],"roleArn":"arn:aws:iam::ACCOUNT:role/ROLE"}`
	jobBody = `{"targets":["arn:aws:iot:REGION:ACCOUNT:thinggroup/GROUP"],"document":DOCUMENT,` +
		`"description":"AWS job for deconstructed OTAUpdateJobId = JOB","targetSelection":"SNAPSHOT","timeoutConfig":{"inProgressTimeoutInMinutes":10},` +
		`"jobExecutionsRetryConfig":{"criteriaList":[{"failureType":"TIMED_OUT","numberOfRetries":3}]},` +
		`"schedulingConfig":{"endBehavior":"CANCEL","endTime":"IN TWO HOURS","startTime":"IN AN HOUR"}}`
	jobDocument = `{"afr_ota":{"protocols":["MQTT"],"streamname":"STREAM","files":[{"filepath":null,"filesize":262144,"fileid":0,` +
		`"certfile":"CERTNAME","update_data_url":null,"auth_scheme":null,"sig-sha256-ecdsa":"SIGNATURE"}]}}`
)

// TestTheSampleAndCreateOTASendTheSame: both make the sample's job by way of a
// recorder, and what it saw is the sample's, body by body.
func TestTheSampleAndCreateOTASendTheSame(t *testing.T) {
	found := pythons(t)
	w := newWorld(t)
	seen := map[string][]sent{}
	record := func(job, name string, args ...string) {
		r := newRecorder(t, w.Control)
		w.command(w.environment(r.URL), name, append(args, w.Image, w.Bucket, w.Profile, w.Role, w.Group, job)...)
		seen[job] = r.all()
	}
	record("ours", binary(t, "abota-publish"), "create-ota")
	for i, python := range found {
		job := fmt.Sprintf("theirs-%d", i)
		record(job, python[0], createOTAScript)
		t.Logf("%s is by boto3 %s", job, python[1])
		if calls := w.calls(seen[job], job); !reflect.DeepEqual(calls, sampleCalls) {
			t.Errorf("the calls of boto3 %s are not the sample's:\n%s", python[1], strings.Join(calls, "\n"))
		}
	}
	document, _ := json.Marshal(jobDocument)
	want := map[string]string{
		"StartSigningJob": signingBody, "CreateStream": streamBody, "CreateJob": strings.ReplaceAll(jobBody, "DOCUMENT", string(document)),
	}
	for job, all := range seen {
		got := w.bodies(all, job)
		for call, text := range want {
			if sample := tree(t, text); !reflect.DeepEqual(got[call], sample) {
				t.Errorf("%s: the body of %s is\n%s\nand the sample's\n%s", job, call, compact(got[call]), compact(sample))
			}
		}
	}
}

// identifiers are those that services make up.
var identifiers = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}`)

// calls are requests in short, one line each; a repeated one counts once.
func (w *world) calls(all []sent, job string) []string {
	var lines []string
	for _, s := range all {
		path := identifiers.ReplaceAllString(s.URL.Path, "ID")
		path = strings.NewReplacer("/"+w.Bucket, "/BUCKET", w.Image, "BINARY", "AFR_OTA-"+job, "AFR_OTA-JOB").Replace(path)
		for _, key := range []string{"versions", "versionId"} {
			if s.URL.Query().Has(key) {
				path += "?" + key
			}
		}
		line := s.Service + " " + s.Method + " " + path
		if len(lines) == 0 || lines[len(lines)-1] != line {
			lines = append(lines, line)
		}
	}
	return lines
}

// bodies are those of the three calls, with what identifies one run replaced
// after it was found to be right.
func (w *world) bodies(all []sent, job string) map[string]any {
	w.t.Helper()
	out := map[string]any{}
	for _, s := range all {
		path := s.URL.Path
		switch {
		case s.Service == "signer" && s.Method == "POST" && path == "/signing-jobs":
			out["StartSigningJob"] = w.signing(s)
		case s.Service == "iot" && s.Method == "POST" && strings.HasPrefix(path, "/streams/AFR_OTA-"):
			out["CreateStream"] = w.stream(s, job)
			out["stream"] = strings.TrimPrefix(path, "/streams/")
		case s.Service == "iot" && s.Method == "PUT" && path == "/jobs/AFR_OTA-"+job:
			out["CreateJob"] = w.job(s, job, out["stream"])
		}
	}
	return out
}

// named replaces the names of this account by words.
func (w *world) named(s sent, job string) map[string]any {
	w.t.Helper()
	text := string(s.Body)
	for _, pair := range [][2]string{
		{`"` + w.Bucket + `"`, `"BUCKET"`},
		{`"` + w.Image + `"`, `"BINARY"`},
		{`"` + w.Profile + `"`, `"PROFILE"`},
		{"role/" + w.Role + `"`, `role/ROLE"`},
		{"thinggroup/" + w.Group + `"`, `thinggroup/GROUP"`},
		{":" + w.Account + ":", ":ACCOUNT:"},
		{"arn:aws:iot:" + w.Region + ":", "arn:aws:iot:REGION:"},
		{"OTAUpdate " + job + `"`, `OTAUpdate JOB"`},
		{"OTAUpdateJobId = " + job + `"`, `OTAUpdateJobId = JOB"`},
	} {
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	body, _ := tree(w.t, text).(map[string]any)
	if body == nil {
		w.t.Fatalf("%s %s has no body: %s", s.Method, s.URL, s.Body)
	}
	return body
}

// replace has a word at the end of a path instead of what right says is right.
func (w *world) replace(body any, word string, right func(string) error, path ...string) {
	w.t.Helper()
	for _, key := range path[:len(path)-1] {
		if list, is := body.([]any); is && len(list) == 1 {
			body = list[0]
		}
		object, _ := body.(map[string]any)
		body = object[key]
	}
	if list, is := body.([]any); is && len(list) == 1 {
		body = list[0]
	}
	object, _ := body.(map[string]any)
	value, is := object[path[len(path)-1]].(string)
	if !is {
		w.t.Errorf("there is no %s in %s", strings.Join(path, "."), compact(body))
		return
	}
	if err := right(value); err != nil {
		w.t.Errorf("%s is %q: %v", strings.Join(path, "."), value, err)
		return
	}
	object[path[len(path)-1]] = word
}

func (w *world) signing(s sent) any {
	body := w.named(s, "")
	w.replace(body, "BINARYVERSION", w.holdsImage(w.Image), "source", "s3", "version")
	w.replace(body, "TOKEN", func(token string) error {
		if !identifiers.MatchString(token) {
			return fmt.Errorf("it is no UUID")
		}
		return nil
	}, "clientRequestToken")
	return body
}

// stream is CreateStream's body. The object must hold the binary, not what the
// signer wrote.
func (w *world) stream(s sent, job string) any {
	body, key := w.named(s, job), ""
	w.replace(body, "SIGNED", func(name string) error {
		key = name
		if !strings.HasPrefix(name, "SignedImage/") || !identifiers.MatchString(name) {
			return fmt.Errorf("the signer does not call its objects so")
		}
		return nil
	}, "files", "s3Location", "key")
	w.replace(body, "SIGNEDVERSION", w.holdsImage(key), "files", "s3Location", "version")
	return body
}

// job is CreateJob's body, its document in order.
func (w *world) job(s sent, job string, stream any) any {
	body := w.named(s, job)
	lasts(w.t, body)
	w.replace(body, "IN AN HOUR", in(time.Hour), "schedulingConfig", "startTime")
	w.replace(body, "IN TWO HOURS", in(2*time.Hour), "schedulingConfig", "endTime")
	text, _ := body["document"].(string)
	document := tree(w.t, text)
	w.replace(document, "STREAM", func(name string) error {
		if name != stream || !identifiers.MatchString(name) {
			return fmt.Errorf("the stream that was made is %v", stream)
		}
		return nil
	}, "afr_ota", "streamname")
	w.replace(document, "CERTNAME", func(name string) error {
		if name != w.CertName {
			return fmt.Errorf("the profile has %s", w.CertName)
		}
		return nil
	}, "afr_ota", "files", "certfile")
	w.replace(document, "SIGNATURE", w.signs, "afr_ota", "files", "sig-sha256-ecdsa")
	var inOrder any
	must(w.t, json.Unmarshal([]byte(jobDocument), &inOrder))
	if reflect.DeepEqual(document, inOrder) {
		body["document"] = jobDocument
	} else {
		body["document"] = compact(document)
	}
	return body
}

// holdsImage wants a version of an object to be the binary.
func (w *world) holdsImage(key string) func(version string) error {
	return func(version string) error {
		if got := w.object(key, version); sha256.Sum256(got) != sha256.Sum256(w.object(w.Image, "")) {
			return fmt.Errorf("%s holds %d other bytes in this version", key, len(got))
		}
		return nil
	}
}

func (w *world) object(key, version string) []byte {
	w.t.Helper()
	o, _, err := w.Store().Open(w.t.Context(), w.Bucket, key, version)
	must(w.t, err)
	defer o.Close()
	content, err := io.ReadAll(o)
	must(w.t, err)
	return content
}

// signs wants a signature of the binary that a device would trust.
func (w *world) signs(text string) error {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	s, err := signature.New(w.Certs, w.CertName, "sha256-ecdsa", raw)
	if err != nil {
		return err
	}
	return s.Verify(sha256.Sum256(w.object(w.Image, "")))
}

// lasts wants a schedule of an hour exactly.
func lasts(t *testing.T, job map[string]any) {
	t.Helper()
	var at [2]time.Time
	times, _ := job["schedulingConfig"].(map[string]any)
	for i, key := range []string{"startTime", "endTime"} {
		text, _ := times[key].(string)
		var err error
		at[i], err = time.Parse("2006-01-02T15:04", text)
		must(t, err)
	}
	if d := at[1].Sub(at[0]); d != time.Hour {
		t.Errorf("the job ends %v after it begins", d)
	}
}

// slack is how long before now a client may have said when a job begins, and
// how far up it may have rounded that.
const slack, rounding = 10 * time.Minute, time.Minute

// in wants a moment that is so long from when the client ran.
func in(d time.Duration) func(string) error {
	return func(text string) error {
		at, err := time.Parse("2006-01-02T15:04", text)
		if err != nil {
			return err
		}
		if off := time.Until(at) - d; off > rounding || off < -slack {
			return fmt.Errorf("it is not %v from now", d)
		}
		return nil
	}
}

func tree(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

func compact(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}
