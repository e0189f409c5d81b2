package mqtt

import "time"

// cause is what kind of thing ended a connection, or kept it from being made.
type cause int

const (
	passing   cause = iota // the network, or a broker that is busy
	refusing               // somebody has to change something
	takenOver              // another connection with this client ID
	causes
)

// rhythm is the pauses that belong to one cause: first, doubled up to longest.
// A connection that lasted for settled begins them anew.
type rhythm struct{ first, longest, settled time.Duration }

// pace decides how long to wait before the next connection. Each cause counts
// by itself, so that one network failure between them does not have two devices
// with the same client ID chase each other.
type pace struct {
	rhythms [causes]rhythm
	counts  [causes]int
}

func newPace(first, longest time.Duration) pace {
	return pace{rhythms: [causes]rhythm{
		// Not every broker says that a connection was taken over, so this one
		// too is settled only when it has outlasted anybody's pause.
		passing:  {first, longest, 2 * longest},
		refusing: {time.Minute, 15 * time.Minute, time.Minute},
		// Where two take turns a connection lasts as long as the other's pause.
		takenOver: {time.Minute, time.Hour, 4 * time.Hour},
	}}
}

// after is the pause after a connection that lasted for a time, 0 for none, and
// ended by a cause. A share, from 0 up to 1, of half of it is taken off.
func (p *pace) after(why cause, lasted time.Duration, share float64) time.Duration {
	for c := range p.counts {
		if lasted >= p.rhythms[c].settled {
			p.counts[c] = 0
		}
	}
	r := p.rhythms[why]
	d := r.first
	for i := 0; i < p.counts[why] && d < r.longest; i++ {
		d *= 2
	}
	p.counts[why]++
	d = min(d, r.longest)
	return d - time.Duration(share*float64(d/2))
}
