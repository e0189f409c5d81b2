package ota

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"abota/cmd/internal/cli"
)

// create runs create-ota, and returns its exit code and all that it said.
func (f *fake) create(ctx context.Context, t *testing.T, r *Request, o Options) (int, string) {
	t.Helper()
	var text bytes.Buffer
	out := &cli.Output{Name: "abota-publish", Stdout: &text, Stderr: &text}
	return f.end(out, &text, Create(ctx, out, f.access(), r, o))
}

func (f *fake) end(out *cli.Output, text *bytes.Buffer, err error) (int, string) {
	code := out.End("create-ota", err, nil, func(err error) int {
		var e *Error
		switch {
		case err == nil:
			return cli.ExitDone
		case errors.As(err, &e):
			return e.Code
		case errors.As(err, new(*cli.UsageError)), errors.Is(err, os.ErrNotExist):
			return cli.ExitUsage
		}
		return cli.ExitFailed
	})
	return code, text.String()
}

// changes are the requests that changed something.
func (f *fake) changes() (all []string) {
	for _, op := range f.log {
		if !strings.Contains(op, " GET ") && !strings.Contains(op, " HEAD ") && !strings.HasPrefix(op, "sts ") {
			all = append(all, op)
		}
	}
	return all
}

func (f *fake) document(t *testing.T, job string) document {
	t.Helper()
	var d document
	if err := json.Unmarshal([]byte(f.docs[job]), &d); err != nil {
		t.Fatalf("%s: %v", f.docs[job], err)
	}
	return d
}

// wantSigned wants the document's signature to be over data.
func (f *fake) wantSigned(t *testing.T, key *ecdsa.PublicKey, file afrFile, data string) {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(file.ECDSA)
	sum := sha256.Sum256([]byte(data))
	if err != nil || !ecdsa.VerifyASN1(key, sum[:], der) || file.Size != int64(len(data)) || file.Cert != "foobar" {
		t.Errorf("the signature of %q does not hold: %+v, %v", data, file, err)
	}
}

func TestCreateMakesWhatTheSampleMakes(t *testing.T) {
	f := newFake(t)
	code, text := f.create(t.Context(), t, sampleRequest(t), Options{})
	if code != cli.ExitDone {
		t.Fatal(text)
	}
	d := f.document(t, "AFR_OTA-Job1")
	want := []string{"signer POST /signing-jobs", "s3 PUT /bkt/SignedImage/guid", "iot POST /streams/" + d.AFR.Stream, "iot PUT /jobs/AFR_OTA-Job1"}
	if got := f.changes(); !slices.Equal(got, want) {
		t.Errorf("made %q, want %q", got, want)
	}
	if i := slices.Index(f.log, "s3 GET /bkt?versioning"); i < 0 || i > slices.Index(f.log, "s3 HEAD /bkt/fw.bin") {
		t.Errorf("versioning is not checked first: %q", f.log)
	}
	f.wantSigned(t, &f.key.PublicKey, d.AFR.Files[0], "the binary")
	signed := f.objects["bkt/SignedImage/guid"]
	if len(signed) != 2 || string(signed[1].data) != "the binary" {
		t.Fatalf("%d versions of the signed object", len(signed))
	}
	wantBody(t, f.bodies["iot POST /streams"], fmt.Sprintf(`{"description":"Stream for deconstructed OTAUpdate Job1","files":[{"fileId":0,"s3Location":{"bucket":"bkt","key":"SignedImage/guid","version":%q}}],"roleArn":"arn:aws:iam::123456789012:role/MyRole"}`, signed[1].id))
	if strings.Contains(text, "removed") {
		t.Error(text)
	}
}

