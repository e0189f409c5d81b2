package ota

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// fake answers for all the services as far as this package speaks to them, and
// keeps what it was asked. It knows nothing of rollouts and devices.
type fake struct {
	mu      sync.Mutex
	url     string
	key     *ecdsa.PrivateKey
	log     []string
	bodies  map[string][]byte // of the last request of that kind
	objects map[string][]fakeVersion
	jobs    map[string]map[string]any
	docs    map[string]string
	streams map[string]map[string]any
	signing map[string]map[string]any
	n       int

	versioning string
	profile    map[string]any
	packages   map[string]string
	groups     []string
	executions []map[string]any
	details    map[string]string
	// meet is asked about each request first; what it answers is the answer.
	meet func(op string, w http.ResponseWriter, r *http.Request) (answered bool)
}

type fakeVersion struct {
	id   string
	data []byte
}

func newFake(t *testing.T) *fake {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{
		key: key, bodies: map[string][]byte{}, objects: map[string][]fakeVersion{}, jobs: map[string]map[string]any{}, docs: map[string]string{},
		streams: map[string]map[string]any{}, signing: map[string]map[string]any{}, versioning: "Enabled",
		profile:  map[string]any{"status": "Active", "signingParameters": map[string]string{"certname": "foobar"}},
		packages: map[string]string{"fw/1.4.0": "PUBLISHED", "fw/2": "DRAFT", "old/1": "DEPRECATED"}, groups: []string{"MyGroup"},
	}
	f.put("bkt/fw.bin", []byte("an older binary"))
	f.put("bkt/fw.bin", []byte("the binary"))
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *fake) put(path string, data []byte) string {
	f.n++
	id := "v" + strconv.Itoa(f.n)
	f.objects[path] = append(f.objects[path], fakeVersion{id, data})
	return id
}

// access is how this package gets to it.
func (f *fake) access() Access {
	return Access{Endpoint: f.url, Region: "us-east-1", AccessKey: "AK", SecretKey: "SK", retryer: func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = time.Millisecond })
	}}
}

// operation names a request: "s3 PUT /bkt/key", "iot PUT /jobs/id".
func operation(r *http.Request) string {
	op := serviceOf(r) + " " + r.Method + " " + r.URL.Path
	for _, sub := range []string{"versioning", "versions"} {
		if r.URL.Query().Has(sub) {
			op += "?" + sub
		}
	}
	return op
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	op := operation(r)
	f.log = append(f.log, op)
	if f.meet != nil && f.meet(op, w, r) {
		return
	}
	body, _ := io.ReadAll(r.Body)
	service, kind, _ := strings.Cut(op, " ")
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	f.bodies[service+" "+r.Method+" /"+parts[0]] = body
	switch service {
	case "sts":
		fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/me</Arn><UserId>u</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
	case "s3":
		f.s3(w, r)
	case "signer":
		f.signer(w, r, parts, body)
	case "iot":
		f.iot(w, r, parts, body)
	default:
		http.Error(w, kind, http.StatusTeapot)
	}
}

func reply(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

// refuse is an error as the JSON services have it.
func refuse(w http.ResponseWriter, status int, name, message string) {
	w.Header().Set("X-Amzn-ErrorType", name)
	w.WriteHeader(status)
	reply(w, map[string]string{"message": message})
}

// refuseS3 is one as S3 has it.
func refuseS3(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s!</Message></Error>", code, code)
}

func (f *fake) s3(w http.ResponseWriter, r *http.Request) {
	path, query := strings.Trim(r.URL.Path, "/"), r.URL.Query()
	all := f.objects[path]
	switch {
	case query.Has("versioning"):
		fmt.Fprintf(w, "<VersioningConfiguration><Status>%s</Status></VersioningConfiguration>", f.versioning)
	case query.Has("versions"):
		f.listVersions(w, path, query.Get("prefix"))
	case r.Method == http.MethodPut:
		source, id, _ := strings.Cut(r.Header.Get("X-Amz-Copy-Source"), "?versionId=")
		source, _ = url.PathUnescape(source)
		from := f.objects[source]
		i := slices.IndexFunc(from, func(v fakeVersion) bool { return v.id == id })
		if i < 0 {
			refuseS3(w, http.StatusNotFound, "NoSuchVersion")
			return
		}
		w.Header().Set("X-Amz-Version-Id", f.put(path, from[i].data))
		fmt.Fprint(w, "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>")
	case r.Method == http.MethodDelete:
		f.objects[path] = slices.DeleteFunc(all, func(v fakeVersion) bool { return v.id == query.Get("versionId") })
		w.WriteHeader(http.StatusNoContent)
	default:
		if id := query.Get("versionId"); id != "" {
			all = slices.DeleteFunc(slices.Clone(all), func(v fakeVersion) bool { return v.id != id })
		}
		if len(all) == 0 {
			refuseS3(w, http.StatusNotFound, "NoSuchKey")
			return
		}
		v := all[len(all)-1]
		if f.versioning != "" {
			w.Header().Set("X-Amz-Version-Id", v.id)
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(v.data)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(v.data)
		}
	}
}

func (f *fake) listVersions(w http.ResponseWriter, bucket, prefix string) {
	fmt.Fprint(w, "<ListVersionsResult><IsTruncated>false</IsTruncated>")
	for path, all := range f.objects {
		key, ok := strings.CutPrefix(path, bucket+"/")
		if !ok || !strings.HasPrefix(key, prefix) {
			continue
		}
		for i := len(all) - 1; i >= 0; i-- {
			fmt.Fprintf(w, "<Version><Key>%s</Key><VersionId>%s</VersionId><IsLatest>%t</IsLatest><Size>%d</Size></Version>", key, all[i].id, i == len(all)-1, len(all[i].data))
		}
	}
	fmt.Fprint(w, "</ListVersionsResult>")
}

// signedJSON is what Signer writes for data.
func (f *fake) signedJSON(data []byte) []byte {
	sum := sha256.Sum256(data)
	sig, err := f.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		panic(err)
	}
	text, _ := json.Marshal(map[string]any{"rawPayloadSize": len(data), "signature": base64.StdEncoding.EncodeToString(sig), "signatureAlgorithm": "SHA256withECDSA", "payload": data})
	return text
}

