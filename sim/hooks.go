package sim

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"abota/sim/board"
	"abota/sim/disk"
	"abota/sim/guest"
)

// hooksConfig has every hook run the firmware's own.
const hooksConfig = `hooks:
  before_install: [/usr/sbin/hook]
  before_reboot: [/usr/sbin/hook]
  after_commit: [/usr/sbin/hook]
  after_rollback: [/usr/sbin/hook]
`

func hooks() Scenario {
	return Scenario{
		Name:    "hooks",
		suits:   forUBoot,
		About:   "hooks put an install and a reboot off, and run after what happened, also when the power fails meanwhile; one archive tells support",
		Setting: Setting{Hooks: true},
		Steps: steps(
			fromFactory(),
			published("2", guest.Healthy),
			deferred("the application puts the install off", "abota install", "before_install B -"),
			[]Step{{Title: "the application lets it happen", Do: func(ctx context.Context, w *World) (string, error) {
				return w.install(ctx, "2", "B")
			}}},
			deferred("the application puts the reboot off", "abota install --reboot", "before_reboot B 2"),
			restartByAbota(),
			boots("version 2 starts from slot B, on trial", expected{slot: "B", version: "2", decision: "trial", trial: "B", good: "A"}),
			commits("B", "2"),
			hooked("after_commit B 2", 1),

			update("3", guest.Unhealthy, "A"),
			boots("version 3 starts from slot A, on trial", expected{slot: "A", version: "3", decision: "trial", trial: "A", good: "B"}),
			slowHook(),
			fallsIll("3", "B"),
			boots("version 2 is back from slot B", expected{slot: "B", version: "2", decision: "nothing to do", good: "B", bad: "A", condemned: []string{"3"}}),
			slowHookRuns(),
			powerCut("in the hook after the rollback"),
			boots("version 2 starts as before", expected{slot: "B", version: "2", decision: "nothing to do", good: "B"}),
			hooked("before_reboot B 2", 3),
			hooked("after_rollback B 3", 2),
			reports(),
		),
	}
}

// deferred leaves the hook a reason to say "not now", and sees that nothing
// happens.
func deferred(title, command, told string) []Step {
	return []Step{{Title: title, Do: func(ctx context.Context, w *World) (string, error) {
		const retryLater = 6
		before, err := w.look(ctx)
		if err != nil {
			return "", err
		}
		if _, err := w.guest(ctx, "touch /var/lib/abota/sim-defer; "+command, retryLater); err != nil {
			return "", err
		}
		after, err := w.look(ctx)
		if err != nil {
			return "", err
		}
		if describe(before.Status) != describe(after.Status) {
			return "", fmt.Errorf("%s, but before it %s", describe(after.Status), describe(before.Status))
		}
		if _, err := w.guest(ctx, "rm /var/lib/abota/sim-defer", 0); err != nil {
			return "", err
		}
		return fmt.Sprintf("`%s`: exit code %d, and %s as before", command, retryLater, describe(after.Status)), w.told(ctx, told, 1)
	}}}
}

// told checks how often a hook ran with these words.
func (w *World) told(ctx context.Context, words string, times int) error {
	text, err := w.guest(ctx, "cat /var/lib/abota/sim-hooks", 0)
	if err != nil {
		return err
	}
	got := 0
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == words {
			got++
		}
	}
	if got != times {
		return fmt.Errorf("the hook ran %d times with %q, not %d times: %q", got, words, times, text)
	}
	return nil
}

// hooked waits until a hook has run so often, and nothing is owed any more.
func hooked(words string, times int) []Step {
	return []Step{{Title: fmt.Sprintf("the hook ran: %s", words), Do: func(ctx context.Context, w *World) (string, error) {
		// The verb that runs the hook holds the lock.
		if _, err := w.guest(ctx, "while abota status --json | grep -q '\"busy\":true'; do sleep 1; done", 0); err != nil {
			return "", err
		}
		return fmt.Sprintf("%d times", times), w.told(ctx, words, times)
	}}}
}

// restartByAbota asks for the reboot that the hook put off. A trial that
// follows is held.
func restartByAbota() []Step {
	return []Step{{Title: "abota restarts the board into what is installed", Do: func(ctx context.Context, w *World) (string, error) {
		w.boot = w.board.Log().Mark()
		w.seen = w.boot
		// The answer may or may not come before the guest is gone.
		_, err := w.board.Run(ctx, "touch "+hold+" && abota install --reboot")
		if err != nil && !errors.Is(err, board.ErrRestarts) {
			return "", err
		}
		_, err = w.awaitConsole(ctx, regexp.MustCompile(`reboot: Restarting system`))
		return "the kernel says so", err
	}}}
}

func slowHook() []Step {
	return []Step{{Title: "the hook after a rollback will take its time, once", Do: func(ctx context.Context, w *World) (string, error) {
		_, err := w.guest(ctx, "touch /var/lib/abota/sim-slow && sync", 0)
		return "a file for it", err
	}}}
}

func slowHookRuns() []Step {
	return []Step{{Title: "the hook runs in the slot that is back", Do: func(ctx context.Context, w *World) (string, error) {
		_, err := w.awaitConsole(ctx, regexp.MustCompile(`^hook: takes its time`))
		return "it says so on the console", err
	}}}
}

// reports has the board make its report, and reads it on the host.
func reports() []Step {
	return []Step{{Title: "the board's report tells the whole story, and no secret", Do: func(ctx context.Context, w *World) (string, error) {
		text, err := w.guest(ctx, "abota report -o - >/tmp/report && base64 -w0 /tmp/report", 0)
		if err != nil {
			return "", err
		}
		archive, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil {
			return "", fmt.Errorf("read the board's report: %w", err)
		}
		files, err := unpackReport(archive)
		if err != nil {
			return "", fmt.Errorf("read the board's report: %w", err)
		}
		return fmt.Sprintf("%d files in %d KiB", len(files), len(archive)>>10), w.judgeReport(files)
	}}}
}

func unpackReport(archive []byte) (map[string]string, error) {
	plain, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for r := tar.NewReader(plain); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		files[strings.TrimPrefix(head.Name, "abota-report/")] = string(text)
	}
}

func (w *World) judgeReport(files map[string]string) error {
	for name, want := range map[string]string{
		"status.json":                `"booted": "B"`,
		"table.json":                 `"ConfirmedTries": 10`,
		"journal.json":               "version 3 does not work",
		"config.json":                `"SecretKey": "***"`,
		"state/events.jsonl":         `"what":"rolled back","slot":"A"`,
		"uboot-environment-1.bin":    "BOOT_ORDER=",
		"uboot-environment-2.bin":    "BOOT_ORDER=",
		"system/cmdline.txt":         "abota.slot=B",
		"system/partition-names.txt": "PARTNAME=" + disk.Root("A"),
		"system/release.txt":         "2",
		"system/dmesg.txt":           "Linux version",
		"version.txt":                "abota ",
	} {
		if !strings.Contains(files[name], want) {
			return fmt.Errorf("%q is not in %s of the report, which has %q", want, name, slices.Sorted(maps.Keys(files)))
		}
	}
	for name, text := range files {
		for _, secret := range []string{w.device.SecretKey, w.device.SessionToken, w.device.AccessKey} {
			if strings.Contains(text, secret) {
				return fmt.Errorf("%s of the report holds a key of the store", name)
			}
		}
	}
	return nil
}
