package awsiot

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"

	"abota/sim/awsiot/service"
)

// shown is the clock's reply to a form, or to a look without one.
func shown(t *testing.T, c *Cloud, form string) (status int, now time.Time, speed float64) {
	t.Helper()
	values, err := url.ParseQuery(form)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.Get(c.Endpoints().Clock)
	if form != "" {
		r, err = http.PostForm(c.Endpoints().Clock, values)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var said struct {
		Now   time.Time
		Speed float64
	}
	if err := json.NewDecoder(r.Body).Decode(&said); err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, said.Now, said.Speed
}

// TestTheClockIsMovedByARequest: a job that is scheduled begins before the
// reply comes.
func TestTheClockIsMovedByARequest(t *testing.T) {
	c := ForTest(t, Options{Clock: service.NewClock(time.Now(), 0)})
	if _, err := c.NewDevice("lamp", "lamps"); err != nil {
		t.Fatal(err)
	}
	client := iot.NewFromConfig(account(c))
	_, start, _ := shown(t, c, "")
	if _, err := client.CreateJob(t.Context(), &iot.CreateJobInput{
		JobId: aws.String("later"), Targets: []string{groupARN("lamps")}, Document: aws.String(`{}`),
		SchedulingConfig: &iottypes.SchedulingConfig{StartTime: aws.String(start.Add(time.Hour).Format("2006-01-02T15:04"))},
	}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		form   string
		status iottypes.JobStatus
		speed  float64
	}{{"advance=58m", iottypes.JobStatusScheduled, 0}, {"advance=3m&speed=1", iottypes.JobStatusInProgress, 1}} {
		code, now, speed := shown(t, c, row.form)
		job, err := client.DescribeJob(t.Context(), &iot.DescribeJobInput{JobId: aws.String("later")})
		if err != nil {
			t.Fatal(err)
		}
		if code != http.StatusOK || speed != row.speed || job.Job.Status != row.status {
			t.Errorf("%s: %d, %v, speed %v, the job is %s, want %s", row.form, code, now, speed, job.Job.Status, row.status)
		}
	}
	if _, now, _ := shown(t, c, ""); now.Sub(start) < 61*time.Minute || now.Sub(start) > 71*time.Minute {
		t.Errorf("moved from %v to %v", start, now)
	}
}

func TestTheClockRefuses(t *testing.T) {
	c := ForTest(t, Options{})
	for _, form := range []string{"advance=-1m", "advance=1", "advance=99999h", "speed=-1", "speed=NaN", "speed=1e9", "speed=x", "x=1", "advance=1h&speed=x"} {
		if code, _, _ := shown(t, c, form); code != http.StatusBadRequest {
			t.Errorf("%s: %d", form, code)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, c.Endpoints().Clock, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if _, now, speed := shown(t, c, ""); answer.StatusCode != http.StatusBadRequest || speed != 1 || time.Since(now).Abs() > time.Minute {
		t.Errorf("PUT: %d; the clock shows %v at speed %v", answer.StatusCode, now, speed)
	}
}
