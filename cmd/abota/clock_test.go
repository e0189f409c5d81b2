package main

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"abota/updater"
	"abota/updater/journal"
)

func TestClockIsNeverBeforeWhatIsKnown(t *testing.T) {
	dir := t.TempDir()
	if now := clock(dir)(); now.Before(buildTime()) || time.Since(now) > time.Hour {
		t.Errorf("without a journal it is %v", now)
	}
	future := time.Now().AddDate(1, 0, 0).UTC().Truncate(time.Second)
	payload, err := json.Marshal(updater.Record{Phase: updater.Idle, LastVerified: future})
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(filepath.Join(dir, "journal"), recordSize)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Save(payload); err != nil {
		t.Fatal(err)
	}
	if now := clock(dir)(); !now.Equal(future) {
		t.Errorf("with %v in the journal it is %v", future, now)
	}
}

func TestBuildTimeIsTheNewestStamp(t *testing.T) {
	was := built
	defer func() { built = was }()
	for stamp, want := range map[string]time.Time{
		"":                          earliest,
		"yesterday":                 earliest,
		"1970-01-01T00:00:00Z":      earliest,
		"2036-05-01T10:00:00+02:00": time.Date(2036, 5, 1, 8, 0, 0, 0, time.UTC),
	} {
		built = stamp
		if got := buildTime(); got.Before(want) || want != earliest && !got.Equal(want) {
			t.Errorf("%q: %v, want %v", stamp, got, want)
		}
	}
}
