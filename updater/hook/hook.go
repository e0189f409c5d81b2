// Package hook runs the device maker's own programs at the turns of an update.
//
// # Guarantee
//
// A hook that did not end within its deadline is killed with all that it
// started, and [Set.Run] returns soon after. Its environment holds no secret.
//
// # Not guaranteed
//
// That a hook runs exactly once: the engine says when, and a power cut while an
// after-hook runs has it run again at the next boot.
//
// # Format
//
// A hook is told by its environment:
//
//	ABOTA_HOOK              before_install, before_reboot, after_commit, after_rollback
//	ABOTA_SLOT              A or B: the slot to be written, to be started, or that now runs
//	ABOTA_RELEASE_VERSION   the publisher's name for the release, empty when it has none
//	ABOTA_RELEASE_SHA256    its identity; empty as long as it was not read to its end
//	ABOTA_RELEASE_CHECKSUM  what the publisher says of it: the classic format's MD5
//	ABOTA_REASON            after_rollback: why
//	ABOTA_DEVICE_ID, ABOTA_GROUP  as configured
//
// The release is the one that the hook's name speaks of: after a rollback, the
// one that was left. Status 0 goes on, [Deferral] of a before-hook says "not
// now", and every other status is a failure.
package hook

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
	"unicode"

	"abota/updater/program"
)

// Name is when a hook runs.
type Name string

// The hooks there are.
const (
	BeforeInstall Name = "before_install"
	BeforeReboot  Name = "before_reboot"
	AfterCommit   Name = "after_commit"
	AfterRollback Name = "after_rollback"
)

// Deferral is the status of a before-hook that says "not now" (EX_TEMPFAIL of
// sysexits.h).
const Deferral = 75

// ErrDeferred: a hook asked to try again later. It is no failure.
var ErrDeferred = errors.New("deferred")

// About is what a hook is told. What is not known is empty.
type About struct {
	Slot                      string
	Version, SHA256, Checksum string
	Reason                    string
}

// Set is a device's hooks.
type Set struct {
	// Programs are programs with their arguments; what is not there is not run.
	Programs map[Name][]string
	// Timeout bounds each of them.
	Timeout time.Duration
	// DeviceID and Group are what the device is called.
	DeviceID, Group string
}

// Has reports whether there is such a hook.
func (s Set) Has(name Name) bool { return len(s.Programs[name]) > 0 }

// Run runs the hook, if there is one. The error names it; it is ErrDeferred
// when a before-hook said so.
func (s Set) Run(ctx context.Context, name Name, about About) error {
	argv := s.Programs[name]
	if len(argv) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	err := program.Run(ctx, argv, s.environ(name, about))
	var status *exec.ExitError
	switch {
	case err == nil:
		return nil
	case name.before() && errors.As(err, &status) && status.ExitCode() == Deferral:
		return fmt.Errorf("%w by the hook %s: %w", ErrDeferred, name, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("hook %s (%s), which has %s: %w", name, argv[0], s.Timeout, err)
	}
	return fmt.Errorf("hook %s (%s): %w", name, argv[0], err)
}

func (n Name) before() bool { return n == BeforeInstall || n == BeforeReboot }

func (s Set) environ(name Name, about About) []string {
	return []string{
		"ABOTA_HOOK=" + string(name),
		"ABOTA_SLOT=" + about.Slot,
		"ABOTA_RELEASE_VERSION=" + printable(about.Version),
		"ABOTA_RELEASE_SHA256=" + about.SHA256,
		"ABOTA_RELEASE_CHECKSUM=" + about.Checksum,
		"ABOTA_REASON=" + printable(about.Reason),
		"ABOTA_DEVICE_ID=" + s.DeviceID,
		"ABOTA_GROUP=" + s.Group,
	}
}

// printable takes out what does not belong in a variable: the publisher, or a
// program, wrote the text.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
