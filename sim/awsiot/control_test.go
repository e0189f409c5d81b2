package awsiot

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// newAccount is a cloud and a client of its control plane.
func newAccount(t *testing.T) (*Cloud, *iot.Client) {
	t.Helper()
	c := ForTest(t, Options{})
	return c, iot.NewFromConfig(account(c))
}

const otaRole = "arn:aws:iam::123456789012:role/OTARole"

func groupARN(name string) string {
	return "arn:aws:iot:us-east-1:" + Account + ":thinggroup/" + name
}

// createJob makes a job with the shape of the sample's.
func createJob(t *testing.T, client *iot.Client, id string, targets ...string) *iot.CreateJobOutput {
	t.Helper()
	out, err := client.CreateJob(t.Context(), &iot.CreateJobInput{
		JobId: aws.String(id), Targets: targets, Document: aws.String(`{"afr_ota":{}}`), Description: aws.String("a job"),
		TargetSelection: iottypes.TargetSelectionSnapshot,
		TimeoutConfig:   &iottypes.TimeoutConfig{InProgressTimeoutInMinutes: aws.Int64(10)},
		JobExecutionsRetryConfig: &iottypes.JobExecutionsRetryConfig{CriteriaList: []iottypes.RetryCriteria{
			{FailureType: iottypes.RetryableFailureTypeTimedOut, NumberOfRetries: aws.Int32(3)},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestJobFromCreationToDeletion(t *testing.T) {
	c, client := newAccount(t)
	ctx := t.Context()
	if _, err := c.NewDevice("lamp:1", "lamps"); err != nil {
		t.Fatal(err)
	}
	made := createJob(t, client, "AFR_OTA-one", groupARN("lamps"))
	if want := "arn:aws:iot:us-east-1:123456789012:job/AFR_OTA-one"; aws.ToString(made.JobArn) != want || aws.ToString(made.Description) != "a job" {
		t.Errorf("created %+v, want %s", made, want)
	}
	shown, err := client.DescribeJob(ctx, &iot.DescribeJobInput{JobId: aws.String("AFR_OTA-one")})
	if err != nil {
		t.Fatal(err)
	}
	job := shown.Job
	if job.Status != iottypes.JobStatusInProgress || !slices.Equal(job.Targets, []string{groupARN("lamps")}) ||
		aws.ToInt64(job.TimeoutConfig.InProgressTimeoutInMinutes) != 10 || aws.ToInt32(job.JobExecutionsRetryConfig.CriteriaList[0].NumberOfRetries) != 3 ||
		aws.ToInt32(job.JobProcessDetails.NumberOfQueuedThings) != 1 || time.Since(*job.CreatedAt).Abs() > time.Hour {
		t.Errorf("the job is %+v with %+v", job, job.JobProcessDetails)
	}
	document, err := client.GetJobDocument(ctx, &iot.GetJobDocumentInput{JobId: aws.String("AFR_OTA-one")})
	if err != nil || aws.ToString(document.Document) != `{"afr_ota":{}}` {
		t.Errorf("the document is %+v, %v", document, err)
	}
	execution, err := client.DescribeJobExecution(ctx, &iot.DescribeJobExecutionInput{JobId: aws.String("AFR_OTA-one"), ThingName: aws.String("lamp:1")})
	if err != nil || execution.Execution.Status != iottypes.JobExecutionStatusQueued {
		t.Fatalf("the execution is %+v, %v", execution, err)
	}
	if _, err := client.CancelJob(ctx, &iot.CancelJobInput{JobId: aws.String("AFR_OTA-one"), ReasonCode: aws.String("ENOUGH"), Force: true}); err != nil {
		t.Fatal(err)
	}
	list, err := client.ListJobExecutionsForThing(ctx, &iot.ListJobExecutionsForThingInput{ThingName: aws.String("lamp:1"), Status: iottypes.JobExecutionStatusCanceled})
	if err != nil || len(list.ExecutionSummaries) != 1 {
		t.Errorf("the thing's canceled executions are %+v, %v", list, err)
	}
	if _, err := client.DeleteJob(ctx, &iot.DeleteJobInput{JobId: aws.String("AFR_OTA-one")}); err != nil {
		t.Fatal(err)
	}
	_, err = client.DescribeJob(ctx, &iot.DescribeJobInput{JobId: aws.String("AFR_OTA-one")})
	if want := (*iottypes.ResourceNotFoundException)(nil); !errors.As(err, &want) {
		t.Errorf("after its deletion: %v, want a ResourceNotFoundException", err)
	}
}

func TestRefusalsAreTyped(t *testing.T) {
	c, client := newAccount(t)
	ctx := t.Context()
	if _, err := c.NewDevice("lamp", "lamps"); err != nil {
		t.Fatal(err)
	}
	createJob(t, client, "there", groupARN("lamps"))
	stream := &iot.CreateStreamInput{
		StreamId: aws.String("s"), RoleArn: aws.String(otaRole),
		Files: []iottypes.StreamFile{{FileId: aws.Int32(0), S3Location: &iottypes.S3Location{Bucket: aws.String(Bucket), Key: aws.String("k")}}},
	}
	if _, err := client.CreateStream(ctx, stream); err != nil {
		t.Fatal(err)
	}

	_, err := client.CreateStream(ctx, stream)
	if e := (*iottypes.ResourceAlreadyExistsException)(nil); !errors.As(err, &e) || aws.ToString(e.ResourceArn) == "" {
		t.Errorf("a stream twice: %v", err)
	}
	_, err = client.DescribeStream(ctx, &iot.DescribeStreamInput{StreamId: aws.String("absent")})
	if e := (*iottypes.ResourceNotFoundException)(nil); !errors.As(err, &e) {
		t.Errorf("no stream: %v", err)
	}
	_, err = client.CreateJob(ctx, &iot.CreateJobInput{JobId: aws.String("bad"), Targets: []string{groupARN("lamps")}, Document: aws.String("no JSON")})
	if e := (*iottypes.InvalidRequestException)(nil); !errors.As(err, &e) {
		t.Errorf("no document: %v", err)
	}
	_, err = client.CreateJob(ctx, &iot.CreateJobInput{JobId: aws.String("bad"), Targets: []string{groupARN("absent")}, Document: aws.String("{}")})
	if e := (*iottypes.ResourceNotFoundException)(nil); !errors.As(err, &e) {
		t.Errorf("no such group: %v", err)
	}
	_, err = client.DeleteJob(ctx, &iot.DeleteJobInput{JobId: aws.String("there")})
	if e := (*iottypes.InvalidStateTransitionException)(nil); !errors.As(err, &e) {
		t.Errorf("delete a running job: %v", err)
	}
	_, err = client.ListThingTypes(ctx, &iot.ListThingTypesInput{})
	if apiCode(err) != "UnknownOperationException" || !strings.Contains(err.Error(), "GET /thing-types") {
		t.Errorf("an operation that is not there: %v, want an UnknownOperationException that names it", err)
	}
}

func TestListsComeInPages(t *testing.T) {
	c, client := newAccount(t)
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprint("thing-", i))
		if _, err := c.NewDevice(want[i], "all"); err != nil {
			t.Fatal(err)
		}
		createJob(t, client, fmt.Sprint("job-", i), groupARN("all"))
	}
	things := iot.NewListThingsInThingGroupPaginator(client, &iot.ListThingsInThingGroupInput{ThingGroupName: aws.String("all"), MaxResults: aws.Int32(2)})
	var names []string
	pages := 0
	for ; things.HasMorePages(); pages++ {
		page, err := things.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, page.Things...)
	}
	if !slices.Equal(names, want) || pages != 3 {
		t.Errorf("%d pages of things: %v", pages, names)
	}
	jobs := iot.NewListJobsPaginator(client, &iot.ListJobsInput{MaxResults: aws.Int32(2), Status: iottypes.JobStatusInProgress})
	seen := map[string]bool{}
	for pages = 0; jobs.HasMorePages(); pages++ {
		page, err := jobs.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range page.Jobs {
			seen[aws.ToString(j.JobId)] = true
		}
	}
	if len(seen) != 5 || pages != 3 {
		t.Errorf("%d pages of jobs: %v", pages, seen)
	}
}

func TestQueriesAreReadBeforeAnythingIsDone(t *testing.T) {
	c, client := newAccount(t)
	if _, err := c.NewDevice("lamp", "lamps"); err != nil {
		t.Fatal(err)
	}
	createJob(t, client, "kept", groupARN("lamps"))
	for _, query := range []string{"/jobs?maxResults=many", "/jobs?maxResults=0", "/jobs/kept?force=perhaps"} {
		method := http.MethodGet
		if strings.Contains(query, "force") {
			method = http.MethodDelete
		}
		status, kind, body := signed(t, c, method, query, "iot", nil, "")
		if status != http.StatusBadRequest || kind != "InvalidRequestException" {
			t.Errorf("%s: %d %s %s", query, status, kind, body)
		}
	}
	status, kind, body := signed(t, c, http.MethodPut, "/jobs/broken", "iot", nil, `{"targets":"no list"}`)
	if status != http.StatusBadRequest || kind != "InvalidRequestException" || !strings.Contains(body, "targets") {
		t.Errorf("a body of the wrong shape: %d %s %s", status, kind, body)
	}
	if _, err := client.DescribeJob(t.Context(), &iot.DescribeJobInput{JobId: aws.String("kept")}); err != nil {
		t.Errorf("the job is gone: %v", err)
	}
}

func TestPackagesAndTheirConfiguration(t *testing.T) {
	_, client := newAccount(t)
	ctx := t.Context()
	if _, err := client.CreatePackage(ctx, &iot.CreatePackageInput{PackageName: aws.String("fw")}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreatePackageVersion(ctx, &iot.CreatePackageVersionInput{
		PackageName: aws.String("fw"), VersionName: aws.String("1.2"), Attributes: map[string]string{"board": "a"},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.UpdatePackageVersion(ctx, &iot.UpdatePackageVersionInput{
		PackageName: aws.String("fw"), VersionName: aws.String("1.2"), Action: iottypes.PackageVersionActionPublish,
	}); err != nil {
		t.Fatal(err)
	}
	v, err := client.GetPackageVersion(ctx, &iot.GetPackageVersionInput{PackageName: aws.String("fw"), VersionName: aws.String("1.2")})
	if err != nil || v.Status != iottypes.PackageVersionStatusPublished || v.Attributes["board"] != "a" {
		t.Errorf("the version is %+v, %v", v, err)
	}
	if _, err := client.UpdatePackageConfiguration(ctx, &iot.UpdatePackageConfigurationInput{
		VersionUpdateByJobsConfig: &iottypes.VersionUpdateByJobsConfig{Enabled: aws.Bool(true), RoleArn: aws.String(otaRole)},
	}); err != nil {
		t.Fatal(err)
	}
	config, err := client.GetPackageConfiguration(ctx, &iot.GetPackageConfigurationInput{})
	if err != nil || !aws.ToBool(config.VersionUpdateByJobsConfig.Enabled) {
		t.Errorf("the configuration is %+v, %v", config, err)
	}
}

func TestDocumentsComeFromTheBucket(t *testing.T) {
	c, client := newAccount(t)
	if _, err := c.NewDevice("lamp", "lamps"); err != nil {
		t.Fatal(err)
	}
	put(t, s3.NewFromConfig(account(c)), "docs/job.json", []byte(`{"from":"s3"}`))
	for i, source := range []string{
		"https://s3.us-east-1.amazonaws.com/" + Bucket + "/docs/job.json",
		"https://" + Bucket + ".s3.amazonaws.com/docs/job.json",
		c.Endpoints().S3 + "/" + Bucket + "/docs/job.json",
	} {
		id := aws.String(fmt.Sprint("job-", i))
		if _, err := client.CreateJob(t.Context(), &iot.CreateJobInput{JobId: id, Targets: []string{groupARN("lamps")}, DocumentSource: aws.String(source)}); err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		document, err := client.GetJobDocument(t.Context(), &iot.GetJobDocumentInput{JobId: id})
		if err != nil || aws.ToString(document.Document) != `{"from":"s3"}` {
			t.Errorf("%s: the document is %+v, %v", source, document, err)
		}
	}
	_, err := client.CreateJob(t.Context(), &iot.CreateJobInput{
		JobId: aws.String("none"), Targets: []string{groupARN("lamps")}, DocumentSource: aws.String("https://s3.us-east-1.amazonaws.com/" + Bucket + "/absent"),
	})
	if apiCode(err) == "" || apiCode(err) == "InternalFailureException" {
		t.Errorf("a document that is not there: %v", err)
	}
}

func TestEndpointsAreWhereDevicesConnect(t *testing.T) {
	c := ForTest(t, Options{Host: "localhost"})
	client := iot.NewFromConfig(account(c))
	port := func(address string) string { return address[strings.LastIndex(address, ":"):] }
	for kind, want := range map[string]string{
		"iot:Data-ATS": "localhost" + port(c.Endpoints().MQTTS), "iot:CredentialProvider": "localhost" + port(c.Endpoints().Credentials),
		"iot:Jobs": "localhost" + port(c.Endpoints().Data),
	} {
		out, err := client.DescribeEndpoint(t.Context(), &iot.DescribeEndpointInput{EndpointType: aws.String(kind)})
		if err != nil || aws.ToString(out.EndpointAddress) != want {
			t.Errorf("%s: %+v, %v, want %s", kind, out, err, want)
		}
	}
}
