package awsiot

import (
	"context"
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"

	"abota/sim/awsiot/service"
	"abota/updater/mqtt"
)

// TestScheduledJobReachesTheDeviceByTimeAlone: nobody asks, the clock goes on,
// and the device is told over TLS.
func TestScheduledJobReachesTheDeviceByTimeAlone(t *testing.T) {
	clock := service.NewClock(time.Now(), 0)
	c := ForTest(t, Options{Clock: clock})
	d := mustDevice(t, c, "lamp", "lamps")
	pair, err := tls.LoadX509KeyPair(d.Certificate, d.Key)
	if err != nil {
		t.Fatal(err)
	}
	link, err := mqtt.New(mqtt.Options{
		Address: c.Endpoints().MQTTS, ClientID: "lamp-test",
		TLS: &tls.Config{RootCAs: c.Authority().Pool(), Certificates: []tls.Certificate{pair}},
	})
	if err != nil {
		t.Fatal(err)
	}
	told, up := make(chan string, 10), make(chan struct{}, 1)
	link.Subscribe("$aws/things/lamp/jobs/notify-next", func(_ string, payload []byte) { told <- string(payload) })
	link.Watch(func() { up <- struct{}{} })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go link.Run(ctx)
	wait(t, up, "the connection")

	start := clock.Now().Add(time.Hour).UTC().Truncate(time.Minute)
	_, err = iot.NewFromConfig(account(c)).CreateJob(t.Context(), &iot.CreateJobInput{
		JobId: aws.String("later"), Targets: []string{groupARN("lamps")}, Document: aws.String(`{"a":1}`),
		SchedulingConfig: &iottypes.SchedulingConfig{StartTime: aws.String(start.Format("2006-01-02T15:04"))},
	})
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(58 * time.Minute)
	select {
	case early := <-told:
		t.Errorf("told before the time: %s", early)
	case <-time.After(3 * longTick):
	}
	clock.Advance(3 * time.Minute)
	if got := wait(t, told, "the job"); !strings.Contains(got, `"jobId":"later"`) || !strings.Contains(got, `"jobDocument":{"a":1}`) {
		t.Errorf("told %s", got)
	}
}

func wait[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case got := <-c:
		return got
	case <-time.After(time.Minute):
		t.Fatalf("%s does not come", what)
		panic("unreachable")
	}
}

func TestRequestsHaveABound(t *testing.T) {
	c, _ := newAccount(t)
	status, kind, _ := signed(t, c, http.MethodPut, "/jobs/huge", "iot", nil, strings.Repeat(" ", 1<<20+1))
	if status != http.StatusRequestEntityTooLarge || kind != "RequestEntityTooLargeException" {
		t.Errorf("a huge body: %d %s", status, kind)
	}
	status, kind, reply := signed(t, c, http.MethodGet, "/", "lambda", nil, "")
	if status != http.StatusNotFound || kind != "UnknownOperationException" || !strings.Contains(reply, "lambda") {
		t.Errorf("a service that is not there: %d %s %s", status, kind, reply)
	}
}

func TestSourcesOfDocuments(t *testing.T) {
	for _, row := range []struct{ source, want string }{
		{"https://s3.eu-west-1.amazonaws.com/b/dir/k.json?versionId=v", "b dir/k.json v"},
		{"https://b.s3.eu-west-1.amazonaws.com/dir/k.json", "b dir/k.json "},
		{"https://b.c.s3-eu-west-1.amazonaws.com/k%20x", "b.c k x "},
		{"http://127.0.0.1:9000/b/k", "b k "},
		{"s3://b/k", "b k "},
		{"https://s3.amazonaws.com/b", ""},
		{"https://s3.amazonaws.com/", ""},
		{"ftp://host/b/k", ""},
		{"%", ""},
	} {
		bucket, key, version, err := splitSource(row.source)
		got := bucket + " " + key + " " + version
		if err != nil {
			got = ""
		}
		if got != row.want {
			t.Errorf("%s: %q, %v, want %q", row.source, got, err, row.want)
		}
	}
}
