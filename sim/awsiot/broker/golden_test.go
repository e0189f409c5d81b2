package broker

import (
	"fmt"
	"testing"
	"time"

	"abota/sim/awsiot/service"
)

// cloud is a broker before a real model, with thing dev-1, whose clock stands
// still.
type cloud struct {
	*world
	service  *service.Service
	clock    *service.VirtualClock
	device   *client // asks
	watching *client // sees what is announced
}

const device = "dev-1"

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{clock: service.NewClock(time.Unix(1719940994, 0), 0)}
	var b *Broker
	s, err := service.New(service.Config{
		Region: "eu-west-1", Account: "123456789012", Clock: c.clock,
		Announce: func(a service.Announcement) { b.Announce(a) },
	})
	if err != nil {
		t.Fatal(err)
	}
	c.service = s
	c.world = newWorld(t, func(o *Options) { o.Model = s })
	b = c.Broker
	if _, err := s.CreateThing(service.CreateThingInput{ThingName: device}); err != nil {
		t.Fatal(err)
	}
	c.device = connect(t, c.Addr(), nil, device)
	c.watching = connect(t, c.Addr(), nil, "watching")
	c.watching.listen(t, jobsTopic(device, "notify"), jobsTopic(device, "notify-next"), "$aws/things/"+device+"/shadow/#")
	return c
}

// at sets the clock, in seconds since 1970.
func (c *cloud) at(unix int64) {
	c.clock.Advance(time.Unix(unix, 0).Sub(c.clock.Now()))
	c.service.Tick()
}

