package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"unicode"
)

// The document of the sample, as its README has it.
const sample = `{
  "afr_ota": {
    "protocols": ["MQTT"],
    "streamname": "AFR_OTA-6e01bdb2-5057-4606-8966-b1bf8028416f",
    "files": [{
      "filepath": null, "filesize": 366816, "fileid": 0, "certfile": "foobar", "update_data_url": null, "auth_scheme": null,
      "sig-sha256-ecdsa": "MEUCIQCuwPQBzaKu9Rp4v4BwGa7T4h3JK71KwDJ3LZoSvYdCsQIgclDeaFE+5NeJL3cydMiuKM909bprNXfCZcneIuiSZrk="
    }]
  }
}`

// file is a document whose one file has these keys, which come after and so
// are added to a whole one.
func file(protocols, keys string) string {
	return `{"afr_ota":{"protocols":` + protocols + `,"streamname":"s-1","files":[{"filesize":5,"fileid":0,"certfile":"c",` + keys + `}]}}`
}

const signed = `"sig-sha256-ecdsa":"c2ln"`

func TestDocuments(t *testing.T) {
	sig := []byte("sig")
	presigned := "https://b.s3.amazonaws.com/k%2Bx?versionId=1&X-Amz-Signature=abc%2F"
	whole := func(change func(*File)) Document {
		f := &File{Protocol: MQTT, Stream: "s-1", Size: 5, Certificate: "c", Algorithm: ECDSA, Signature: sig}
		change(f)
		return Document{File: f}
	}
	for _, row := range []struct {
		name, raw string
		want      Document
	}{
		{"mqtt", file(`["MQTT"]`, signed), whole(func(*File) {})},
		{"http alone, with an address as it is", `{"afr_ota":{"protocols":["HTTP"],"files":[{"filepath":"/fw","filesize":5,"fileid":3,"certfile":"c","update_data_url":"` + presigned + `","auth_scheme":"aws.s3.presigned","fileType":0,"attr":7,` + signed + `}]}}`, whole(func(f *File) {
			f.Protocol, f.Stream, f.URL, f.AuthScheme, f.ID, f.Path = HTTP, "", URL(presigned), "aws.s3.presigned", 3, "/fw"
		})},
		{"both: HTTP", file(`["MQTT","HTTP"]`, signed+`,"update_data_url":"https://h/x","auth_scheme":"aws.s3.presigned"`), whole(func(f *File) {
			f.Protocol, f.URL, f.AuthScheme = HTTP, "https://h/x", "aws.s3.presigned"
		})},
		{"both, without an address: MQTT", file(`["HTTP","MQTT"]`, signed+`,"update_data_url":null`), whole(func(*File) {})},
		{"MQTT, with an address that is not offered", file(`["MQTT"]`, signed+`,"update_data_url":"https://h/x"`), whole(func(*File) {})},
		{"rsa", file(`["MQTT"]`, `"sig-sha256-rsa":"c2ln","sig-sha1-rsa":null`), whole(func(f *File) { f.Algorithm = RSA })},
		{"missing keys", `{"afr_ota":{"protocols":["MQTT"],"streamname":"s-1","files":[{"filesize":5,` + signed + `}]}}`, whole(func(f *File) { f.Certificate = "" })},
		{"with a package", strings.TrimSuffix(file(`["MQTT"]`, signed), "}") + `,"abota":{"version":1,"package":{"name":"fw","version":"1.2"}}}`, func() Document {
			d := whole(func(*File) {})
			d.Package = Package{"fw", "1.2"}
			return d
		}()},
		{"other keys beside", strings.TrimSuffix(file(`["MQTT","COAP"]`, signed+`,"new":[{}]`), "}") + `,"other":1}`, whole(func(*File) {})},
		{"as text", fmt.Sprintf("%q", file(`["MQTT"]`, signed)), whole(func(*File) {})},
		{"bucket", `{"abota":{"version":1,"source":"s3://fleet-firmware/a/b/","release":"1.4.0","checksum":"0123456789ABCDEF0123456789abcdef"}}`, Document{Source: &Source{
			Bucket: "fleet-firmware", Prefix: "a/b", Release: "1.4.0", Checksum: "0123456789abcdef0123456789abcdef",
		}}},
		{"bucket alone", `{"abota":{"version":1,"source":"s3://fleet","later":true}}`, Document{Source: &Source{Bucket: "fleet"}}},
		{"bucket as an object", `{"abota":{"version":1,"source":{"bucket":"fleet","prefix":"/p/","region":"eu-west-1"},"package":{"name":"fw","version":"2"}}}`, Document{
			Source: &Source{Bucket: "fleet", Prefix: "p", Region: "eu-west-1"}, Package: Package{"fw", "2"},
		}},
		{"address", `{"abota":{"version":1,"source":"https://h:8/firmware.zip?x=1","checksum":"sha256:` + strings.Repeat("0", 64) + `"}}`, Document{Source: &Source{
			URL: "https://h:8/firmware.zip?x=1", Checksum: "sha256:" + strings.Repeat("0", 64),
		}}},
		{"address as an object", `{"abota":{"version":1,"source":{"url":"http://127.0.0.1/f"},"package":null}}`, Document{Source: &Source{URL: "http://127.0.0.1/f"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := Parse([]byte(row.raw))
			if err != nil || !reflect.DeepEqual(got, row.want) {
				t.Errorf("%+v %+v, %v, want %+v %+v", got, got.File, err, row.want, row.want.File)
			}
		})
	}
	d, err := Parse([]byte(sample))
	if err != nil || d.File.Size != 366816 || d.File.Certificate != "foobar" || len(d.File.Signature) != 71 || d.File.Protocol != MQTT {
		t.Errorf("the sample's: %+v, %v", d.File, err)
	}
}

func TestDocumentsOfOthers(t *testing.T) {
	for _, raw := range []string{
		`{}`, `{"operation":"reboot"}`, `[]`, `1`, `null`, `true`, `{"AFR_OTA":{}}`, `{"x":{"afr_ota":{}}}`, `{"a":1,"a":2}`,
		`"text"`, `""`, `"{\"operation\":1}"`, "{\"x\":\"\xff\"}",
		`{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}", `{"x":"` + strings.Repeat("y", MaxDocument) + `"}`,
	} {
		if d, err := Parse([]byte(raw)); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %+v, %v", raw, d, err)
		}
	}
}

// What is wrong with a document, in words that fit into statusDetails.
func TestMalformedDocuments(t *testing.T) {
	for _, row := range [][2]string{
		{``, "is empty"},
		{`   `, "is empty"},
		{`{`, "ends in the middle"},
		{`{"afr_ota":`, "is not valid JSON"},
		{`{"afr_ota":{}}{}`, "is not valid JSON"},
		{`{"afr_ota":{},}`, "is not valid JSON"},
		{"\xff", "not UTF-8"},
		{`"{\"afr_ota\":"`, "is not valid JSON"},
		{`{"abota":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}", "nested more than 16 deep"},
		{strings.Repeat(" ", MaxDocument) + `{"abota":{}}`, "has 32780 bytes, but at most 32768"},
		{`{"afr_ota":null}`, "has afr_ota, which is not an object"},
		{`{"afr_ota":[]}`, "not an object"},
		{`{"afr_ota":{},"afr_ota":{}}`, "has afr_ota twice"},
		{`{"afr_ota":{}}`, "has no afr_ota.files"},
		{`{"afr_ota":{"files":{}}}`, "not an array"},
		{`{"afr_ota":{"files":[]}}`, "has 0 files"},
		{`{"afr_ota":{"files":[{},{}]}}`, "has 2 files in afr_ota.files, but abota installs exactly one"},
		{`{"afr_ota":{"files":[1]}}`, "afr_ota.files[0], which is not an object"},
		{`{"afr_ota":{"protocols":["MQTT"],"streamname":"s","files":[{` + signed + `}]}}`, "has no afr_ota.files[0].filesize"},
		{file(`["MQTT"]`, signed+`,"filesize":5`), "has afr_ota.files[0].filesize twice"},
		{strings.Replace(file(`["MQTT"]`, signed), `"filesize":5`, `"filesize":0`, 1), "filesize 0, which is not a whole number from 1"},
		{strings.Replace(file(`["MQTT"]`, signed), `"filesize":5`, `"filesize":-5`, 1), "not a whole number"},
		{strings.Replace(file(`["MQTT"]`, signed), `"filesize":5`, `"filesize":1.5`, 1), "not a whole number"},
		{strings.Replace(file(`["MQTT"]`, signed), `"filesize":5`, `"filesize":"5"`, 1), "not a whole number"},
		{strings.Replace(file(`["MQTT"]`, signed), `"filesize":5`, `"filesize":99999999999999999999`, 1), "not a whole number"},
		{strings.Replace(file(`["MQTT"]`, signed), `"fileid":0`, `"fileid":256`, 1), "fileid 256, which is not a whole number from 0 to 255"},
		{strings.Replace(file(`["MQTT"]`, signed), `"certfile":"c"`, `"certfile":7`, 1), "certfile that is not text"},
		{strings.Replace(file(`["MQTT"]`, signed), `"certfile":"c"`, `"certfile":"a\u0000b"`, 1), "control character"},
		{file(`["MQTT"]`, `"x":1`), "has no signature in afr_ota.files[0]"},
		{file(`["MQTT"]`, `"sig-sha256-ecdsa":null`), "has no signature"},
		{file(`["MQTT"]`, `"sig-sha1-rsa":"c2ln"`), "SHA-1 proves nothing"},
		{file(`["MQTT"]`, signed+`,"sig-sha1-ecdsa":"c2ln"`), "SHA-1 proves nothing"},
		{file(`["MQTT"]`, `"sig-sha512-ecdsa":"c2ln"`), "that abota does not know"},
		{file(`["MQTT"]`, signed+`,"sig-sha256-rsa":"c2ln"`), "has both"},
		{file(`["MQTT"]`, `"sig-sha256-ecdsa":"?"`), "in base64"},
		{file(`["MQTT"]`, `"sig-sha256-ecdsa":""`), "in base64"},
		{file(`["MQTT"]`, `"sig-sha256-ecdsa":{}`), "not text"},
		{file(`["MQTT"]`, `"sig-sha256-ecdsa":"`+strings.Repeat("AAAA", 600)+`"`), "at most"},
		{file(`[]`, signed), "offers neither MQTT nor HTTP"},
		{file(`["COAP"]`, signed), "offers neither MQTT nor HTTP"},
		{file(`"MQTT"`, signed), "has no afr_ota.protocols"},
		{file(`["HTTP"]`, signed), "offers HTTP, but has no update_data_url"},
		{strings.Replace(file(`["MQTT"]`, signed), `"s-1"`, `null`, 1), "offers MQTT, but has no afr_ota.streamname"},
		{strings.Replace(file(`["MQTT"]`, signed), `"s-1"`, `"a/#"`, 1), "letters, digits"},
		{file(`["HTTP"]`, signed+`,"update_data_url":"ftp://h/x"`), "not an http or https address"},
		{file(`["HTTP"]`, signed+`,"update_data_url":"https://user:secret@%zz/"`), "not an http or https address"},
		{file(`["HTTP"]`, signed+`,"update_data_url":"${aws:iot:s3-presigned-url-v2:https://s3/x}"`), "presignedUrlConfig"},
		{file(`["HTTP"]`, signed+`,"update_data_url":"https://h/secret#x"`), "with a # in it"},
		{strings.TrimSuffix(file(`["MQTT"]`, signed), "}") + `,"abota":{"package":{}}}`, "has no abota.version"},
		{strings.TrimSuffix(file(`["MQTT"]`, signed), "}") + `,"abota":7}`, "abota, which is not an object"},
		{`{"abota":{}}`, "has no abota.version"},
		{`{"abota":{"version":2,"source":"s3://fleet"}}`, "has abota.version 2, but this abota knows only 1"},
		{`{"abota":{"version":"1","source":"s3://fleet"}}`, "not a whole number"},
		{`{"abota":{"version":1}}`, "has no abota.source"},
		{`{"abota":{"version":1,"source":7}}`, "not text"},
		{`{"abota":{"version":1,"source":""}}`, "neither s3://BUCKET/PREFIX nor"},
		{`{"abota":{"version":1,"source":"fleet"}}`, "neither s3://BUCKET/PREFIX nor"},
		{`{"abota":{"version":1,"source":"s3://"}}`, "cannot be a bucket's name"},
		{`{"abota":{"version":1,"source":"s3://a_?/x"}}`, "cannot be a bucket's name"},
		{`{"abota":{"version":1,"source":{}}}`, "needs either a bucket or an url"},
		{`{"abota":{"version":1,"source":{"bucket":"fleet","url":"https://h/"}}}`, "needs either a bucket or an url"},
		{`{"abota":{"version":1,"source":{"url":""}}}`, "empty abota.source.url"},
		{`{"abota":{"version":1,"source":{"bucket":"fleet","region":"Mars!"}}}`, "cannot be a region"},
		{`{"abota":{"version":1,"source":"s3://fleet","checksum":"xyz"}}`, "neither 32 hexadecimal digits"},
		{`{"abota":{"version":1,"source":"s3://fleet","release":"` + strings.Repeat("v", 65) + `"}}`, "at most 64"},
		{`{"abota":{"version":1,"source":"s3://fleet","package":{"name":"a b","version":"1"}}}`, "abota.package whose name"},
		{`{"abota":{"version":1,"source":"s3://fleet","package":[]}}`, "abota.package, which is not an object"},
	} {
		_, err := Parse([]byte(row[0]))
		if err == nil || !strings.Contains(err.Error(), row[1]) {
			t.Errorf("%.80s: %v, want %q", row[0], err, row[1])
			continue
		}
		wantLine(t, err)
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%.80s: tells the address: %v", row[0], err)
		}
	}
}

// wantLine asks that an error fits into statusDetails.
func wantLine(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	if text == "" || len(text) > 1024 || strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.C, r) }) {
		t.Errorf("%q does not fit", text)
	}
}

