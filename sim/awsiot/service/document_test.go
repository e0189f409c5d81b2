package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

const role = "arn:aws:iam::123456789012:role/reader"

func TestParsePresign(t *testing.T) {
	for _, test := range []struct{ inside, want string }{
		{`s3-presigned-url:https://s3.eu-west-1.amazonaws.com/bkt/dir/fw.bin`, "bkt dir/fw.bin "},
		{`s3-presigned-url:https://s3.amazonaws.com/bkt/fw.bin`, "bkt fw.bin "},
		{`s3-presigned-url:https://bkt.s3.eu-west-1.amazonaws.com/dir/fw.bin`, "bkt dir/fw.bin "},
		{`s3-presigned-url:https://b.k.t.s3.amazonaws.com/fw.bin`, "b.k.t fw.bin "},
		{`s3-presigned-url:http://127.0.0.1:9000/bkt/fw.bin`, "bkt fw.bin "},
		{`s3-presigned-url:https:\/\/s3.amazonaws.com\/bkt\/a&b\u0026c`, "bkt a&b&c "},
		{`s3-presigned-url:https://s3.amazonaws.com/bkt/a%20b`, "bkt a%20b "}, // unencoded
		{`s3-presigned-url-v2:https://s3.amazonaws.com/bkt/a%20b`, "bkt a b "},
		{`s3-presigned-url-v2:https://s3.eu-west-1.amazonaws.com/bkt/fw.bin%3FversionId%3Dv1.x`, "bkt fw.bin v1.x"},
		{`s3-presigned-url-v2:https://s3.eu-west-1.amazonaws.com/bkt/fw.bin?versionId=v1`, "bkt fw.bin v1"},
	} {
		o, err := parsePresign(test.inside)
		if got := o.bucket + " " + o.key + " " + o.version; err != nil || got != test.want {
			t.Errorf("%s: got %q, %v", test.inside, got, err)
		}
	}
	for _, inside := range []string{
		"s3-presigned-url:", "s3-presigned-url:bkt/key", "s3-presigned-url:ftp://s3.amazonaws.com/bkt/key", "s3-presigned-url:https://s3.amazonaws.com/bkt",
		"s3-presigned-url:https://s3.amazonaws.com/", "s3-presigned-url:https://s3.amazonaws.com//key", `s3-presigned-url:https://s3.amazonaws.com/b/\q`,
		"s3-presigned-url-v2:https://s3.amazonaws.com/bkt/%zz",
	} {
		if o, err := parsePresign(inside); err == nil {
			t.Errorf("%s: taken as %v", inside, o)
		}
	}
}

// TestPresignURL: what the service writes itself it reads again.
func TestPresignURL(t *testing.T) {
	for _, o := range []object{{"bkt", "fw.bin", ""}, {"bkt", "dir/a b+c%?#&\"ü.bin", "v&1+2%"}} {
		got, err := parsePresign("s3-presigned-url-v2:" + *escaped(presignURL("eu-west-1", o.bucket, o.key, o.version)))
		if err != nil || got != o {
			t.Errorf("%v: got %v, %v", o, got, err)
		}
	}
}

// TestPresignedAtEachRead: every read has a URL of its own, and the control
// plane none.
func TestPresignedAtEachRead(t *testing.T) {
	w := newWorld(t)
	document := `{"url":"${aws:iot:s3-presigned-url-v2:https://s3.eu-west-1.amazonaws.com/bkt/fw.bin%3FversionId%3Dv1}"}`
	w.make("j", []string{w.thingNamed("cam")}, func(in *CreateJobInput) {
		in.Document, in.PresignedURLConfig = document, &PresignedURLConfig{role, ptr[int64](60)}
	})
	url := func(e *JobExecution) string {
		w.Helper()
		var d struct{ URL string }
		w.ok(json.Unmarshal([]byte(e.JobDocument.Text), &d))
		return d.URL
	}
	var message ExecutionOutput
	w.ok(json.Unmarshal(w.heard[1].Payload, &message))
	same(w, "notify-next", url(message.Execution), "https://store/bkt/fw.bin?v=v1&e=60&n=1")
	same(w, "describe", url(must[ExecutionOutput](w)(w.DescribeDeviceJobExecution(DescribeInput{ThingName: "cam", JobID: "j"})).Execution), "https://store/bkt/fw.bin?v=v1&e=60&n=2")
	same(w, "start-next", url(w.start("cam")), "https://store/bkt/fw.bin?v=v1&e=60&n=3")
	out := must[UpdateOutput](w)(w.UpdateJobExecution(UpdateInput{ThingName: "cam", JobID: "j", Status: inProgress, IncludeJobDocument: true}))
	same(w, "update", url(&JobExecution{JobDocument: out.JobDocument}), "https://store/bkt/fw.bin?v=v1&e=60&n=4")
	w.report("cam", "j", inProgress)
	same(w, "signed", w.signed, 4)
	for _, before := range []bool{false, true} {
		same(w, "control plane", must[GetJobDocumentOutput](w)(w.GetJobDocument("j", before)).Document, document)
	}
}

