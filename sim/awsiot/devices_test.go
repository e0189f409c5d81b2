package awsiot

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// apiCode is the exception's name in an error of the SDK.
func apiCode(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// get fetches a URL that needs no more than itself.
func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	status, _, body := read(t, r)
	if status != http.StatusOK {
		t.Fatalf("%d: %s", status, body)
	}
	return body
}

func read(t *testing.T, r *http.Response) (status int, kind, body string) {
	t.Helper()
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header.Get("X-Amzn-Errortype"), string(text)
}

// signed sends a request to a service, signed as the SDK does it.
func signed(t *testing.T, c *Cloud, method, path, service string, header http.Header, body string) (status int, kind, reply string) {
	t.Helper()
	e := c.Endpoints()
	r, err := http.NewRequestWithContext(t.Context(), method, e.Control+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name := range header {
		r.Header.Set(name, header.Get(name))
	}
	sum := sha256.Sum256([]byte(body))
	keys := aws.Credentials{AccessKeyID: e.AccessKey, SecretAccessKey: e.SecretKey}
	if err := v4.NewSigner().SignHTTP(t.Context(), keys, r, hex.EncodeToString(sum[:]), service, e.Region, time.Now()); err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, answer)
}

// client is a device's HTTPS client.
func (d Device) client(t *testing.T, c *Cloud) *http.Client {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(d.Certificate, d.Key)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.Authority().Pool(), Certificates: []tls.Certificate{pair}}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// ask sends a device's request.
func ask(t *testing.T, client *http.Client, method, url, thing, body string) (status int, kind, reply string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if thing != "" {
		r.Header.Set("x-amzn-iot-thingname", thing)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, answer)
}

// mustDevice makes a device.
func mustDevice(t *testing.T, c *Cloud, thing string, groups ...string) Device {
	t.Helper()
	d, err := c.NewDevice(thing, groups...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCredentialsProviderGivesKeysThatReadTheBucket(t *testing.T) {
	c, control := newAccount(t)
	ctx := t.Context()
	d := mustDevice(t, c, "lamp")
	made, err := control.CreateRoleAlias(ctx, &iot.CreateRoleAliasInput{RoleAlias: aws.String("a=b@c-d"), RoleArn: aws.String(otaRole), CredentialDurationSeconds: aws.Int32(900)})
	if err != nil || aws.ToString(made.RoleAliasArn) != "arn:aws:iot:us-east-1:123456789012:rolealias/a=b@c-d" {
		t.Fatalf("created %+v, %v", made, err)
	}
	shown, err := control.DescribeRoleAlias(ctx, &iot.DescribeRoleAliasInput{RoleAlias: aws.String("a=b@c-d")})
	if err != nil || aws.ToString(shown.RoleAliasDescription.RoleArn) != otaRole || aws.ToInt32(shown.RoleAliasDescription.CredentialDurationSeconds) != 900 {
		t.Errorf("described %+v, %v", shown, err)
	}
	_, err = control.CreateRoleAlias(ctx, &iot.CreateRoleAliasInput{RoleAlias: aws.String("a=b@c-d"), RoleArn: aws.String(otaRole)})
	if e := (*iottypes.ResourceAlreadyExistsException)(nil); !errors.As(err, &e) {
		t.Errorf("an alias twice: %v", err)
	}
	version := put(t, s3.NewFromConfig(account(c)), "fw.bin", []byte("image"))

	status, _, body := ask(t, d.client(t, c), http.MethodGet, c.Endpoints().Credentials+"/role-aliases/a=b@c-d/credentials", "lamp", "")
	var reply struct {
		Credentials struct {
			AccessKeyID, SecretAccessKey, SessionToken string
			Expiration                                 time.Time
		}
	}
	if err := json.Unmarshal([]byte(body), &reply); status != http.StatusOK || err != nil {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	keys := reply.Credentials
	if left := time.Until(keys.Expiration); left < 10*time.Minute || left > 15*time.Minute+time.Second {
		t.Errorf("the keys end in %s, want 15 minutes", left)
	}
	cfg := account(c)
	cfg.BaseEndpoint = aws.String(c.Endpoints().S3)
	cfg.Credentials = credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken)
	device := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := device.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(Bucket), Key: aws.String("fw.bin"), VersionId: aws.String(version)}); err != nil {
		t.Errorf("the device reads no version: %v", err)
	}
	_, err = device.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(Bucket), Key: aws.String("x"), Body: strings.NewReader("x")})
	if apiCode(err) != "AccessDenied" {
		t.Errorf("the device writes: %v, want AccessDenied", err)
	}
}

