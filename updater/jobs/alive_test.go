package jobs

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A watchdog is fed while the agent waits, but not on behalf of a device that
// hangs in the middle of a step: that is what the watchdog is for.
func TestAgentFeedsNoWatchdogForAHungDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed := 0
		a := &Agent{Pulse: time.Minute, Alive: func() { fed++ }, box: newMailbox()}
		wait := func(busy bool) int {
			fed = 0
			a.wait(context.Background(), time.Now().Add(time.Hour), busy)
			return fed
		}
		if n := wait(false); n < 59 {
			t.Errorf("fed %d times in an hour of nothing to do", n)
		}
		if n := wait(true); n != 0 {
			t.Errorf("fed %d times in an hour in which the device did not move", n)
		}
	})
}
