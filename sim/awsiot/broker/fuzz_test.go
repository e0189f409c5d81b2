package broker

import (
	"encoding/json"
	"testing"

	"abota/sim/awsiot/service"
)

// Whatever a client asks for, what it gets lies in the file and in the bounds.
func FuzzStreamRequest(f *testing.F) {
	for _, text := range []string{
		`{"c":"t","s":1,"f":0,"l":4096,"o":2,"n":3,"b":"EwCA"}`, `{"f":0,"l":256,"b":[1,-1,255]}`, `{"f":0,"l":256,"b":"0xffff"}`, `{"l":-1,"o":9e9}`, `null`, `[`,
		"\xa6acc" + "rdy" + "af\x00al\x19\x10\x00ao\x00abDMQ==an\x01", "\xbfaf\x00al\x19\x10\x00an\x01\xff", "\xa1ab\x5f\x41\x01\x41\x02\xff",
	} {
		f.Add([]byte(text), int64(300_001))
	}
	codecs := []codec{jsonCodec{}, jsonCodec{hex: true}, newCBOR()}
	f.Fuzz(func(t *testing.T, payload []byte, file int64) {
		file = max(file, 0) % (maxFile + 1)
		for _, c := range codecs {
			in, err := c.decode(payload)
			if err != nil || in.size == nil || in.bounds() != nil {
				continue
			}
			list, err := in.blocks(file)
			if err != nil {
				continue
			}
			if int64(len(list))**in.size > maxReply {
				t.Errorf("%d blocks of %d bytes for one request", len(list), *in.size)
			}
			for i, k := range list {
				if k < 0 || k**in.size >= file || i > 0 && k <= list[i-1] {
					t.Fatalf("blocks %v of %d bytes of a file of %d", list, *in.size, file)
				}
			}
		}
	})
}

// Every request to Jobs is answered, in JSON, as accepted or rejected with a
// code.
func FuzzJobsRequest(f *testing.F) {
	for _, text := range []string{`{"clientToken":"t"}`, `{"status":"FAILED","expectedVersion":"1"}`, `{"statusDetails":{"a":null}}`, ``, `[]`, `{"clientToken":1}`, "\xff", "null"} {
		f.Add([]byte(text))
	}
	s, err := service.New(service.Config{Region: "eu-west-1", Account: "123456789012", Clock: service.NewClock(start, 0)})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := s.CreateThing(service.CreateThingInput{ThingName: device}); err != nil {
		f.Fatal(err)
	}
	if _, err := s.CreateJob(service.CreateJobInput{JobID: "J", Document: "{}", Targets: []string{"arn:aws:iot:eu-west-1:123456789012:thing/" + device}}); err != nil {
		f.Fatal(err)
	}
	b := &Broker{opts: Options{Model: s}}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, rest := range []string{"get", "start-next", "J/get", "$next/get", "J/update"} {
			r, _ := parseRequest(jobsTopic(device, rest))
			m := b.jobs(r, payload)
			var out struct {
				Code        string `json:"code"`
				ClientToken string `json:"clientToken"`
			}
			if err := json.Unmarshal(m.Payload, &out); err != nil || len(out.ClientToken) > maxToken*3 {
				t.Errorf("%s: %v: %s", rest, err, m.Payload)
			}
			if rejected := m.Topic == r.topic+"/rejected"; rejected == (out.Code == "") || !rejected && m.Topic != r.topic+"/accepted" {
				t.Errorf("%s is answered on %s by %s", rest, m.Topic, m.Payload)
			}
		}
	})
}