func TestCredentialsProviderRefuses(t *testing.T) {
	c, control := newAccount(t)
	p, err := c.Prepare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := mustDevice(t, c, "other")
	revoked := mustDevice(t, c, "revoked")
	id := revoked.CertificateARN[strings.LastIndex(revoked.CertificateARN, "/")+1:]
	if _, err := control.UpdateCertificate(t.Context(), &iot.UpdateCertificateInput{CertificateId: aws.String(id), NewStatus: iottypes.CertificateStatusRevoked}); err != nil {
		t.Fatal(err)
	}
	url := p.Credentials + "/role-aliases/" + p.RoleAlias + "/credentials"
	for _, row := range []struct {
		what, url, thing string
		device           Device
		status           int
		kind             string
	}{
		{"another's thing", url, p.Device.Thing, other, http.StatusForbidden, "AccessDeniedException"},
		{"a revoked certificate", url, "", revoked, http.StatusForbidden, "AccessDeniedException"},
		{"no such alias", p.Credentials + "/role-aliases/absent/credentials", "", other, http.StatusNotFound, "ResourceNotFoundException"},
		{"another path", p.Credentials + "/role-aliases", "", other, http.StatusNotFound, "UnknownOperationException"},
	} {
		status, kind, body := ask(t, row.device.client(t, c), http.MethodGet, row.url, row.thing, "")
		if status != row.status || kind != row.kind || !strings.Contains(body, `"message":"`) {
			t.Errorf("%s: %d %s %s", row.what, status, kind, body)
		}
	}
	bare := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.Authority().Pool()}}}
	if r, err := bare.Get(url); err == nil {
		r.Body.Close()
		t.Errorf("without a certificate: %s", r.Status)
	}
}

func TestDeviceDoesItsJobOverHTTPS(t *testing.T) {
	c, control := newAccount(t)
	d := mustDevice(t, c, "lamp", "lamps")
	createJob(t, control, "one", groupARN("lamps"))
	createJob(t, control, "two", groupARN("lamps"))
	jobs := c.Endpoints().Data + "/things/lamp/jobs"
	client := d.client(t, c)
	do := func(method, url, body, want string) {
		t.Helper()
		status, kind, reply := ask(t, client, method, url, "", body)
		if status != http.StatusOK || !strings.Contains(reply, want) {
			t.Errorf("%s %s: %d %s %s, want %s", method, url, status, kind, reply, want)
		}
		if strings.Contains(reply, `"timestamp"`) {
			t.Errorf("%s %s: the reply has a timestamp, which is MQTT's: %s", method, url, reply)
		}
	}
	do(http.MethodGet, jobs, "", `"jobId":"two"`)
	do(http.MethodPut, jobs+"/$next", `{"statusDetails":{"step":"1"}}`, `"jobDocument":"{\"afr_ota\":{}}"`)
	do(http.MethodGet, jobs+"/%24next?includeJobDocument=false", "", `"statusDetails":{"step":"1"}`)
	do(http.MethodPost, jobs+"/one", `{"status":"SUCCEEDED","expectedVersion":2,"includeJobExecutionState":true}`, `"status":"SUCCEEDED"`)
	do(http.MethodGet, jobs+"/$next", "", `"jobId":"two"`)
	for _, row := range []struct {
		what, url, body string
		status          int
		kind            string
	}{
		{"a stale version", jobs + "/two", `{"status":"IN_PROGRESS","expectedVersion":7}`, http.StatusConflict, "InvalidStateTransitionException"},
		{"an ended one", jobs + "/one", `{"status":"IN_PROGRESS"}`, http.StatusConflict, "InvalidStateTransitionException"},
		{"no such job", jobs + "/three", `{"status":"IN_PROGRESS"}`, http.StatusNotFound, "ResourceNotFoundException"},
		{"another's thing", c.Endpoints().Data + "/things/other/jobs/one", `{"status":"IN_PROGRESS"}`, http.StatusUnauthorized, "UnauthorizedException"},
	} {
		if status, kind, reply := ask(t, client, http.MethodPost, row.url, "", row.body); status != row.status || kind != row.kind {
			t.Errorf("%s: %d %s %s, want %d %s", row.what, status, kind, reply, row.status, row.kind)
		}
	}
	// The same over the signed port, where the scope tells the planes apart.
	status, _, reply := signed(t, c, http.MethodGet, "/things/lamp/jobs", "iot-jobs-data", nil, "")
	if status != http.StatusOK || !strings.Contains(reply, `"queuedJobs"`) {
		t.Errorf("the data plane: %d %s", status, reply)
	}
	status, _, reply = signed(t, c, http.MethodGet, "/things/lamp/jobs", "iot", nil, "")
	if status != http.StatusOK || !strings.Contains(reply, `"executionSummaries"`) {
		t.Errorf("the control plane: %d %s", status, reply)
	}
}

