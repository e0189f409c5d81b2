package hook

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func script(name Name, text string) Set {
	return Set{Programs: map[Name][]string{name: {"sh", "-c", text}}, Timeout: time.Minute, DeviceID: "d-7", Group: "early"}
}

func TestAHookIsToldWhatItIsAbout(t *testing.T) {
	told := filepath.Join(t.TempDir(), "told")
	t.Setenv("ABOTA_SECRETKEY", "hush")
	s := script(AfterRollback, "env | grep ^ABOTA_ | sort > "+told)
	about := About{Slot: "A", Version: "2.0\x00\nX=y", SHA256: "abc", Checksum: "md5", Reason: "selftest\nfailed"}
	if err := s.Run(t.Context(), AfterRollback, about); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(told)
	if err != nil {
		t.Fatal(err)
	}
	const want = `ABOTA_DEVICE_ID=d-7
ABOTA_GROUP=early
ABOTA_HOOK=after_rollback
ABOTA_REASON=selftest failed
ABOTA_RELEASE_CHECKSUM=md5
ABOTA_RELEASE_SHA256=abc
ABOTA_RELEASE_VERSION=2.0  X=y
ABOTA_SLOT=A
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhatAHookEndsIn(t *testing.T) {
	for _, row := range []struct {
		name     Name
		script   string
		want     string
		deferred bool
	}{
		{BeforeInstall, "exit 0", "", false},
		{BeforeInstall, "echo busy; exit 75", "deferred by the hook before_install: exit status 75: busy", true},
		{BeforeReboot, "exit 75", "deferred by the hook before_reboot: exit status 75", true},
		{BeforeReboot, "echo no; exit 1", "hook before_reboot (sh): exit status 1: no", false},
		{AfterCommit, "exit 75", "hook after_commit (sh): exit status 75", false},
		{AfterRollback, "kill -9 $$", "hook after_rollback (sh): signal: killed", false},
	} {
		err := script(row.name, row.script).Run(t.Context(), row.name, About{})
		if text := textOf(err); text != row.want || errors.Is(err, ErrDeferred) != row.deferred {
			t.Errorf("%s %q: %q, deferred %t", row.name, row.script, text, errors.Is(err, ErrDeferred))
		}
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestAHookEndsWithItsDeadline(t *testing.T) {
	s := script(AfterCommit, "exec sleep 1000")
	s.Timeout = 50 * time.Millisecond
	err := s.Run(t.Context(), AfterCommit, About{})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "hook after_commit (sh), which has 50ms: killed") {
		t.Errorf("got %v", err)
	}
}

func TestNoHookIsNoFailure(t *testing.T) {
	if (Set{}).Has(BeforeInstall) || (Set{}).Run(t.Context(), BeforeInstall, About{}) != nil {
		t.Error("a hook that is not configured ran")
	}
	if !script(BeforeReboot, "true").Has(BeforeReboot) {
		t.Error("a hook that is configured is not there")
	}
}
