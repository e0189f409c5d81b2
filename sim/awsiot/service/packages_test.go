package service

import (
	"fmt"
	"strings"
	"testing"
)

// catalog makes package fw with version 1.0 published and the default, 2.0
// published, 3.0 a draft.
func catalog(w *world) {
	w.Helper()
	must[CreatePackageOutput](w)(w.CreatePackage(CreatePackageInput{PackageName: "fw"}))
	for _, version := range []string{"1.0", "2.0", "3.0"} {
		must[PackageVersion](w)(w.CreatePackageVersion(CreatePackageVersionInput{
			PackageName: "fw", VersionName: version, Attributes: map[string]string{"key": "k-" + version, "q": `"`},
			Artifact: &PackageVersionArtifact{&S3Location{"bkt", "fw " + version, "v" + version}},
		}))
	}
	for _, version := range []string{"1.0", "2.0"} {
		w.ok(act(w, version, "PUBLISH"))
	}
	w.ok(w.UpdatePackage(UpdatePackageInput{PackageName: "fw", DefaultVersionName: "1.0"}))
}

func act(w *world, version, action string) error {
	return w.UpdatePackageVersion(UpdatePackageVersionInput{PackageName: "fw", VersionName: version, Action: action})
}

func versionARN(w *world, version string) string { return w.arn("package", "fw/version/"+version) }

// TestVersionStatus walks every action from every status.
func TestVersionStatus(t *testing.T) {
	for _, test := range []struct {
		actions []string
		last    string // the action that is judged
		want    string // empty when it is refused
	}{
		{nil, "PUBLISH", published},
		{nil, "DEPRECATE", ""},
		{[]string{"PUBLISH"}, "PUBLISH", ""},
		{[]string{"PUBLISH"}, "DEPRECATE", deprecated},
		{[]string{"PUBLISH", "DEPRECATE"}, "PUBLISH", published},
		{[]string{"PUBLISH", "DEPRECATE"}, "DEPRECATE", ""},
	} {
		w := newWorld(t)
		catalog(w)
		for _, action := range test.actions {
			w.ok(act(w, "3.0", action))
		}
		err := act(w, "3.0", test.last)
		if (err == nil) != (test.want != "") {
			t.Errorf("%v, then %s: %v", test.actions, test.last, err)
		}
		if err != nil {
			w.refused(err, "Conflict", 409)
			continue
		}
		same(w, "status", must[PackageVersion](w)(w.GetPackageVersion("fw", "3.0")).Status, test.want)
	}
}

func TestFrozenOncePublished(t *testing.T) {
	w := newWorld(t)
	catalog(w)
	for version, ok := range map[string]bool{"1.0": false, "3.0": true} {
		for _, in := range []UpdatePackageVersionInput{
			{Attributes: map[string]string{"a": "b"}},
			{Artifact: &PackageVersionArtifact{&S3Location{Bucket: "b", Key: "k"}}},
			{Recipe: ptr("r")},
		} {
			in.PackageName, in.VersionName = "fw", version
			if err := w.UpdatePackageVersion(in); (err == nil) != ok {
				t.Errorf("%s: %v", version, err)
			}
		}
		w.ok(w.UpdatePackageVersion(UpdatePackageVersionInput{PackageName: "fw", VersionName: version, Description: ptr("text")}))
	}
}

