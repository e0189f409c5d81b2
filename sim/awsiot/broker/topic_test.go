package broker

import (
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
)

func TestTopicsAreRequests(t *testing.T) {
	const base = "$aws/things/dev-1/"
	for _, c := range []struct {
		topic string
		want  request
		may   bool
	}{
		{base + "jobs/get", request{family: jobsFamily, thing: "dev-1", op: "get"}, true},
		{base + "jobs/start-next", request{family: jobsFamily, thing: "dev-1", op: "start-next"}, true},
		{base + "jobs/AFR_OTA-1/get", request{family: jobsFamily, thing: "dev-1", id: "AFR_OTA-1", op: "get"}, true},
		{base + "jobs/$next/get", request{family: jobsFamily, thing: "dev-1", id: "$next", op: "get"}, true},
		{base + "jobs/AFR_OTA-1/update", request{family: jobsFamily, thing: "dev-1", id: "AFR_OTA-1", op: "update"}, true},
		{base + "jobs/update", request{family: jobsFamily, thing: "dev-1"}, true},
		{base + "jobs/notify", request{family: jobsFamily, thing: "dev-1"}, true},
		{base + "jobs/get/accepted", request{family: jobsFamily, thing: "dev-1"}, true},
		{base + "jobs/AFR_OTA-1/get/accepted", request{family: jobsFamily, thing: "dev-1"}, true},
		{base + "jobs//get", request{family: jobsFamily, thing: "dev-1"}, true},
		{base + "streams/S/get/cbor", request{family: streamFamily, thing: "dev-1", id: "S", op: "get", format: "cbor"}, true},
		{base + "streams/S/describe/json", request{family: streamFamily, thing: "dev-1", id: "S", op: "describe", format: "json"}, true},
		{base + "streams/S/data/cbor", request{family: streamFamily, thing: "dev-1", id: "S", format: "cbor"}, true},
		{base + "streams/S/get/xml", request{family: streamFamily, thing: "dev-1", id: "S", format: "json"}, true},
		{base + "shadow/update", request{family: shadowFamily, thing: "dev-1", op: "update"}, true},
		{base + "shadow/name/$package/update", request{family: shadowFamily, thing: "dev-1", id: "$package", op: "update"}, true},
		{base + "shadow/name/$package/update/accepted", request{}, false},
		{base + "shadow/update/delta", request{}, false},
		{base + "shadow", request{}, false},
		{base + "tunnels/notify", request{}, false},
		{"$aws/things//jobs/get", request{}, false},
		{"$aws/rules/any/a/b", request{family: rulesFamily, id: "any"}, true},
		{"$aws/events/job/1/completed", request{}, false},
		{"$SYS/broker/version", request{}, false},
		{"$aws", request{}, false},
	} {
		got, may := parseRequest(c.topic)
		c.want.topic = c.topic
		if may != c.may || may && got != c.want {
			t.Errorf("%s is %+v (%v), want %+v (%v)", c.topic, got, may, c.want, c.may)
		}
	}
}

func TestFiltersMatchAsTheServiceDoes(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true},
		{"a/+", "a/b", true},
		{"a/+", "a/b/c", false},
		{"a/#", "a/b/c", true},
		{"a/#", "a/", true},
		{"a/#", "a", false},
		{"#", "a", true},
		{"#", "$aws/things/x/jobs/notify", false},
		{"+/things/x/jobs/notify", "$aws/things/x/jobs/notify", false},
		{"$aws/things/x/jobs/#", "$aws/things/x/jobs/notify", true},
		{"$aws/things/x/jobs/+/get/accepted", "$aws/things/x/jobs/$next/get/accepted", true},
		{"$share/group/a/+", "a/b", true},
		{"a/b/c", "a/b", false},
	} {
		if got := matches(c.filter, c.topic); got != c.want {
			t.Errorf("%s covers %s: %v, want %v", c.filter, c.topic, got, c.want)
		}
	}
}