// TestAnUploadInBetweenChangesNothing: the version that was looked at is the
// one that is signed and copied.
func TestAnUploadInBetweenChangesNothing(t *testing.T) {
	f := newFake(t)
	f.meet = func(op string, _ http.ResponseWriter, _ *http.Request) bool {
		if op == "signer POST /signing-jobs" || strings.HasPrefix(op, "s3 PUT") {
			f.put("bkt/fw.bin", []byte("uploaded meanwhile"))
		}
		return false
	}
	if code, text := f.create(t.Context(), t, sampleRequest(t), Options{}); code != cli.ExitDone {
		t.Fatal(text)
	}
	f.wantSigned(t, &f.key.PublicKey, f.document(t, "AFR_OTA-Job1").AFR.Files[0], "the binary")
	if got := f.objects["bkt/SignedImage/guid"]; string(got[len(got)-1].data) != "the binary" {
		t.Errorf("devices would get %q", got[len(got)-1].data)
	}
}

// leftovers is what a run that failed has left.
func (f *fake) leftovers() string {
	return fmt.Sprint(len(f.objects["bkt/SignedImage/guid"]), " versions, ", len(f.streams), " streams, ", len(f.jobs), " jobs, ", len(f.objects["bkt/fw.bin"]), " binaries")
}

const nothingLeft = "0 versions, 0 streams, 0 jobs, 2 binaries"

// TestWhatFailsLeavesNothing lets each step fail, in each way.
func TestWhatFailsLeavesNothing(t *testing.T) {
	json4xx := func(w http.ResponseWriter) {
		refuse(w, http.StatusBadRequest, "InvalidRequestException", "not this way")
	}
	json5xx := func(w http.ResponseWriter) {
		refuse(w, http.StatusInternalServerError, "InternalFailureException", "oops")
	}
	deny := func(w http.ResponseWriter) {
		refuse(w, http.StatusForbidden, "AccessDeniedException", "is not authorized")
	}
	s3deny := func(w http.ResponseWriter) { refuseS3(w, http.StatusForbidden, "AccessDenied") }
	cut := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
	for _, row := range []struct {
		op   string
		fail func(w http.ResponseWriter)
		code int
		want string
	}{
		{"sts POST /", deny, cli.ExitUsage, "cannot ask who the credentials belong to"},
		{"signer POST /signing-jobs", json4xx, cli.ExitFailed, "InvalidRequestException: not this way"},
		{"signer POST /signing-jobs", deny, cli.ExitUsage, "check the credentials"},
		{"signer GET /signing-jobs/c1d2", json5xx, cli.ExitTransport, "look at signing job c1d2"},
		{"s3 GET /bkt/SignedImage/guid", s3deny, cli.ExitUsage, "read the signed object"},
		{"s3 PUT /bkt/SignedImage/guid", s3deny, cli.ExitUsage, "copy the binary over the signed object"},
		{"iot POST /streams", json4xx, cli.ExitFailed, "make the stream"},
		{"iot POST /streams", cut, cli.ExitTransport, "make the stream"},
		{"iot PUT /jobs/AFR_OTA-Job1", json4xx, cli.ExitFailed, "make job AFR_OTA-Job1"},
		{"iot PUT /jobs/AFR_OTA-Job1", cut, cli.ExitTransport, "make job AFR_OTA-Job1"},
		{"iot PUT /jobs/AFR_OTA-Job1", json5xx, cli.ExitTransport, "make job AFR_OTA-Job1"},
	} {
		t.Run(row.op, func(t *testing.T) {
			f := newFake(t)
			broken := true
			f.meet = func(op string, w http.ResponseWriter, _ *http.Request) bool {
				if hit := broken && strings.HasPrefix(op, row.op); hit {
					// What looks at the signing job is broken once only, or
					// nobody could tell what to remove.
					broken = !strings.HasPrefix(op, "signer GET") || len(f.log) < 14
					row.fail(w)
					return true
				}
				return false
			}
			code, text := f.create(t.Context(), t, sampleRequest(t), Options{})
			if code != row.code || !strings.Contains(text, row.want) {
				t.Errorf("exit code %d, want %d and %q: %s", code, row.code, row.want, text)
			}
			if row.op != "signer GET /signing-jobs/c1d2" && f.leftovers() != nothingLeft {
				t.Errorf("left: %s\n%s", f.leftovers(), text)
			}
			if lines := strings.Split(strings.TrimSpace(text), "\n"); strings.HasPrefix(row.op, "iot PUT") && !strings.Contains(text, "removed stream AFR_OTA-") {
				t.Errorf("%q", lines)
			}
		})
	}
}