func (c *cloud) createJob(t *testing.T, id, document string) {
	t.Helper()
	_, err := c.service.CreateJob(service.CreateJobInput{
		JobID: id, Document: document, Targets: []string{"arn:aws:iot:eu-west-1:123456789012:thing/" + device},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.service.Tick()
}

// answers publishes a request to Jobs and wants that reply.
func (c *cloud) answers(t *testing.T, topic, request, suffix, want string) {
	t.Helper()
	c.device.say(t, jobsTopic(device, topic), request)
	c.compare(t, topic+" "+request, c.device, jobsTopic(device, topic+"/"+suffix), want)
}

// announces wants that message next.
func (c *cloud) announces(t *testing.T, topic, want string) {
	t.Helper()
	c.compare(t, "announced", c.watching, jobsTopic(device, topic), want)
}

func (c *cloud) compare(t *testing.T, what string, cl *client, topic, want string) {
	t.Helper()
	if got := next(t, cl.got); got.topic != topic || got.payload != want {
		t.Errorf("%s:\n got %s %s\nwant %s %s", what, got.topic, got.payload, topic, want)
	}
}

// The shapes and numbers are those that were seen from the service where there
// are such.
func TestJobsSpeakAsTheServiceDoes(t *testing.T) {
	c := newCloud(t)
	c.answers(t, "$next/get", "", "accepted", `{"timestamp":1719940994}`)
	c.answers(t, "start-next", `{"clientToken":"t"}`, "accepted", `{"clientToken":"t","timestamp":1719940994}`)
	c.answers(t, "get", "", "accepted", `{"timestamp":1719940994,"inProgressJobs":[],"queuedJobs":[]}`)

	c.createJob(t, "Job1", `{"operation":"<install> & go"}`)
	job1 := `{"jobId":"Job1","queuedAt":1719940994,"lastUpdatedAt":1719940994,"executionNumber":1,"versionNumber":1}`
	c.announces(t, "notify", `{"timestamp":1719940994,"jobs":{"QUEUED":[`+job1+`]}}`)
	got := next(t, c.watching.got) // its & may be escaped
	if got.topic != jobsTopic(device, "notify-next") {
		t.Errorf("announced %+v", got)
	}

	c.at(1719941000)
	c.createJob(t, "Job2", `{"operation":"second"}`)
	job2 := `{"jobId":"Job2","queuedAt":1719941000,"lastUpdatedAt":1719941000,"executionNumber":1,"versionNumber":1}`
	c.announces(t, "notify", `{"timestamp":1719941000,"jobs":{"QUEUED":[`+job1+`,`+job2+`]}}`)

	c.at(1719943388)
	started := `"execution":{"jobId":"Job1","status":"IN_PROGRESS","statusDetails":{"k":"v"},"queuedAt":1719940994,"startedAt":1719943388,"lastUpdatedAt":1719943388,"versionNumber":2,"executionNumber":1`
	document := `"jobDocument":{"operation":"<install> & go"}`
	c.answers(t, "start-next", `{"statusDetails":{"k":"v"},"clientToken":"t"}`, "accepted", `{"clientToken":"t","timestamp":1719943388,`+started+`,`+document+`}}`)
	c.answers(t, "start-next", `{"statusDetails":{"k":"w"},"stepTimeoutInMinutes":5}`, "accepted", `{"timestamp":1719943388,`+started+`,`+document+`}}`)
	c.answers(t, "Job1/get", `{"executionNumber":1,"includeJobDocument":false,"clientToken":"t"}`, "accepted", `{"clientToken":"t","timestamp":1719943388,`+started+`}}`)
	c.answers(t, "$next/get", `{}`, "accepted", `{"timestamp":1719943388,`+started+`,`+document+`}}`)

	c.at(1719943627)
	c.answers(t, "get", `{"clientToken":"t"}`, "accepted",
		`{"clientToken":"t","timestamp":1719943627,"inProgressJobs":[{"jobId":"Job1","queuedAt":1719940994,"lastUpdatedAt":1719943388,"startedAt":1719943388,"executionNumber":1,"versionNumber":2}],"queuedJobs":[`+job2+`]}`)

	c.at(1719943955)
	c.answers(t, "Job1/update", `{"status":"IN_PROGRESS","statusDetails":{"receive":"64/158"},"expectedVersion":"2","includeJobExecutionState":true,"includeJobDocument":true,"clientToken":"t"}`, "accepted",
		`{"clientToken":"t","timestamp":1719943955,"executionState":{"status":"IN_PROGRESS","statusDetails":{"receive":"64/158"},"versionNumber":3},`+document+`}`)
	c.rejects(t, "Job1/update", `{"status":"IN_PROGRESS","expectedVersion":2,"clientToken":"t"}`, "VersionMismatch", `,"executionState":{"status":"IN_PROGRESS","statusDetails":{"receive":"64/158"},"versionNumber":3}`)
	c.answers(t, "Job1/update", `{"status":"SUCCEEDED","expectedVersion":3,"clientToken":"t"}`, "accepted", `{"clientToken":"t","timestamp":1719943955}`)
	c.announces(t, "notify", `{"timestamp":1719943955,"jobs":{"QUEUED":[`+job2+`]}}`)
	c.announces(t, "notify-next", `{"timestamp":1719943955,"execution":{"jobId":"Job2","status":"QUEUED","queuedAt":1719941000,"lastUpdatedAt":1719941000,"versionNumber":1,"executionNumber":1,"jobDocument":{"operation":"second"}}}`)
	c.rejects(t, "Job1/update", `{"status":"FAILED","clientToken":"t"}`, "InvalidStateTransition", `,"executionState":{"status":"SUCCEEDED","statusDetails":{"receive":"64/158"},"versionNumber":4}`)
	c.rejects(t, "Job1/get", `{"clientToken":"t"}`, "TerminalStateReached", "")

	c.answers(t, "Job2/update", `{"status":"REJECTED"}`, "accepted", `{"timestamp":1719943955}`)
	c.announces(t, "notify", `{"timestamp":1719943955,"jobs":{}}`)
	c.announces(t, "notify-next", `{"timestamp":1719943955}`)
	c.nothing(t, c.watching)
}

// rejects wants a rejection at 1719943955; its text is nobody's business.
func (c *cloud) rejects(t *testing.T, topic, request, code, state string) {
	t.Helper()
	c.device.say(t, jobsTopic(device, topic), request)
	got := next(t, c.device.got)
	var message string
	if _, err := fmt.Sscanf(got.payload, `{"code":"`+code+`","message":%q`, &message); err != nil || message == "" {
		t.Errorf("%s %s: %v: %s", topic, request, err, got.payload)
		return
	}
	want := fmt.Sprintf(`{"code":%q,"message":%q,"clientToken":"t","timestamp":1719943955%s}`, code, message, state)
	if got.topic != jobsTopic(device, topic+"/rejected") || got.payload != want {
		t.Errorf("%s %s:\n got %s %s\nwant %s", topic, request, got.topic, got.payload, want)
	}
}

func TestJobsRefuseWithTheirCodes(t *testing.T) {
	c := newCloud(t)
	c.createJob(t, "Job1", `{}`)
	c.at(1719943955)
	for _, x := range []struct{ topic, request, code string }{
		{"none/get", `{"clientToken":"t"}`, "ResourceNotFound"},
		{"none/update", `{"status":"FAILED","clientToken":"t"}`, "ResourceNotFound"},
		{"Job1/get", `{"executionNumber":7,"clientToken":"t"}`, "ResourceNotFound"},
		{"Job1/update", `{"clientToken":"t"}`, "InvalidRequest"},
		{"Job1/update", `{"status":"CANCELED","clientToken":"t"}`, "InvalidRequest"},
		{"Job1/update", `{"status":"IN_PROGRESS","statusDetails":{"a b":"x"},"clientToken":"t"}`, "InvalidRequest"},
		{"Job1/update", `{"status":"IN_PROGRESS","statusDetails":{"a":1},"clientToken":"t"}`, "InvalidRequest"},
		{"Job1/update", `{"status":"IN_PROGRESS","expectedVersion":"two","clientToken":"t"}`, "InvalidRequest"},
		{"start-next", `{"stepTimeoutInMinutes":0,"clientToken":"t"}`, "InvalidRequest"},
		{"Job1/delete", `{"clientToken":"t"}`, "InvalidTopic"},
		{"notify", `{"clientToken":"t"}`, "InvalidTopic"},
	} {
		c.rejects(t, x.topic, x.request, x.code, "")
	}
	for request, code := range map[string]string{
		`{"clientToken":"t"`: "InvalidJson",
		"\xff":               "InvalidJson",
		`[]`:                 "InvalidRequest",
		`{"clientToken":"` + repeat("x", 65) + `"}`: "InvalidRequest",
	} {
		c.device.say(t, jobsTopic(device, "start-next"), request)
		got := next(t, c.device.got)
		var message string
		if _, err := fmt.Sscanf(got.payload, `{"code":"`+code+`","message":%q,"timestamp":1719943955}`, &message); err != nil {
			t.Errorf("%.40s: %v: %s", request, err, got.payload)
		}
	}
}
