package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"time"
	"unicode"

	"abota/updater"
	"abota/updater/eventlog"
)

// events writes what the engine tells to the event log. A log that cannot be
// written is complained of once and fails nothing.
func (d *device) events(c *command, bootID string) func(updater.Event) {
	kept := eventlog.Log{Dir: d.cfg.StateDir}
	complained := false
	return func(ev updater.Event) {
		// A boot that changes nothing is not worth waiting for the disk.
		err := kept.Append(entry(c.verb, bootID, ev), ev.What != updater.EventBoot)
		if err != nil && !complained {
			complained = true
			c.log.Warn("going on without the event log", "error", err)
		}
	}
}

func entry(verb, bootID string, ev updater.Event) eventlog.Entry {
	return eventlog.Entry{
		Time: time.Now().UTC().Truncate(time.Second), BootID: bootID, Verb: verb, What: ev.What, Slot: ev.Slot.String(),
		Release: ev.Release.Name(), SHA256: ev.Release.SHA256, Code: ev.Code, Reason: ev.Reason,
	}
}

// showLog prints the event log.
func showLog(c *command, _ *flag.FlagSet) action {
	return func(context.Context, []string) error {
		cfg, err := c.load()
		if err != nil {
			return err
		}
		all, err := eventlog.Log{Dir: cfg.StateDir}.Read()
		if err != nil {
			return err
		}
		for _, e := range all {
			c.Say("%s", oneLine(logLine(e)))
		}
		if c.JSON {
			c.Result(map[string]any{"events": append([]eventlog.Entry{}, all...)})
		}
		return nil
	}
}

// oneLine keeps what a publisher, a program or a damaged disk wrote on its
// line, and from commanding the terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r):
			return '?'
		}
		return r
	}, text)
}

// logLine is an entry for people.
func logLine(e eventlog.Entry) string {
	line := fmt.Sprintf("%s  %-8s  %s", e.Time.Format(time.RFC3339), orDash(e.Verb), e.What)
	if e.Slot != "" {
		line += fmt.Sprintf(", slot %s, release %s", e.Slot, orDash(e.Release))
	}
	if e.Code != 0 {
		line += fmt.Sprintf(", code %d", e.Code)
	}
	if e.Reason != "" {
		line += fmt.Sprintf(": %q", e.Reason)
	}
	return line
}
