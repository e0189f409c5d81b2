package service

import (
	"fmt"
	"strings"
	"testing"
)

func files(ids ...int) []StreamFile {
	var out []StreamFile
	for _, id := range ids {
		out = append(out, StreamFile{ptr(id), &S3Location{"bkt", fmt.Sprint("key", id), "v"}})
	}
	return out
}

func TestStream(t *testing.T) {
	w := newWorld(t)
	in := StreamInput{StreamID: "AFR_OTA-1", Description: ptr("a stream"), Files: files(0), RoleARN: role, Tags: tags(1)}
	same(w, "created", jsonOf(w, must[StreamOutput](w)(w.CreateStream(in))), `{"streamId":"AFR_OTA-1","streamArn":"arn:aws:iot:eu-west-1:123456789012:stream/AFR_OTA-1","description":"a stream","streamVersion":1}`)
	_, err := w.CreateStream(in)
	w.refused(err, "ResourceAlreadyExists", 409)
	w.minutes(1)
	same(w, "updated", must[StreamOutput](w)(w.UpdateStream(StreamInput{StreamID: "AFR_OTA-1", Files: files(0, 7)})).StreamVersion, 2)
	same(w, "described", jsonOf(w, must[DescribeStreamOutput](w)(w.DescribeStream("AFR_OTA-1"))), `{"streamInfo":{"streamId":"AFR_OTA-1","streamArn":"arn:aws:iot:eu-west-1:123456789012:stream/AFR_OTA-1","streamVersion":2,"description":"a stream",`+
		`"files":[{"fileId":0,"s3Location":{"bucket":"bkt","key":"key0","version":"v"}},{"fileId":7,"s3Location":{"bucket":"bkt","key":"key7","version":"v"}}],"createdAt":1795348800.000,"lastUpdatedAt":1795348860.000,"roleArn":"`+role+`"}}`)
	_, err = w.UpdateStream(StreamInput{StreamID: "AFR_OTA-1", Files: []StreamFile{}})
	w.invalid(err)
	same(w, "a refusal changes nothing", must[DescribeStreamOutput](w)(w.DescribeStream("AFR_OTA-1")).StreamInfo.StreamVersion, 2)
	must[StreamOutput](w)(w.CreateStream(StreamInput{StreamID: "b", Files: files(1), RoleARN: role}))
	list := func(in ListStreamsInput) (ids string) {
		for _, s := range must[ListStreamsOutput](w)(w.ListStreams(in)).Streams {
			ids += s.StreamID + " "
		}
		return ids
	}
	same(w, "list", list(ListStreamsInput{}), "b AFR_OTA-1 ")
	same(w, "ascending", list(ListStreamsInput{IsAscendingOrder: true}), "AFR_OTA-1 b ")
	w.ok(w.DeleteStream("AFR_OTA-1"))
	w.refused(w.DeleteStream("AFR_OTA-1"), "ResourceNotFound", 404)
	_, err = w.DescribeStream("AFR_OTA-1")
	w.refused(err, "ResourceNotFound", 404)
	_, err = w.UpdateStream(StreamInput{StreamID: "AFR_OTA-1"})
	w.refused(err, "ResourceNotFound", 404)
}

func TestStreamBounds(t *testing.T) {
	w := newWorld(t)
	for i, test := range []struct {
		name   string
		change func(*StreamInput)
		ok     bool
	}{
		{"plain", func(*StreamInput) {}, true},
		{"ID of 128", func(in *StreamInput) { in.StreamID = strings.Repeat("s", 128) }, true},
		{"ID of 129", func(in *StreamInput) { in.StreamID = strings.Repeat("s", 129) }, false},
		{"slash in ID", func(in *StreamInput) { in.StreamID = "a/b" }, false},
		{"10 files", func(in *StreamInput) { in.Files = files(0, 1, 2, 3, 4, 5, 6, 7, 8, 255) }, true},
		{"11 files", func(in *StreamInput) { in.Files = files(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10) }, false},
		{"no files", func(in *StreamInput) { in.Files = nil }, false},
		{"file 256", func(in *StreamInput) { in.Files = files(256) }, false},
		{"file -1", func(in *StreamInput) { in.Files = files(-1) }, false},
		{"file twice", func(in *StreamInput) { in.Files = files(3, 3) }, false},
		{"file without ID", func(in *StreamInput) { in.Files[0].FileID = nil }, false},
		{"file without object", func(in *StreamInput) { in.Files[0].S3Location = nil }, false},
		{"file without key", func(in *StreamInput) { in.Files[0].S3Location.Key = "" }, false},
		{"role of 20", func(in *StreamInput) { in.RoleARN = strings.Repeat("r", 20) }, true},
		{"role of 19", func(in *StreamInput) { in.RoleARN = strings.Repeat("r", 19) }, false},
		{"long description", func(in *StreamInput) { in.Description = ptr(strings.Repeat("d", 2029)) }, false},
	} {
		in := StreamInput{StreamID: fmt.Sprint("s", i), Files: files(0), RoleARN: role}
		test.change(&in)
		_, err := w.CreateStream(in)
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