// TestWhatIsWrongIsSeenBeforeAnythingIsMade: each of these is seen by reading.
func TestWhatIsWrongIsSeenBeforeAnythingIsMade(t *testing.T) {
	for _, row := range []struct {
		change func(f *fake, r *Request)
		code   int
		want   string
	}{
		{func(f *fake, _ *Request) { f.versioning = "" }, cli.ExitUsage, "keeps no versions"},
		{func(f *fake, _ *Request) { f.versioning = "Suspended" }, cli.ExitUsage, "put-bucket-versioning"},
		{func(_ *fake, r *Request) { r.Binary = "other" }, cli.ExitUsage, `no object "other" in bucket "bkt"`},
		{func(f *fake, _ *Request) { f.put("bkt/fw.bin", nil) }, cli.ExitUsage, "is empty"},
		{func(f *fake, _ *Request) { f.objects["bkt/fw.bin"] = []fakeVersion{{"null", []byte("x")}} }, cli.ExitUsage, "before the bucket kept some"},
		{func(f *fake, _ *Request) { f.put("bkt/fw.bin", make([]byte, 24<<20+1)) }, cli.ExitRefused, "--protocol http"},
		{func(_ *fake, r *Request) { r.Profile = "Other" }, cli.ExitUsage, `no signing profile "Other"`},
		{func(f *fake, _ *Request) { f.profile["status"] = "Canceled" }, cli.ExitUsage, "not active but Canceled"},
		{func(f *fake, _ *Request) { delete(f.profile, "signingParameters") }, cli.ExitUsage, "names no certificate"},
		{func(f *fake, _ *Request) {
			f.profile["overrides"] = map[string]any{"signingConfiguration": map[string]string{"hashAlgorithm": "SHA1", "encryptionAlgorithm": "RSA"}}
		}, cli.ExitUsage, "SHA-1"},
		{func(_ *fake, r *Request) { r.Group = "Other" }, cli.ExitUsage, `no thing group "Other" in us-east-1`},
		{func(_ *fake, r *Request) { r.Group = "arn:aws:iot:eu-west-1:123456789012:thinggroup/MyGroup" }, cli.ExitUsage, "add --region eu-west-1"},
		{func(_ *fake, r *Request) { r.Group = "arn:aws:iot:us-east-1:999999999999:thinggroup/MyGroup" }, cli.ExitUsage, "belongs to account 999999999999"},
		{func(_ *fake, r *Request) { r.Role = "arn:aws:iam::999999999999:role/R" }, cli.ExitUsage, "belongs to account 999999999999"},
		{func(_ *fake, r *Request) { r.Packages = []string{"fw/2"} }, cli.ExitUsage, "is DRAFT"},
		{func(_ *fake, r *Request) { r.Packages = []string{"fw/3"} }, cli.ExitUsage, `no version "3"`},
		{func(f *fake, _ *Request) { f.jobs["AFR_OTA-Job1"] = map[string]any{"status": "COMPLETED"} }, cli.ExitRefused, "exists already (COMPLETED)"},
		{func(_ *fake, r *Request) { r.SignKey, r.CertName = "no/such/file", "c" }, cli.ExitUsage, "no such file"},
		{func(_ *fake, r *Request) { r.Stream = "none" }, cli.ExitUsage, `no stream "none"`},
		{func(_ *fake, r *Request) { r.SignedObject = "fw.bin" }, cli.ExitUntrusted, "no signed object"},
		{func(f *fake, r *Request) {
			r.SignedObject = "signed"
			f.put("bkt/signed", f.signedJSON([]byte("another")))
		}, cli.ExitUntrusted, "is of 7 bytes, and"},
		{func(f *fake, r *Request) {
			r.SignedObject, r.Binary = "signed", ""
			f.put("bkt/signed", f.signedJSON([]byte("another")))
		}, cli.ExitUsage, "name BINARY"},
	} {
		f, r := newFake(t), sampleRequest(t)
		row.change(f, r)
		code, text := f.create(t.Context(), t, r, Options{})
		if code != row.code || !strings.Contains(text, row.want) || len(f.changes()) > 0 {
			t.Errorf("exit code %d, want %d and %q: %s%q", code, row.code, row.want, text, f.changes())
		}
	}
}

