package main

import (
	"context"
	"flag"
	"fmt"
	"text/tabwriter"
	"time"

	"abota/updater"
	"abota/updater/agent"
	"abota/updater/config"
	"abota/updater/release"
)

func status(c *command, _ *flag.FlagSet) action {
	return func(ctx context.Context, _ []string) error {
		d, err := c.open(ctx, reading)
		if err != nil {
			return err
		}
		defer d.Close()
		s, err := d.Status()
		if err != nil {
			return err
		}
		c.showStatus(standing(d, s))
		return nil
	}
}

// statusJSON is what `abota status --json` prints.
type statusJSON struct {
	updater.Status
	// Loader is what reads the boot table.
	Loader *loaderStatus `json:"bootloader,omitempty"`
	// Busy says that another abota is changing it.
	Busy bool `json:"busy"`
	// Plan is what the agent has in mind.
	Plan *agent.Plan `json:"plan,omitempty"`
	// Job is how the job of AWS IoT stands that the agent has in hand, or had
	// last.
	Job *jobStatus `json:"job,omitempty"`
}

// standing is the engine's status with what the agent of this mode knows.
func standing(d *device, s updater.Status) statusJSON {
	cfg := d.cfg
	full := statusJSON{Status: s, Loader: d.readBy(), Busy: lockHeld(cfg.StateDir)}
	if cfg.Mode == config.ModeAWSIoT {
		full.Job = jobAt(cfg.StateDir)
	} else {
		full.Plan = plan(cfg, s)
	}
	return full
}

// showStatus prints the state.
func (c *command) showStatus(s statusJSON) {
	if c.JSON {
		c.Result(s)
		return
	}
	w := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "booted\t%s\n", s.Booted)
	fmt.Fprintf(w, "boots next\t%s\n", orDash(s.Primary))
	fmt.Fprintf(w, "release\t%s\n", named(s.Release))
	fmt.Fprintf(w, "phase\t%s\n", s.Phase)
	if l := s.Loader; l != nil {
		fmt.Fprintf(w, "bootloader\t%s\n", oneLine(l.line()))
	}
	if s.Busy {
		fmt.Fprintf(w, "now\tanother abota is at work\n")
	} else {
		fmt.Fprintf(w, "now\t%s: %s\n", s.Decision, oneLine(s.Why))
	}
	if p := s.Plan; p != nil {
		fmt.Fprintf(w, "agent\t%s\n", planLine(*p))
	}
	if j := s.Job; j != nil {
		fmt.Fprintf(w, "job\t%s\n", oneLine(j.line()))
	}
	for _, v := range s.Condemned {
		fmt.Fprintf(w, "condemned\t%s: %s\n", oneLine(v.Release.Name()), oneLine(v.Reason))
	}
	if s.Held != nil {
		fmt.Fprintf(w, "held\t%s: %s\n", oneLine(s.Held.Release.Name()), oneLine(s.Held.Reason))
	}
	if s.LastError != nil {
		fmt.Fprintf(w, "last error\t%s (exit code %d, %s)\n", oneLine(s.LastError.Reason), s.LastError.Code, s.LastError.At.Format(time.RFC3339))
	}
	if s.LastVerified != nil {
		fmt.Fprintf(w, "last verified\t%s\n", s.LastVerified.Format(time.RFC3339))
	}
	if s.Floor != "" {
		fmt.Fprintf(w, "floor\t%s\n", s.Floor)
	}
	fmt.Fprintf(w, "\nslot\tstate\tboot\tpriority\ttries\tversion\tdevice\n")
	for _, slot := range s.Slots {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\t%s\n", slot.Name, slot.State, slot.BootStatus, slot.Priority, slot.Tries, versionText(slot), slot.Device)
	}
	if len(s.Slots[0].Parts) > 0 {
		fmt.Fprintf(w, "\nslot\tpart\tsize\tplace\n")
	}
	for _, slot := range s.Slots {
		for _, p := range slot.Parts {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", slot.Name, p.Name, p.Size, p.Device)
		}
	}
	w.Flush()
}

// unversioned is said where a release has no version, as raw images have none, so
// that it is not taken for a version that could not be read.
const unversioned = "unversioned"

// named is a release as a line shows it.
func named(id release.ID) string {
	if id.Version == "" && id.SHA256+id.Checksum != "" {
		return oneLine(id.Name()) + " (" + unversioned + ")"
	}
	return oneLine(id.Name())
}

// versionText is the version of what lies in a slot, and a dash where nothing
// is known of it.
func versionText(slot updater.SlotStatus) string {
	if slot.Version == "" && slot.SHA256 != "" {
		return unversioned
	}
	return orDash(oneLine(slot.Version))
}

func planLine(p agent.Plan) string {
	when := "as soon as its time has come"
	if !p.At.IsZero() {
		when = "not before " + p.At.Format(time.RFC3339)
	}
	return fmt.Sprintf("will %s release %s, %s", p.Do, p.Name, when)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
