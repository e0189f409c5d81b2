package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"abota/sim/disk"
)

// sight is what a running guest shows of itself.
type sight struct {
	// Version is of the system that runs, from its own version file.
	Version string
	// Root is the partition label of the device behind "/".
	Root string
	// Cmdline is the kernel command line.
	Cmdline string
	Status  status
}

// status is what scenarios read of `abota status --json`.
type status struct {
	Booted         string    `json:"booted"`
	Primary        string    `json:"primary"`
	Phase          string    `json:"phase"`
	RebootRequired bool      `json:"reboot_required"`
	Decision       string    `json:"decision"`
	TableLost      bool      `json:"table_lost"`
	Condemned      []verdict `json:"condemned"`
	Held           *verdict  `json:"held"`
	Slots          []struct {
		Name       string `json:"name"`
		State      string `json:"state"`
		BootStatus string `json:"boot_status"`
		Priority   int    `json:"priority"`
		Tries      int    `json:"tries"`
		Version    string `json:"version"`
		Parts      []struct {
			Name   string `json:"name"`
			Device string `json:"device"`
			SHA256 string `json:"sha256"`
			Size   int64  `json:"size"`
		} `json:"parts"`
	} `json:"slots"`
}

// verdict is why a release is not installed by itself.
type verdict struct {
	Release struct {
		Version string `json:"version"`
	} `json:"release"`
	Reason string `json:"reason"`
}

// bootStatus is a slot's "good", "trial" or "bad".
func (s status) bootStatus(slot string) string {
	for _, have := range s.Slots {
		if have.Name == slot {
			return have.BootStatus
		}
	}
	return "missing"
}

// tries is how many attempts a slot has left, -1 when there is no such slot.
func (s status) tries(slot string) int {
	for _, have := range s.Slots {
		if have.Name == slot {
			return have.Tries
		}
	}
	return -1
}

// condemns says why a version is condemned, or nothing.
func (s status) condemns(version string) (reason string, found bool) {
	for _, c := range s.Condemned {
		if c.Release.Version == version {
			return c.Reason, true
		}
	}
	return "", false
}

// lookScript prints one fact a line, the status last.
const lookScript = `. /etc/firmware.conf
echo "version $version"
dev=$(awk '$5 == "/" { d = $3 } END { print d }' /proc/self/mountinfo)
at=/sys/dev/block/$dev
[ ! -d "$at/dm" ] || at=$(ls -d "$at"/slaves/* | head -n 1) # a verified root, then its hashes
echo "root $(sed -n 's/^PARTNAME=//p' "$at/uevent")"
echo "cmdline $(cat /proc/cmdline)"
echo "status $(abota status --json)"
`

// look asks the guest.
func (w *World) look(ctx context.Context) (sight, error) {
	var s sight
	got, err := w.guest(ctx, lookScript, 0)
	if err != nil {
		return s, err
	}
	for _, line := range strings.Split(got, "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "version":
			s.Version = value
		case "root":
			s.Root = value
		case "cmdline":
			s.Cmdline = value
		case "status":
			if err := json.Unmarshal([]byte(value), &s.Status); err != nil {
				return s, fmt.Errorf("read the guest's status %q: %w", value, err)
			}
		}
	}
	return s, nil
}

// runs checks that a version really runs from a slot, by everything that
// shows it independently of each other.
func (s sight) runs(slot, version string) error {
	switch {
	case s.Version != version:
		return fmt.Errorf("the version file of the system that runs says %q, not %q", s.Version, version)
	case s.Root != disk.Root(slot):
		return fmt.Errorf("the device behind / is %q, not %q", s.Root, disk.Root(slot))
	case !strings.Contains(" "+s.Cmdline+" ", " abota.slot="+slot+" "):
		return fmt.Errorf("the kernel command line %q does not name slot %s", s.Cmdline, slot)
	case s.Status.Booted != slot:
		return fmt.Errorf("abota takes slot %q for booted, not %s", s.Status.Booted, slot)
	}
	return nil
}

// guest runs a script in the guest and returns its output. Any other exit
// status than want is an error.
func (w *World) guest(ctx context.Context, script string, want int) (string, error) {
	got, err := w.board.Run(ctx, script)
	if err != nil {
		return "", err
	}
	if got.Exit != want {
		return "", fmt.Errorf("the guest's %q ended with exit status %d, not %d: %s%s", firstLine(script), got.Exit, want, got.Stdout, got.Stderr)
	}
	return got.Stdout, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