func TestPresignedNeedsARole(t *testing.T) {
	w := newWorld(t)
	thing := w.thingNamed("cam")
	for _, config := range []*PresignedURLConfig{nil, {"", ptr[int64](60)}} {
		_, err := w.tryMake("j", []string{thing}, func(in *CreateJobInput) {
			in.Document, in.PresignedURLConfig = `{"u":"${aws:iot:s3-presigned-url:https://s3.amazonaws.com/b/k}"}`, config
		})
		e := w.refused(err, "InvalidRequest", 400)
		same(w, "text", e.Message, "presignedUrlConfig role ARN is required to generate an S3 presigned url in job document.")
	}
	w.make("j", []string{thing}, func(in *CreateJobInput) {
		in.Document, in.PresignedURLConfig = `{"u":"${aws:iot:s3-presigned-url:https://s3.amazonaws.com/b/k}"}`, &PresignedURLConfig{role, nil}
	})
	if text := w.start("cam").JobDocument.Text; !strings.Contains(text, "e=3600") {
		t.Errorf("an hour is the default: %s", text)
	}
}

// TestURLsThatCannotBeSigned: the device's request is refused and changes
// nothing; the announcement goes out without a document.
func TestURLsThatCannotBeSigned(t *testing.T) {
	w := newWorld(t)
	w.cfg.Presign = func(string, string, string, time.Duration) (string, error) { return "", errors.New("store is gone") }
	w.make("j", []string{w.thingNamed("cam")}, func(in *CreateJobInput) {
		in.Document, in.PresignedURLConfig = `{"u":"${aws:iot:s3-presigned-url:https://s3.amazonaws.com/b/k}"}`, &PresignedURLConfig{role, nil}
	})
	if strings.Contains(string(w.heard[1].Payload), "jobDocument") {
		t.Errorf("announced %s", w.heard[1].Payload)
	}
	_, err := w.StartNextPendingJobExecution(StartNextInput{ThingName: "cam"})
	w.refused(err, "InternalFailure", 500)
	same(w, "status", w.latestOn("cam", "j").Status, queued)
}

func TestDocumentSource(t *testing.T) {
	w := newWorldWith(t, Config{ReadDocument: func(url string) (string, error) {
		switch url {
		case "https://s3.amazonaws.com/b/doc.json":
			return plain, nil
		case "https://s3.amazonaws.com/b/bad":
			return "{", nil
		}
		return "", errors.New("no such key")
	}})
	thing := w.thingNamed("cam")
	from := func(url string) error {
		_, err := w.tryMake("j", []string{thing}, func(in *CreateJobInput) { in.Document, in.DocumentSource = "", url })
		return err
	}
	w.invalid(from("https://s3.amazonaws.com/b/none"))
	w.invalid(from("https://s3.amazonaws.com/b/bad"))
	w.invalid(from(strings.Repeat("x", 1351)))
	w.ok(from("https://s3.amazonaws.com/b/doc.json"))
	same(w, "source", must[DescribeJobOutput](w)(w.DescribeJob("j")).DocumentSource, "https://s3.amazonaws.com/b/doc.json")
	same(w, "document", w.start("cam").JobDocument.Text, plain)
}

func TestDocumentParameters(t *testing.T) {
	w := newWorld(t)
	thing := w.thingNamed("cam")
	parameters := map[string]string{"url": `say "hi"`, "n": "7", "list": "[1,2]"}
	for i, test := range []struct{ document, want string }{
		{`{"a":"<${aws:iot:parameter:url}>"}`, `{"a":"<say \"hi\">"}`},
		{`{"a":${aws:iot:parameter:n},"b":[${aws:iot:parameter:list}]}`, `{"a":7,"b":[[1,2]]}`},
		{`{"a":"${aws:iot:parameter:n}${aws:iot:parameter:n}"}`, `{"a":"77"}`},
		{`{"a":"${aws:iot:other:thing}"}`, `{"a":"${aws:iot:other:thing}"}`},
		{`{"a":"${aws:iot:parameter:missing}"}`, ""},
		{`{"a":${aws:iot:parameter:url}}`, ""},
	} {
		id := fmt.Sprint("j", i)
		_, err := w.tryMake(id, []string{thing}, func(in *CreateJobInput) { in.Document, in.DocumentParameters = test.document, parameters })
		if (err == nil) != (test.want != "") {
			t.Errorf("%s: %v", test.document, err)
		}
		if err == nil {
			same(w, "before", must[GetJobDocumentOutput](w)(w.GetJobDocument(id, true)).Document, test.document)
			same(w, "after", must[GetJobDocumentOutput](w)(w.GetJobDocument(id, false)).Document, test.want)
		}
	}
}
