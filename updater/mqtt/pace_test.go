package mqtt

import (
	"math"
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	p := newPace(time.Second, 5*time.Minute)
	steps := []struct {
		why    cause
		lasted time.Duration
		share  float64
		want   time.Duration
	}{
		{passing, 0, 0, time.Second},
		{passing, 0, 0, 2 * time.Second},
		{passing, 0, 1, 2 * time.Second}, // of 4 s
		{passing, 30 * time.Second, 0, 8 * time.Second},
		{refusing, 0, 0, time.Minute},
		{refusing, 0, 0, 2 * time.Minute},
		{passing, 0, 0, 16 * time.Second}, // each by itself
		{takenOver, time.Second, 0, time.Minute},
		{passing, 10 * time.Minute, 0, time.Second},      // it lasted
		{takenOver, time.Minute, 0, 2 * time.Minute},     // not long enough
		{takenOver, 2 * time.Minute, 0, 4 * time.Minute}, // this is how two take turns
		{takenOver, 4 * time.Hour, 0, time.Minute},
	}
	for i, s := range steps {
		if got := p.after(s.why, s.lasted, s.share); got != s.want {
			t.Errorf("step %d: %s, want %s", i, got, s.want)
		}
	}
	for why, longest := range []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour} {
		for range 10_000 {
			p.after(cause(why), 0, 0)
		}
		if got := p.after(cause(why), 0, 0); got != longest {
			t.Errorf("cause %d: %s at most, want %s", why, got, longest)
		}
		if got := p.after(cause(why), 0, math.Nextafter(1, 0)); got < longest/2 {
			t.Errorf("cause %d: %s at least", why, got)
		}
	}
}
