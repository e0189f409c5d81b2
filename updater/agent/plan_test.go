package agent

import (
	"encoding/json"
	"testing"
	"time"
)

func TestPlanned(t *testing.T) {
	p := hourly
	p.Jitter = 0
	p.Windows = []Window{{Days: everyDay, From: hm(20, 0), To: hm(22, 0)}}
	record := func(f *Found) []byte {
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	found := Found{Release: release, Name: "2", Seen: noon.Add(-time.Hour)}
	armed := found
	armed.Armed, armed.Since = true, noon.Add(-time.Hour)
	for _, row := range []struct {
		name   string
		record []byte
		reboot Reboot
		wall   time.Time
		want   *Plan
	}{
		{"install", record(&found), RebootNow, noon, &Plan{release, "2", "install", noon.Add(8 * time.Hour)}},
		{"restart", record(&armed), RebootInWindow, noon, &Plan{release, "2", "restart", noon.Add(8 * time.Hour)}},
		{"overdue", record(&found), RebootInWindow, noon, &Plan{release, "2", "install", noon}},
		{"nobody knows the time", record(&found), RebootNow, time.Time{}, &Plan{Release: release, Name: "2", Do: "install"}},
		{"left to the application", record(&armed), RebootByApplication, noon, nil},
		{"nothing found", record(nil), RebootNow, noon, nil},
		{"no record", nil, RebootNow, noon, nil},
		{"garbage", []byte("["), RebootNow, noon, nil},
	} {
		p.Reboot = row.reboot
		got := Planned(row.record, p, row.wall)
		if (got == nil) != (row.want == nil) || got != nil && *got != *row.want {
			t.Errorf("%s: %+v, want %+v", row.name, got, row.want)
		}
	}
}
