package service

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestManyAtOnce has devices, operators and the clock at work together, and the
// announcements, which ask the service themselves, in an order that holds for
// each thing.
func TestManyAtOnce(t *testing.T) {
	const devices, jobs = 8, 20
	clock := NewClock(began, 0)
	var s *Service
	var mu sync.Mutex
	latest := map[string]int64{}
	announcing := false
	s, err := New(Config{Region: "eu-west-1", Account: "123456789012", Clock: clock, Announce: func(a Announcement) {
		mu.Lock()
		if announcing {
			t.Error("two announcements at a time")
		}
		announcing = true
		mu.Unlock()
		out, err := s.DescribeDeviceJobExecution(DescribeInput{ThingName: a.Thing, JobID: next})
		mu.Lock()
		defer mu.Unlock()
		announcing = false
		if err != nil || out.Timestamp < latest[a.Thing] {
			t.Errorf("%s at %d after %d: %v", a.Topic, out.Timestamp, latest[a.Thing], err)
		}
		latest[a.Thing] = out.Timestamp
	}})
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for i := range devices {
		out, err := s.CreateThing(CreateThingInput{ThingName: fmt.Sprint("t", i)})
		if err != nil {
			t.Fatal(err)
		}
		targets = append(targets, out.ThingARN)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range jobs {
			if _, err := s.CreateJob(CreateJobInput{JobID: fmt.Sprint("j", i), Targets: targets, Document: plain}); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Go(func() {
		for range 50 {
			clock.Advance(time.Second)
			s.Tick()
		}
	})
	for i := range devices {
		wg.Go(func() { work(t, s, fmt.Sprint("t", i), jobs) })
	}
	wg.Wait()
	for i := range jobs {
		if d, err := s.DescribeJob(fmt.Sprint("j", i)); err != nil || d.Job.Status != completed {
			t.Errorf("j%d: %s, %v", i, d.Job.Status, err)
		}
	}
}

// work does jobs until that many are done.
func work(t *testing.T, s *Service, name string, jobs int) {
	for done := 0; done < jobs; {
		out, err := s.StartNextPendingJobExecution(StartNextInput{ThingName: name})
		if err != nil {
			t.Error(err)
			return
		}
		if out.Execution == nil {
			continue
		}
		version := Number(out.Execution.VersionNumber)
		if _, err := s.UpdateJobExecution(UpdateInput{ThingName: name, JobID: out.Execution.JobID, Status: succeeded, ExpectedVersion: &version}); err != nil {
			t.Error(err)
			return
		}
		done++
	}
}

func TestClock(t *testing.T) {
	c := NewClock(began, 0)
	if !c.Now().Equal(began) {
		t.Errorf("it began at %s", c.Now())
	}
	c.Advance(time.Hour)
	c.Advance(-time.Hour)
	if want := began.Add(time.Hour); !c.Now().Equal(want) {
		t.Errorf("got %s, want %s", c.Now(), want)
	}
	real := c.real
	c.SetSpeed(60)
	if got := c.now(c.real.Add(time.Second)).Sub(began); got != time.Hour+time.Minute {
		t.Errorf("a second later at speed 60: %s", got)
	}
	if c.Speed() != 60 || c.real.Before(real) {
		t.Errorf("speed %v, from %s", c.Speed(), c.real)
	}
	c.SetSpeed(-1)
	if c.Speed() != 0 {
		t.Errorf("speed %v", c.Speed())
	}
}

// TestTimeNeverGoesBack, whatever the clock says.
func TestTimeNeverGoesBack(t *testing.T) {
	clock := &fixed{began}
	s, err := New(Config{Region: "eu-west-1", Account: "123456789012", Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	clock.at = began.Add(time.Hour)
	s.Tick()
	clock.at = began
	s.Tick()
	if got := s.Now(); !got.Equal(began.Add(time.Hour)) {
		t.Errorf("got %s", got)
	}
}

type fixed struct{ at time.Time }

func (f *fixed) Now() time.Time { return f.at }

func TestNewNeedsItsParts(t *testing.T) {
	for _, cfg := range []Config{{}, {Region: "r", Account: "a"}, {Region: "r", Clock: NewClock(began, 0)}, {Account: "a", Clock: NewClock(began, 0)}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}