func TestAFailedSigningJobSaysWhy(t *testing.T) {
	for status, row := range map[string]struct {
		code int
		want string
	}{"Failed": {cli.ExitFailed, "failed: bad image"}, "InProgress": {cli.ExitTransport, "still InProgress after 1ms"}} {
		f, r := newFake(t), sampleRequest(t)
		r.SigningTimeout = time.Millisecond
		f.meet = func(op string, w http.ResponseWriter, _ *http.Request) bool {
			if op != "signer GET /signing-jobs/c1d2" {
				return false
			}
			f.objects["bkt/SignedImage/guid"] = nil
			reply(w, map[string]any{"status": status, "statusReason": "bad image"})
			return true
		}
		code, text := f.create(t.Context(), t, r, Options{})
		if code != row.code || !strings.Contains(text, row.want) || f.leftovers() != nothingLeft {
			t.Errorf("%s: exit code %d: %s%s", status, code, text, f.leftovers())
		}
		if warned := strings.Contains(text, "still runs, and will write below SignedImage/"); warned != (status == "InProgress") {
			t.Error(text)
		}
	}
}

// TestASignatureOfSomethingElseIsNotUsed: Signer's object says how much it is of.
func TestASignatureOfSomethingElseIsNotUsed(t *testing.T) {
	f := newFake(t)
	f.meet = func(op string, _ http.ResponseWriter, _ *http.Request) bool {
		if op == "signer GET /signing-jobs/c1d2" && len(f.objects["bkt/SignedImage/guid"]) == 1 {
			f.objects["bkt/SignedImage/guid"][0].data = f.signedJSON([]byte("something else"))
		}
		return false
	}
	code, text := f.create(t.Context(), t, sampleRequest(t), Options{})
	if code != cli.ExitUntrusted || !strings.Contains(text, "is of 14 bytes, and") || f.leftovers() != nothingLeft {
		t.Errorf("exit code %d: %s%s", code, text, f.leftovers())
	}
}

// TestAStreamWhoseAnswerIsLost is there when the SDK asks again.
func TestAStreamWhoseAnswerIsLost(t *testing.T) {
	f := newFake(t)
	f.meet = func(op string, _ http.ResponseWriter, _ *http.Request) bool {
		if id, is := strings.CutPrefix(op, "iot POST /streams/"); is && len(f.streams) == 0 {
			f.streams[id] = map[string]any{"streamId": id}
			panic(http.ErrAbortHandler)
		}
		return false
	}
	if code, text := f.create(t.Context(), t, sampleRequest(t), Options{}); code != cli.ExitDone || len(f.streams) != 1 {
		t.Errorf("exit code %d, %d streams: %s", code, len(f.streams), text)
	}
}

func TestAnInterruptionCleansUp(t *testing.T) {
	for _, at := range []string{"signer GET /signing-jobs/c1d2", "s3 PUT /bkt/SignedImage/guid", "iot POST /streams/"} {
		f := newFake(t)
		ctx, interrupt := context.WithCancel(t.Context())
		f.meet = func(op string, _ http.ResponseWriter, _ *http.Request) bool {
			if strings.HasPrefix(op, at) {
				interrupt()
			}
			return false
		}
		code, text := f.create(ctx, t, sampleRequest(t), Options{})
		if code != cli.ExitFailed || !strings.Contains(text, "interrupted") || f.leftovers() != nothingLeft {
			t.Errorf("%s: exit code %d: %s%s", at, code, text, f.leftovers())
		}
	}
}

