package jobs

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// mute is a link whose broker takes and answers requests, and acknowledges none.
type mute struct{ *wire }

func (m mute) Publish(ctx context.Context, topic string, payload []byte) error {
	if err := m.wire.Publish(ctx, topic, payload); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// An answer says that the request was taken, also where its acknowledgement is
// lost: nothing is waited for, and nothing is asked again.
func TestAnswersCountWithoutAcknowledgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(always("/accepted", `{"clientToken":"TOKEN","timestamp":1,"executionState":{"status":"IN_PROGRESS","versionNumber":3}}`))
		c := NewClient(mute{w}, thing, func() {})
		began := time.Now()
		version, err := c.Update(t.Context(), "Job1", Change{Status: InProgress, Expected: 2})
		if took := time.Since(began); version != 3 || err != nil || took != delay || len(w.bodies) != 1 {
			t.Errorf("version %d, %v, after %s and %d requests", version, err, took, len(w.bodies))
		}
		c.Close()
		time.Sleep(time.Hour) // what is under way ends
	})
}