func TestShadowsAndTopicsOverHTTP(t *testing.T) {
	c, _ := newAccount(t)
	mustDevice(t, c, "lamp")
	body := `{"state":{"reported":{"fw":{"version":"1.0"}}}}`
	status, kind, reply := signed(t, c, http.MethodPost, "/things/lamp/shadow?name=%24package", "iotdata", nil, body)
	if status != http.StatusOK {
		t.Fatalf("%d %s %s", status, kind, reply)
	}
	status, _, reply = signed(t, c, http.MethodGet, "/things/lamp/shadow?name=%24package", "iotdata", nil, "")
	if status != http.StatusOK || !strings.Contains(reply, `"version":"1.0"`) {
		t.Errorf("the shadow is %d %s", status, reply)
	}
	status, kind, _ = signed(t, c, http.MethodGet, "/things/lamp/shadow", "iotdata", nil, "")
	if status != http.StatusNotFound || kind != "ResourceNotFoundException" {
		t.Errorf("no shadow: %d %s", status, kind)
	}
	for path, want := range map[string]int{
		"/topics/a/b?qos=1": http.StatusOK, "/topics/a%2Fb": http.StatusOK,
		"/topics/$aws/things/lamp/jobs/get": http.StatusBadRequest, "/topics/a/%23": http.StatusBadRequest, "/topics/a?qos=2": http.StatusBadRequest,
	} {
		if status, _, reply := signed(t, c, http.MethodPost, path, "iotdata", nil, "hello"); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, reply, want)
		}
	}
}

func TestPlaceholdersBecomeLinksThatLeadToTheVersion(t *testing.T) {
	c := ForTest(t, Options{Host: "localhost"})
	control := iot.NewFromConfig(account(c))
	d := mustDevice(t, c, "lamp", "lamps")
	objects := s3.NewFromConfig(account(c))
	version := put(t, objects, "fw/a b.bin", []byte("the version"))
	put(t, objects, "fw/a b.bin", []byte("a newer one"))
	document := `{"url":"${aws:iot:s3-presigned-url-v2:https://s3.us-east-1.amazonaws.com/` + Bucket + `/fw/a%20b.bin%3FversionId%3D` + version + `}"}`
	_, err := control.CreateJob(t.Context(), &iot.CreateJobInput{
		JobId: aws.String("links"), Targets: []string{groupARN("lamps")}, Document: aws.String(document),
		PresignedUrlConfig: &iottypes.PresignedUrlConfig{RoleArn: aws.String(otaRole), ExpiresInSec: aws.Int64(60)},
	})
	if err != nil {
		t.Fatal(err)
	}
	client := d.client(t, c)
	data := strings.Replace(c.Endpoints().Data, "127.0.0.1", "localhost", 1)
	_, _, reply := ask(t, client, http.MethodGet, data+"/things/lamp/jobs/$next", "", "")
	var job struct{ Execution struct{ JobDocument string } }
	var text struct{ URL string }
	if err := errors.Join(json.Unmarshal([]byte(reply), &job), json.Unmarshal([]byte(job.Execution.JobDocument), &text)); err != nil {
		t.Fatalf("%v in %s", err, reply)
	}
	if !strings.HasPrefix(text.URL, "http://localhost:") {
		t.Errorf("the link %s does not lead where devices reach this machine", text.URL)
	}
	if got := get(t, text.URL); got != "the version" {
		t.Errorf("the link leads to %q", got)
	}
}
