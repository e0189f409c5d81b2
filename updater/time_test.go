package updater

import (
	"encoding/json"
	"testing"
	"time"

	"abota/bootctl"
	"abota/updater/release"
)

func TestNewestTimeIsWhatTheJournalVouchesFor(t *testing.T) {
	built := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	at := func(days int) time.Time { return built.AddDate(0, 0, days) }
	made := func(days int, confirmed bool) Content {
		return Content{Release: release.ID{Made: at(days).Unix()}, Confirmed: confirmed}
	}
	for _, row := range []struct {
		name string
		r    Record
		want time.Time
	}{
		{"nothing", Record{Phase: Idle}, time.Unix(0, 0)},
		{"last verified", Record{Phase: Idle, LastVerified: at(5)}, at(5)},
		{"a verdict", Record{Phase: Idle, LastVerified: at(5), Condemned: []Verdict{{At: at(7)}, {At: at(6)}}}, at(7)},
		{"held", Record{Phase: Idle, Held: &Verdict{At: at(8)}}, at(8)},
		{"an error", Record{Phase: Idle, LastError: &Problem{At: at(9)}}, at(9)},
		{"a confirmed release", Record{Phase: Committed, Slots: [2]Content{made(3, true), made(2, true)}}, at(3)},
		{"one on trial", Record{Phase: Trying, Target: bootctl.B, Slots: [2]Content{made(3, true), made(4, false)}}, at(4)},
		{"one that failed", Record{Phase: Failed, Target: bootctl.B, Slots: [2]Content{made(3, true), made(4, false)}}, at(3)},
		{"one that waits", Record{Phase: Armed, Target: bootctl.B, Slots: [2]Content{made(3, true), made(4, false)}}, at(3)},
		{"a broken clock", Record{Phase: Idle, LastVerified: at(5), LastError: &Problem{At: at(11 * 365)}}, at(5)},
	} {
		payload, err := json.Marshal(row.r)
		if err != nil {
			t.Fatal(err)
		}
		got := NewestTime(payload, built)
		if row.name == "nothing" && got.After(row.want) || row.name != "nothing" && !got.Equal(row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
	for _, payload := range []string{"", "{", "{}"} {
		if got := NewestTime([]byte(payload), built); !got.IsZero() {
			t.Errorf("%q: %v", payload, got)
		}
	}
}