// TestAJobWhoseAnswerIsLostKeepsItsStream: the job was made, only nobody heard
// of it.
func TestAJobWhoseAnswerIsLostKeepsItsStream(t *testing.T) {
	for _, row := range []struct {
		name      string
		interrupt bool
		blind     bool // and cannot be asked about either
		code      int
		want      string
	}{
		{"lost", false, false, cli.ExitDone, "job AFR_OTA-Job1 is made"},
		{"interrupted", true, false, cli.ExitFailed, "was made before: `abota-publish ota cancel Job1`"},
		{"unknown", false, true, cli.ExitTransport, "it is not known whether the job AFR_OTA-Job1 was made"},
	} {
		f := newFake(t)
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		f.meet = func(op string, w http.ResponseWriter, r *http.Request) bool {
			switch {
			case op == "iot PUT /jobs/AFR_OTA-Job1" && f.jobs["AFR_OTA-Job1"] == nil:
				var in struct{ Document string }
				_ = json.NewDecoder(r.Body).Decode(&in)
				f.jobs["AFR_OTA-Job1"], f.docs["AFR_OTA-Job1"] = map[string]any{"status": "SCHEDULED"}, in.Document
				if row.interrupt {
					interrupt()
				}
				panic(http.ErrAbortHandler)
			case op == "iot PUT /jobs/AFR_OTA-Job1":
				refuse(w, http.StatusConflict, "ResourceAlreadyExistsException", "there is one")
				return true
			case row.blind && strings.HasSuffix(op, "/job-document"):
				panic(http.ErrAbortHandler)
			}
			return false
		}
		if row.blind {
			inner := f.meet
			f.meet = func(op string, w http.ResponseWriter, r *http.Request) bool {
				if op == "iot PUT /jobs/AFR_OTA-Job1" {
					panic(http.ErrAbortHandler)
				}
				return inner(op, w, r)
			}
		}
		code, text := f.create(ctx, t, sampleRequest(t), Options{})
		if code != row.code || !strings.Contains(text, row.want) || len(f.streams) != 1 || strings.Contains(text, "removed stream") {
			t.Errorf("%s: exit code %d, %d streams: %s", row.name, code, len(f.streams), text)
		}
	}
}

func TestNoCleanupLeavesItAndSaysSo(t *testing.T) {
	f, r := newFake(t), sampleRequest(t)
	r.Cleanup = false
	f.meet = func(op string, w http.ResponseWriter, _ *http.Request) bool {
		if op == "iot PUT /jobs/AFR_OTA-Job1" {
			refuse(w, http.StatusBadRequest, "LimitExceededException", "too many")
			return true
		}
		return false
	}
	code, text := f.create(t.Context(), t, r, Options{})
	if code != cli.ExitFailed || f.leftovers() != "2 versions, 1 streams, 0 jobs, 2 binaries" || strings.Count(text, "left as it is: ") != 2 {
		t.Errorf("exit code %d: %s%s", code, text, f.leftovers())
	}
}

// TestRightsThatAreMissingForAChecksAreNoFailure: only the checks.
func TestRightsThatAreMissingForChecksAreNoFailure(t *testing.T) {
	f := newFake(t)
	f.meet = func(op string, w http.ResponseWriter, _ *http.Request) bool {
		for _, check := range []string{"signer GET /signing-profiles/MyProfile", "iot GET /thing-groups/MyGroup", "iot GET /jobs/AFR_OTA-Job1"} {
			if op == check {
				refuse(w, http.StatusForbidden, "AccessDeniedException", "is not authorized")
				return true
			}
		}
		if op == "s3 GET /bkt?versioning" {
			refuseS3(w, http.StatusForbidden, "AccessDenied")
			return true
		}
		return false
	}
	code, text := f.create(t.Context(), t, sampleRequest(t), Options{})
	if code != cli.ExitDone || strings.Count(text, "cannot check ") != 4 {
		t.Errorf("exit code %d: %s", code, text)
	}
}
