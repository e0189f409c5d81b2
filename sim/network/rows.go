package network

import (
	"context"
	"slices"
	"time"

	"abota/sim/front"
)

// rows are all of them, in the order of the table.
func rows() []row {
	return slices.Concat(lines(), servers(), answers(), replaced(), webs(), trusts(), proxies())
}

// meets lets requests for the token meet a fault.
func meets(fault func(s *scene) front.Fault) func(context.Context, *scene) error {
	return func(_ context.Context, s *scene) error {
		s.front.Set(fault(s))
		return nil
	}
}

// inTurn lets the requests for the token meet one fault after the other.
func inTurn(faults func(s *scene) []front.Fault) func(context.Context, *scene) error {
	return meets(func(s *scene) front.Fault { return front.InTurn(token, faults(s)...) })
}

// always lets every request for the token meet one fault.
func always(fault front.Fault) func(context.Context, *scene) error {
	return meets(func(*scene) front.Fault { return front.Always(token, fault) })
}

// first lets the first n requests for the token meet one fault.
func first(n int, fault front.Fault) func(context.Context, *scene) error {
	return inTurn(func(*scene) []front.Fault { return slices.Repeat([]front.Fault{fault}, n) })
}

// afterCut cuts the download in the middle, so that its rest is asked for,
// and lets those requests meet the faults.
func afterCut(faults func(s *scene) []front.Fault) func(context.Context, *scene) error {
	return inTurn(func(s *scene) []front.Fault {
		return append([]front.Fault{front.Cut(s.at(40), false)}, faults(s)...)
	})
}

// trickle is a device that wants more than 8 KiB a second.
var trickle = []string{"min_rate: 64K", "timeout: {connect: 5s, handshake: 5s, header: 3s, idle: 2s, slow: 1s}"}

// lines are faults of the way between device and server.
func lines() []row {
	return []row{
		{name: "no fault"},
		{name: "closed in the middle", begin: inTurn(func(s *scene) []front.Fault {
			return []front.Fault{front.Cut(s.at(40), false)}
		})},
		{name: "closed three times", begin: inTurn(func(s *scene) []front.Fault {
			return []front.Fault{front.Cut(s.at(20), false), front.Cut(s.at(30), false), front.Cut(s.at(10), false)}
		})},
		{name: "reset in the middle", begin: inTurn(func(s *scene) []front.Fault {
			return []front.Fault{front.Cut(s.at(40), true)}
		})},
		{name: "reset every tenth of it", begin: meets(func(s *scene) front.Fault {
			return front.Always(token, front.Cut(s.at(10), true))
		})},
		{
			name: "reset before each first byte", begin: always(front.Cut(0, true)),
			exit: 6, says: "failures in a row",
		},
		{name: "hung up on, twice", begin: first(2, front.HangsUp)},
		{name: "silent before the answer", begin: first(1, front.Silent)},
		{
			name: "silent for good", slow: true, begin: always(front.Silent),
			exit: 6, says: "nothing was received for too long",
		},
		{name: "stalls in the middle", begin: inTurn(func(s *scene) []front.Fault {
			return []front.Fault{front.Afflicted(s.at(40), front.Stall())}
		})},
		{
			name: "trickles in the middle", config: trickle, begin: inTurn(func(s *scene) []front.Fault {
				return []front.Fault{front.Afflicted(s.at(40), front.Narrow(8))}
			}),
		},
		{
			name: "trickles for good", slow: true, config: trickle, begin: func(_ context.Context, s *scene) error {
				return s.front.Afflict(front.Narrow(8))
			},
			exit: 6, says: "fewer bytes a second arrive than min_rate wants",
		},
		{name: "narrow: 8 MiB/s", slow: true, begin: func(_ context.Context, s *scene) error {
			return s.front.Afflict(front.Narrow(8 << 10))
		}},
		{name: "far away: 300 ms, 100 ms jitter", slow: true, begin: func(_ context.Context, s *scene) error {
			return s.front.Afflict(front.Slow(300, 100))
		}},
		{name: "refused for 300 ms", begin: func(_ context.Context, s *scene) error {
			s.front.Refuse()
			s.front.Disturbed()
			timer := time.AfterFunc(300*time.Millisecond, func() {
				_ = s.front.Answer() // the row fails when it does not
			})
			s.ends = append(s.ends, func() { timer.Stop() })
			return nil
		}, config: []string{"retry: {open: 50, first: 100ms, longest: 200ms}"}},
		{
			name: "DNS is gone for 3 s", slow: true, needs: namespaces, begin: func(_ context.Context, s *scene) error {
				known, err := s.unnamed()
				if err != nil {
					return err
				}
				s.front.Disturbed()
				timer := time.AfterFunc(3*time.Second, func() {
					_ = known() // or the row fails
				})
				s.ends = append(s.ends, func() { timer.Stop() })
				return nil
			}, config: []string{"retry: {open: 100, first: 300ms, longest: 300ms}"},
		},
		{
			name: "DNS is gone for good", needs: namespaces, begin: func(_ context.Context, s *scene) (err error) {
				s.heal, err = s.unnamed()
				return err
			},
			exit: 6, says: "lookup " + hostName,
		},
		{
			name: "refused for good", begin: func(_ context.Context, s *scene) error {
				s.front.Refuse()
				return nil
			},
			exit: 6, says: "connection refused",
		},
	}
}