// However it is printed, an address of a document is not told.
func TestAddressesAreSecret(t *testing.T) {
	for _, raw := range []string{
		file(`["HTTP"]`, signed+`,"update_data_url":"https://h/x?X-Amz-Signature=hush"`),
		`{"abota":{"version":1,"source":"https://hush/x"}}`,
	} {
		d, err := Parse([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		var u URL
		if d.File != nil {
			u = d.File.URL
		} else {
			u = d.Source.URL
		}
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "url", u, "document", d, "file", d.File, "source", d.Source)
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		all := log.String() + string(text) + fmt.Sprintf("%v %+v %#v %s %q %x %d", d, d.File, d.Source, u, u, u, u) + fmt.Sprint(*d.orNone())
		if strings.Contains(all, "hush") || strings.Contains(all, fmt.Sprintf("%x", "hush")) || !strings.Contains(u.Reveal(), "hush") {
			t.Errorf("told: %s", all)
		}
	}
}

func (d Document) orNone() *File {
	if d.File == nil {
		return &File{}
	}
	return d.File
}

// FuzzParse: whatever comes, there is a document that holds together, or one
// line that says why not.
func FuzzParse(f *testing.F) {
	for _, raw := range []string{
		sample, file(`["MQTT","HTTP"]`, signed+`,"update_data_url":"https://h/x"`), file(`["MQTT"]`, `"sig-sha1-rsa":"c2ln"`),
		`{"abota":{"version":1,"source":"s3://fleet/x","checksum":"0123456789abcdef0123456789abcdef","package":{"name":"a","version":"1"}}}`,
		`{"abota":{"version":1,"source":{"url":"https://h/"}}}`, `{"x":"\ud800"}`, `"{}"`, `{"afr_ota":{"files":[{"filesize":1e3}]}}`,
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := Parse(raw)
		if err != nil {
			wantLine(t, err)
			if d != (Document{}) {
				t.Fatalf("%+v came with %v", d, err)
			}
			return
		}
		switch {
		case (d.File == nil) == (d.Source == nil):
			t.Fatalf("%+v", d)
		case d.Source != nil:
			if (d.Source.Bucket == "") == (d.Source.URL == "") {
				t.Fatalf("%+v", d.Source)
			}
		case d.File.Size < 1 || d.File.ID < 0 || d.File.ID > 255 || len(d.File.Signature) == 0 || d.File.Algorithm != ECDSA && d.File.Algorithm != RSA,
			d.File.Protocol == HTTP && d.File.URL == "", d.File.Protocol == MQTT && d.File.Stream == "":
			t.Fatalf("%+v", d.File)
		}
	})
}