func TestPackageBounds(t *testing.T) {
	w := newWorld(t)
	catalog(w)
	_, err := w.CreatePackage(CreatePackageInput{PackageName: "fw"})
	w.refused(err, "Conflict", 409)
	for _, name := range []string{"", "a b", "a/b", strings.Repeat("a", 129), "$null"} {
		_, err := w.CreatePackage(CreatePackageInput{PackageName: name})
		w.refused(err, "Validation", 400)
	}
	version := func(in CreatePackageVersionInput) error {
		in.PackageName = "fw"
		_, err := w.CreatePackageVersion(in)
		return err
	}
	w.refused(version(CreatePackageVersionInput{VersionName: "1.0"}), "Conflict", 409)
	for i, test := range []struct {
		in CreatePackageVersionInput
		ok bool
	}{
		{CreatePackageVersionInput{Attributes: map[string]string{"k": strings.Repeat("v", 3071)}}, true},
		{CreatePackageVersionInput{Attributes: map[string]string{"k": strings.Repeat("v", 3072)}}, false},
		{CreatePackageVersionInput{Attributes: map[string]string{"k": "a\nb"}}, false},
		{CreatePackageVersionInput{Recipe: strings.Repeat("r", 3072)}, true},
		{CreatePackageVersionInput{Recipe: strings.Repeat("r", 3073)}, false},
		{CreatePackageVersionInput{Artifact: &PackageVersionArtifact{}}, false},
		{CreatePackageVersionInput{Artifact: &PackageVersionArtifact{&S3Location{Bucket: "b"}}}, false},
		{CreatePackageVersionInput{VersionName: "a b"}, false},
		{CreatePackageVersionInput{VersionName: strings.Repeat("1", 65)}, false},
		{CreatePackageVersionInput{VersionName: strings.Repeat("1", 64)}, true},
		{CreatePackageVersionInput{Description: strings.Repeat("d", 1025)}, false},
	} {
		if test.in.VersionName == "" {
			test.in.VersionName = fmt.Sprint("v", i)
		}
		err := version(test.in)
		if (err == nil) != test.ok {
			t.Errorf("%d: %v", i, err)
		}
		if err != nil {
			w.refused(err, "Validation", 400)
		}
	}
	w.refused(w.UpdatePackage(UpdatePackageInput{PackageName: "fw", DefaultVersionName: "3.0"}), "Validation", 400)
	w.refused(w.UpdatePackage(UpdatePackageInput{PackageName: "fw", DefaultVersionName: "9"}), "ResourceNotFound", 404)
	w.refused(w.UpdatePackage(UpdatePackageInput{PackageName: "fw", DefaultVersionName: "2.0", UnsetDefaultVersion: true}), "Validation", 400)
	w.refused(w.UpdatePackage(UpdatePackageInput{PackageName: "none"}), "ResourceNotFound", 404)
	w.refused(w.DeletePackage("fw"), "Validation", 400)
	w.refused(w.DeletePackageVersion("fw", "1.0"), "Validation", 400)
	w.ok(w.UpdatePackage(UpdatePackageInput{PackageName: "fw", UnsetDefaultVersion: true}))
	for _, v := range must[ListPackageVersionsOutput](w)(w.ListPackageVersions(ListPackageVersionsInput{PackageName: "fw"})).PackageVersionSummaries {
		w.ok(w.DeletePackageVersion("fw", v.VersionName))
	}
	w.ok(w.DeletePackage("fw"))
	w.ok(w.DeletePackage("fw"))
	_, err = w.GetPackage("fw")
	w.refused(err, "ResourceNotFound", 404)
	same(w, "list", len(must[ListPackagesOutput](w)(w.ListPackages(Page{})).PackageSummaries), 0)
}

func TestDestinations(t *testing.T) {
	w := newWorld(t)
	catalog(w)
	thing := w.thingNamed("cam")
	must[CreatePackageOutput](w)(w.CreatePackage(CreatePackageInput{PackageName: "bare"}))
	w.ok(act(w, "2.0", "DEPRECATE"))
	var many []string
	for i := range 26 {
		name := fmt.Sprint("p", i)
		must[CreatePackageOutput](w)(w.CreatePackage(CreatePackageInput{PackageName: name}))
		many = append(many, w.arn("package", name+"/version/$null"))
	}
	for i, test := range []struct {
		arns []string
		ok   bool
	}{
		{[]string{versionARN(w, "1.0")}, true},
		{[]string{versionARN(w, "2.0")}, true}, // deprecated
		{[]string{versionARN(w, "3.0")}, false},
		{[]string{versionARN(w, "9.9")}, false},
		{[]string{versionARN(w, "$default")}, true},
		{[]string{versionARN(w, "$null")}, true},
		{[]string{w.arn("package", "bare/version/$default")}, false},
		{[]string{w.arn("package", "none/version/$null")}, false},
		{[]string{w.arn("package", "fw")}, false},
		{[]string{"fw:1.0"}, false},
		{[]string{versionARN(w, "1.0"), versionARN(w, "2.0")}, false}, // one package twice
		{many[:25], true},
		{many, false},
	} {
		_, err := w.tryMake(fmt.Sprint("j", i), []string{thing}, func(in *CreateJobInput) { in.DestinationPackageVersions = test.arns })
		if (err == nil) != test.ok {
			t.Errorf("%v: %v", test.arns, err)
		}
	}
}