func (f *fake) signer(w http.ResponseWriter, r *http.Request, parts []string, body []byte) {
	switch {
	case parts[0] == "signing-profiles" && parts[1] == "MyProfile":
		reply(w, f.profile)
	case parts[0] == "signing-jobs" && r.Method == http.MethodPost:
		var in struct {
			Source struct {
				S3 struct{ BucketName, Key, Version string }
			}
			Destination struct{ S3 struct{ Prefix string } }
		}
		_ = json.Unmarshal(body, &in)
		s := in.Source.S3
		key := in.Destination.S3.Prefix + "guid"
		for _, v := range f.objects[s.BucketName+"/"+s.Key] {
			if v.id == s.Version {
				f.put(s.BucketName+"/"+key, f.signedJSON(v.data))
			}
		}
		f.signing["c1d2"] = map[string]any{
			"jobId": "c1d2", "status": "Succeeded", "signingParameters": map[string]string{"certname": "foobar"},
			"signedObject": map[string]any{"s3": map[string]string{"bucketName": s.BucketName, "key": key}},
		}
		reply(w, map[string]string{"jobId": "c1d2"})
	case parts[0] == "signing-jobs" && f.signing[parts[1]] != nil:
		reply(w, f.signing[parts[1]])
	default:
		refuse(w, http.StatusNotFound, "ResourceNotFoundException", "no such thing")
	}
}

func (f *fake) iot(w http.ResponseWriter, r *http.Request, parts []string, body []byte) {
	absent := func() { refuse(w, http.StatusNotFound, "ResourceNotFoundException", "no "+r.URL.Path) }
	var in map[string]any
	_ = json.Unmarshal(body, &in)
	switch id := parts[len(parts)-1]; {
	case parts[0] == "thing-groups" && slices.Contains(f.groups, id), parts[0] == "things" && len(parts) == 2:
		reply(w, map[string]string{})
	case parts[0] == "things":
		reply(w, map[string]any{"execution": map[string]any{"status": "FAILED", "statusDetails": map[string]any{"detailsMap": f.details}}})
	case parts[0] == "packages":
		if status := f.packages[parts[1]+"/"+id]; len(parts) == 4 && status != "" {
			reply(w, map[string]string{"status": status})
		} else if len(parts) == 2 {
			reply(w, map[string]string{"defaultVersionName": "1.4.0"})
		} else {
			absent()
		}
	case parts[0] == "streams":
		f.stream(w, r, parts, in, absent)
	case len(parts) == 1:
		f.listJobs(w, r)
	case len(parts) == 2 && r.Method == http.MethodPut:
		f.docs[id], _ = in["document"].(string)
		f.jobs[id] = map[string]any{"jobId": id, "jobArn": "arn:job/" + id, "status": "IN_PROGRESS", "description": in["description"]}
		reply(w, map[string]string{"jobId": id, "jobArn": "arn:job/" + id})
	case f.jobs[parts[1]] == nil:
		absent()
	case id == "job-document":
		reply(w, map[string]string{"document": f.docs[parts[1]]})
	case id == "things":
		reply(w, map[string]any{"executionSummaries": f.executions})
	case id == "cancel":
		f.jobs[parts[1]]["status"] = "CANCELED"
		reply(w, map[string]string{})
	case r.Method == http.MethodDelete:
		delete(f.jobs, id)
		reply(w, map[string]string{})
	default:
		reply(w, map[string]any{"job": f.jobs[id]})
	}
}

func (f *fake) listJobs(w http.ResponseWriter, r *http.Request) {
	jobs := []any{}
	for _, j := range f.jobs {
		if want := r.URL.Query().Get("status"); want == "" || want == j["status"] {
			jobs = append(jobs, j)
		}
	}
	reply(w, map[string]any{"jobs": jobs})
}

func (f *fake) stream(w http.ResponseWriter, r *http.Request, parts []string, in map[string]any, absent func()) {
	id := parts[len(parts)-1]
	switch {
	case len(parts) == 1:
		all := []any{}
		for _, s := range f.streams {
			all = append(all, s)
		}
		reply(w, map[string]any{"streams": all})
	case r.Method == http.MethodPost && f.streams[id] != nil:
		refuse(w, http.StatusConflict, "ResourceAlreadyExistsException", "there is one")
	case r.Method == http.MethodPost:
		in["streamId"] = id
		f.streams[id] = in
		reply(w, map[string]string{"streamId": id})
	case f.streams[id] == nil:
		absent()
	case r.Method == http.MethodDelete:
		delete(f.streams, id)
		reply(w, map[string]string{})
	default:
		reply(w, map[string]any{"streamInfo": f.streams[id]})
	}
}
