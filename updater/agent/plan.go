package agent

import (
	"encoding/json"
	"time"
)

// Plan is what an agent has in mind, for whoever asks: what it does with a
// release next and when, as far as that is known now. A failure, a hook or
// another release changes it.
type Plan struct {
	Release string `json:"release"`
	Name    string `json:"name"`
	// Do is "install" or "restart". An agent that leaves the restart to the
	// application has no plan for it.
	Do string `json:"do"`
	// At is zero when nobody knows the time.
	At time.Time `json:"at,omitzero"`
}

// Planned reads an agent's record; nil when it has no plan.
func Planned(record []byte, p Policy, wall time.Time) *Plan {
	var left *Found
	if err := json.Unmarshal(record, &left); err != nil || left == nil || left.Armed && p.Reboot == RebootByApplication {
		return nil
	}
	now := Time{Wall: wall}
	f := left.resumed(now).observe(now)
	plan := &Plan{Release: f.Release, Name: f.Name, Do: Install.String()}
	if f.Armed {
		plan.Do = Restart.String()
	}
	if !wall.IsZero() {
		plan.At = wall.Add(f.wait(p, now)).Truncate(time.Second)
	}
	return plan
}
