package main

import (
	"context"
	"flag"
	"fmt"
	"strconv"
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
	c.Table(stateRows(s))
	c.Say("")
	c.Table(slotRows(s.Slots))
	if len(s.Slots[0].Parts) > 0 {
		c.Say("")
		c.Table(partRows(s.Slots))
	}
}

func stateRows(s statusJSON) [][]string {
	rows := [][]string{
		{"booted", s.Booted.String()},
		{"boots next", orDash(s.Primary)},
		{"release", named(s.Release)},
		{"phase", string(s.Phase)},
	}
	say := func(what, text string) { rows = append(rows, []string{what, text}) }
	if l := s.Loader; l != nil {
		say("bootloader", oneLine(l.line()))
	}
	if s.Busy {
		say("now", "another abota is at work")
	} else {
		say("now", s.Decision+": "+oneLine(s.Why))
	}
	if p := s.Plan; p != nil {
		say("agent", planLine(*p))
	}
	if j := s.Job; j != nil {
		say("job", oneLine(j.line()))
	}
	for _, v := range s.Condemned {
		say("condemned", oneLine(v.Release.Name())+": "+oneLine(v.Reason))
	}
	if s.Held != nil {
		say("held", oneLine(s.Held.Release.Name())+": "+oneLine(s.Held.Reason))
	}
	if p := s.LastError; p != nil {
		say("last error", fmt.Sprintf("%s (exit code %d, %s)", oneLine(p.Reason), p.Code, p.At.Format(time.RFC3339)))
	}
	if s.LastVerified != nil {
		say("last verified", s.LastVerified.Format(time.RFC3339))
	}
	if s.Floor != "" {
		say("floor", s.Floor)
	}
	return rows
}

func slotRows(slots []updater.SlotStatus) [][]string {
	rows := [][]string{{"slot", "state", "boot", "priority", "tries", "version", "device"}}
	for _, slot := range slots {
		rows = append(rows, []string{
			slot.Name.String(), slot.State, slot.BootStatus, strconv.Itoa(slot.Priority), strconv.Itoa(slot.Tries), versionText(slot), slot.Device,
		})
	}
	return rows
}

func partRows(slots []updater.SlotStatus) [][]string {
	rows := [][]string{{"slot", "part", "size", "place"}}
	for _, slot := range slots {
		for _, p := range slot.Parts {
			rows = append(rows, []string{slot.Name.String(), p.Name, strconv.FormatInt(p.Size, 10), p.Device})
		}
	}
	return rows
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
