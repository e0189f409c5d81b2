package faults

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"abota/sim/awsiot"
	"abota/sim/front"
)

const (
	// brief is how long a pre-signed URL holds that expires in its row.
	brief = 2 * time.Second
	// outlives is long enough for such a URL to be over.
	outlives = brief + 1500*time.Millisecond
)

// links are files at pre-signed URLs.
func links() []row {
	byURL := []string{"--protocol", "http"}
	// waiting is a device that waits longer for an answer than a URL holds.
	waiting := []string{"timeout: {connect: 5s, handshake: 5s, header: 20s, idle: 20s}"}
	cut := func(s *scene) front.Fault { return front.Cut(s.size*40/100, true) }
	return []row{
		{name: "no fault, by URL", flags: byURL, begin: ahead(0, func(*scene) []front.Fault { return nil })},
		{name: "no fault, MQTT and URL offered", flags: []string{"--protocol", "both"}, begin: ahead(0, func(*scene) []front.Fault { return nil })},
		{name: "URL, reset in the download", flags: byURL, begin: ahead(0, func(s *scene) []front.Fault {
			return []front.Fault{cut(s)}
		})},
		{name: "URL expired before the download", flags: byURL, config: waiting, begin: ahead(brief, func(*scene) []front.Fault {
			return []front.Fault{front.Before(func(*front.Front) { time.Sleep(outlives) })}
		})},
		{name: "URL expired in the download, another there", quick: true, flags: byURL, config: waiting, begin: ahead(brief, func(s *scene) []front.Fault {
			return []front.Fault{cut(s), front.Before(func(*front.Front) { time.Sleep(outlives) })}
		}), most: 60},
		{name: "URL refused for 5 s", flags: byURL, begin: refusedFor(5 * time.Second), most: 60},
		{
			name: "URL refused for good, and then cancelled", flags: byURL, begin: refusedFor(0), status: "CANCELED",
			acts: []act{running, reasonSays("access denied"), force},
		},
		{
			name: "URL leads to other bytes", flags: byURL, begin: ahead(0, func(s *scene) []front.Fault {
				return []front.Fault{front.Flipped(s.size / 2)}
			}),
			status: "FAILED", says: "the signature does not fit",
		},
	}
}

// ahead puts a front before the store, that does something to the requests in
// turn, after the first, which only looks whether the file is there. URLs hold
// for so long, 0 for as long as the job says.
func ahead(valid time.Duration, faults func(s *scene) []front.Fault) act {
	return func(_ context.Context, s *scene) error {
		list := faults(s)
		s.meets = len(list) > 0
		return s.before(valid, front.InTurn("", append([]front.Fault{front.Pass}, list...)...))
	}
}

// refusedFor refuses every URL after 40 hundredths, for some time or, with 0,
// until all is healed.
func refusedFor(d time.Duration) act {
	return func(_ context.Context, s *scene) error {
		var until time.Time
		denied := front.Says(403, "AccessDenied")
		if d > 0 {
			until = time.Now().Add(d)
		}
		s.meets = true
		return s.before(0, front.InTurn("", slices.Concat(
			[]front.Fault{front.Pass, front.Cut(s.size*40/100, true)},
			slices.Repeat([]front.Fault{healing(until, denied)}, 1000))...))
	}
}

// healing is a fault until a time; the zero time never comes.
func healing(until time.Time, fault front.Fault) front.Fault {
	return func(f *front.Front, w http.ResponseWriter, r *http.Request) {
		if !until.IsZero() && time.Now().After(until) {
			front.Pass(f, w, r)
			return
		}
		fault(f, w, r)
	}
}

// before puts a front before the store for as long as the scene stands.
func (s *scene) before(valid time.Duration, fault front.Fault) error {
	f, err := front.New(s.prepared.S3, nil)
	if err != nil {
		return err
	}
	f.Set(fault)
	s.front = f
	s.device.lines = append(s.device.lines, "endpoint: "+f.Endpoint())
	s.ends = append(s.ends, f.Close, func() { _ = s.cloud.LeadLinks(strings.TrimPrefix(s.prepared.S3, "http://"), 0) })
	return s.cloud.LeadLinks(f.Address(), valid)
}

// fetched is how much of the file went through the front.
func (s *scene) fetched() (sum int64) {
	if s.front == nil {
		return 0
	}
	for _, x := range s.front.Exchanges() {
		if x.Status/100 == 2 {
			sum += x.Sent
		}
	}
	return sum
}

// stream is the one of the job.
func (s *scene) stream() (string, error) {
	out, err := s.cloud.Service().GetJobDocument(s.job, true)
	if err != nil {
		return "", err
	}
	_, rest, ok := strings.Cut(out.Document, `"streamname":"`)
	name, _, more := strings.Cut(rest, `"`)
	if !ok || !more {
		return "", errors.New("the job has no stream")
	}
	return name, nil
}

// replace puts other bytes over the object that the job's stream has.
func (s *scene) replace() error {
	stream, err := s.stream()
	if err != nil {
		return err
	}
	out, err := s.cloud.Service().DescribeStream(stream)
	if err != nil {
		return err
	}
	at := out.StreamInfo.Files[0].S3Location
	if at.Bucket != awsiot.Bucket {
		return errors.New("the object is elsewhere")
	}
	return s.put(context.Background(), at.Key, filepath.Join(s.dir, s.next.key))
}