func TestPackagePlaceholders(t *testing.T) {
	w := newWorld(t)
	catalog(w)
	thing := w.thingNamed("cam")
	signed := "${aws:iot:s3-presigned-url-v2:https://s3.eu-west-1.amazonaws.com/bkt/fw%201.0%3FversionId%3Dv1.0}"
	for i, test := range []struct {
		document     string
		destinations []string
		want         string // empty when it is refused
	}{
		{`{"k":"<${aws:iot:package:fw:version:1.0:attributes:key}>"}`, nil, `{"k":"<k-1.0>"}`},
		{`{"k":"${aws:iot:package:fw:version:1.0:attributes:q}"}`, nil, `{"k":"\""}`},
		{`{"k":"${aws:iot:package:fw:version:$default:attributes:key}"}`, nil, `{"k":"k-1.0"}`},
		{`{"k":"${aws:iot:package:fw:version:1.0:attributes}"}`, nil, `{"k":{"key":"k-1.0","q":"\""}}`},
		{`{"k":"x${aws:iot:package:fw:version:1.0:attributes}"}`, nil, ""},
		{`{"k":"${aws:iot:package:fw:version:1.0:attributes}x"}`, nil, ""},
		{`{"k":"${aws:iot:package:fw:version:1.0:artifact:s3-presigned-url}"}`, nil, `{"k":"` + signed + `"}`},
		{`{"k":"${aws:iot:package:fw:version:1.0:artifact-location:s3-presigned-url}"}`, nil, `{"k":"` + signed + `"}`},
		{`{"k":"${aws:iot:package::version::attributes:key}"}`, []string{"2.0"}, `{"k":"k-2.0"}`},
		{`{"k":"${aws:iot:package::version::attributes:key}"}`, []string{"$default"}, `{"k":"k-1.0"}`},
		{`{"k":"${aws:iot:package::version::attributes:key}"}`, []string{"$null"}, ""},
		{`{"k":"${aws:iot:package::version::attributes:key}"}`, nil, ""},
		{`{"k":"${aws:iot:package:fw:version::attributes:key}"}`, []string{"2.0"}, ""},
		{`{"k":"${aws:iot:package::version:2.0:attributes:key}"}`, []string{"2.0"}, ""},
		{`{"k":"${aws:iot:package:fw:version:1.0:attributes:none}"}`, nil, ""},
		{`{"k":"${aws:iot:package:fw:version:3.0:attributes:key}"}`, nil, ""}, // a draft
		{`{"k":"${aws:iot:package:fw:version:9.9:attributes:key}"}`, nil, ""},
		{`{"k":"${aws:iot:package:none:version:1.0:attributes:key}"}`, nil, ""},
		{`{"k":"${aws:iot:package:fw:version:$null:attributes:key}"}`, nil, ""},
		{`{"k":"${aws:iot:package:fw}"}`, nil, ""},
		{`{"k":"${aws:iot:package:fw:version:1.0:artifact}"}`, nil, ""},
	} {
		id := fmt.Sprint("j", i)
		_, err := w.tryMake(id, []string{thing}, func(in *CreateJobInput) {
			in.Document, in.PresignedURLConfig = test.document, &PresignedURLConfig{role, nil}
			for _, version := range test.destinations {
				in.DestinationPackageVersions = append(in.DestinationPackageVersions, versionARN(w, version))
			}
		})
		if test.want == "" {
			if err == nil {
				t.Errorf("%s was taken", test.document)
				continue
			}
			w.refused(err, "InvalidJobDocument", 400)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.document, err)
			continue
		}
		same(w, test.document, must[GetJobDocumentOutput](w)(w.GetJobDocument(id, false)).Document, test.want)
		same(w, test.document, must[GetJobDocumentOutput](w)(w.GetJobDocument(id, true)).Document, test.document)
	}
	_, err := w.tryMake("norole", []string{thing}, func(in *CreateJobInput) {
		in.Document = `{"k":"${aws:iot:package:fw:version:1.0:artifact:s3-presigned-url}"}`
	})
	w.invalid(err)
	w.make("read", []string{thing}, func(in *CreateJobInput) {
		in.Document, in.PresignedURLConfig = `{"k":"${aws:iot:package:fw:version:1.0:artifact:s3-presigned-url}"}`, &PresignedURLConfig{role, nil}
	})
	out := must[ExecutionOutput](w)(w.DescribeDeviceJobExecution(DescribeInput{ThingName: "cam", JobID: "read"}))
	if text := out.Execution.JobDocument.Text; !strings.HasPrefix(text, `{"k":"https://store/bkt/fw 1.0?v=v1.0`) {
		t.Errorf("the device reads %s", text)
	}
}

// TestPackageShadow: what a job installed is reported when the catalog says so.
func TestPackageShadow(t *testing.T) {
	w := newWorld(t)
	catalog(w)
	thing := w.thingNamed("cam")
	install := func(id, version, end string) {
		w.make(id, []string{thing}, func(in *CreateJobInput) { in.DestinationPackageVersions = []string{versionARN(w, version)} })
		w.report("cam", id, end)
	}
	shadow := func() string {
		body, err := w.GetThingShadow("cam", packageShadow)
		if err != nil {
			w.refused(err, "ResourceNotFound", 404)
		}
		return string(body)
	}
	install("off", "1.0", succeeded)
	same(w, "off", shadow(), "")
	w.refused(w.UpdatePackageConfiguration(PackageConfiguration{&VersionUpdateByJobs{Enabled: true}}), "Validation", 400)
	w.ok(w.UpdatePackageConfiguration(PackageConfiguration{&VersionUpdateByJobs{true, role}}))
	same(w, "configuration", jsonOf(w, must[PackageConfiguration](w)(w.GetPackageConfiguration())), `{"versionUpdateByJobsConfig":{"enabled":true,"roleArn":"`+role+`"}}`)
	install("failed", "1.0", failed)
	same(w, "failed", shadow(), "")
	w.heard = nil
	install("one", "1.0", succeeded)
	same(w, "reported", shadow(), `{"state":{"reported":{"fw":{"attributes":{"key":"k-1.0","q":"\""},"version":"1.0"}}},"version":1,"timestamp":1795348800}`)
	same(w, "announced", w.heard[2].Topic, "$aws/things/cam/shadow/name/$package/update/accepted")
	install("null", "$null", succeeded)
	same(w, "uninstalled", shadow(), `{"state":{"reported":{}},"version":2,"timestamp":1795348800}`)
}
