package updater

import (
	"encoding/json"
	"testing"
)

func TestKnown(t *testing.T) {
	for _, row := range []struct {
		phase   Phase
		settled bool
	}{{Idle, true}, {Committed, true}, {Writing, false}, {Armed, false}, {Trying, false}, {Failed, false}} {
		r := Record{Phase: row.phase}
		r.Slots[1] = Content{Size: 7, Proven: true}
		payload, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		slots, _, settled := Known(payload)
		if settled != row.settled || slots != r.Slots {
			t.Errorf("%s: %+v, settled %v; want %+v, %v", row.phase, slots, settled, r.Slots, row.settled)
		}
	}
	if slots, _, settled := Known([]byte("{")); slots != [2]Content{} || !settled {
		t.Errorf("of what is no record: %+v, settled %v", slots, settled)
	}
}
