package main

import (
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"abota/updater"
	"abota/updater/journal"
)

// built is when this program was made, by RFC 3339. The Makefile sets it to
// the time of the commit.
var built string

// earliest is a time at which this program cannot have run yet.
var earliest = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// buildTime is when this program was made, as well as it knows.
func buildTime() time.Time {
	stamps := []string{built}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				stamps = append(stamps, s.Value)
			}
		}
	}
	newest := earliest
	for _, stamp := range stamps {
		if at, err := time.Parse(time.RFC3339, stamp); err == nil && at.After(newest) {
			newest = at
		}
	}
	return newest
}

// clock tells the time at which certificates are checked: the system's, or
// the newest that is known where that one is not set. The journal is only read
// for it, and may be missing.
func clock(stateDir string) func() time.Time {
	known := buildTime()
	if j, err := journal.OpenReadOnly(filepath.Join(stateDir, "journal")); err == nil {
		if payload, err := j.Load(); err == nil {
			if at := updater.NewestTime(payload, known); at.After(known) {
				known = at
			}
		}
		j.Close()
	}
	return func() time.Time { return later(time.Now(), known) }
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// builtAt is when this program was made: no clock that is right shows less.
var builtAt = sync.OnceValue(buildTime)

// plausibleTime is zero where the system's clock cannot be right.
func plausibleTime() time.Time {
	now := time.Now()
	if now.Before(builtAt()) {
		return time.Time{}
	}
	return now
}