func TestRightsEndAtTheThing(t *testing.T) {
	device, anyone := rights{things: func() []string { return []string{"dev-1"} }}, rights{all: true}
	long := strings.Repeat("x", maxTopic)
	for _, c := range []struct {
		topic          string
		device, anyone packets.Code // of a publish
	}{
		{"fleet/news", packets.CodeSuccess, packets.CodeSuccess},
		{"$aws/things/dev-1/jobs/get", packets.CodeSuccess, packets.CodeSuccess},
		{"$aws/things/dev-2/jobs/get", packets.ErrNotAuthorized, packets.CodeSuccess},
		{"$aws/things/dev-1/shadow/update/accepted", packets.ErrNotAuthorized, packets.ErrNotAuthorized},
		{"$aws/events/job/1/completed", packets.ErrNotAuthorized, packets.ErrNotAuthorized},
		{"$SYS/x", packets.ErrNotAuthorized, packets.ErrNotAuthorized},
		{long, packets.CodeSuccess, packets.CodeSuccess},
		{long + "x", packets.ErrTopicNameInvalid, packets.ErrTopicNameInvalid},
		{"1/2/3/4/5/6/7/8", packets.CodeSuccess, packets.CodeSuccess},
		{"1/2/3/4/5/6/7/8/9", packets.ErrTopicNameInvalid, packets.ErrTopicNameInvalid},
		{"$aws/rules/r/1/2/3/4/5/6/7/8", packets.CodeSuccess, packets.CodeSuccess},
	} {
		if got, _ := device.canPublish(c.topic, false); got != c.device {
			t.Errorf("a device publishes to %.40s: %v, want %v", c.topic, got, c.device)
		}
		if got, _ := anyone.canPublish(c.topic, false); got != c.anyone {
			t.Errorf("anyone publishes to %.40s: %v, want %v", c.topic, got, c.anyone)
		}
	}
	if _, may := device.canPublish("$aws/things/dev-1/shadow/update", true); may {
		t.Error("a reserved topic takes a retained message")
	}
	for filter, want := range map[string]bool{
		"#": true, "+/+": true, "$aws/things/dev-1/#": true, "$aws/things/dev-1/jobs/notify": true,
		"$aws/things/+/jobs/notify": false, "$aws/things/dev-2/jobs/notify": false, "$aws/#": false, "$SYS/#": false,
		"$aws/events/#": false, "$share/g/$aws/things/dev-2/jobs/notify": false, "$share/g/fleet/news": true, "$aws/things/#": false,
	} {
		if _, may := device.canSubscribe(filter); may != want {
			t.Errorf("a device subscribes to %s: %v, want %v", filter, may, want)
		}
	}
	if _, may := anyone.canSubscribe("$aws/events/#"); !may {
		t.Error("without TLS events cannot be read")
	}
}

func TestConnectionsAreBroughtToTheirBounds(t *testing.T) {
	for asked, want := range map[uint16]uint16{0: 1200, 1: 30, 30: 30, 60: 60, 1200: 1200, 1201: 1200, 65535: 1200} {
		if got := keepAlive(asked); got != want {
			t.Errorf("keep-alive %d became %d, want %d", asked, got, want)
		}
	}
	will := func(topic string) packets.ConnectParams {
		return packets.ConnectParams{ClientIdentifier: "a", WillFlag: true, WillTopic: topic, WillPayload: []byte("x")}
	}
	for _, c := range []struct {
		name    string
		connect packets.ConnectParams
		want    packets.Code
	}{
		{"a usual one", packets.ConnectParams{ClientIdentifier: "dev-1-abota"}, packets.CodeSuccess},
		{"128 bytes", packets.ConnectParams{ClientIdentifier: strings.Repeat("x", 128)}, packets.CodeSuccess},
		{"129 bytes", packets.ConnectParams{ClientIdentifier: strings.Repeat("x", 129)}, packets.ErrClientIdentifierNotValid},
		{"a reserved one", packets.ConnectParams{ClientIdentifier: "$x"}, packets.ErrClientIdentifierNotValid},
		{"a will", will("fleet/gone"), packets.CodeSuccess},
		{"a will on a reserved topic", will("$aws/things/a/jobs/get"), packets.ErrNotAuthorized},
	} {
		if got := (rights{all: true}).welcome(packets.Packet{Connect: c.connect}); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
