package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"abota/sim"
)

func invoke(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(context.Background(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestWrongUsageIsOneLineAndExitTwo(t *testing.T) {
	for _, args := range [][]string{{}, {"nonsense"}, {"list", "more"}, {"scenario"}, {"scenario", "no-such"}, {"--nonsense", "list"}, {"--arch", "vax", "scenario", "cycle"}, {"--board", "vax", "list"}, {"boards", "vax"}, {"boards", "--guests", "3"}, {"--board", "amd64-grub", "scenario", "environment"}, {"--board", "amd64-efi", "scenario", "cuts"}, {"up", "more"}, {"fetch", "more"}, {"crash"}, {"crash", "middling"}, {"crash", "--guests", "3", "short"}, {"fleet", "99"}, {"fleet", "many"}, {"fleet", "100", "more"}, {"list", "--aws"}, {"up", "--aws", "more"}, {"--aws"}} {
		code, stdout, stderr := invoke(args...)
		if code != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

func TestListNamesEveryScenario(t *testing.T) {
	code, stdout, stderr := invoke("list", "--keep")
	if code != exitSeen || stderr != "" {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	if len(sim.Scenarios()) == 0 {
		t.Fatal("there are no scenarios")
	}
	for _, s := range sim.Scenarios() {
		if !strings.Contains(stdout, s.Name+" ") || !strings.Contains(stdout, s.About) {
			t.Errorf("%s is not listed:\n%s", s.Name, stdout)
		}
	}
}

func TestHelpIsNoError(t *testing.T) {
	code, stdout, stderr := invoke("--help")
	if code != exitSeen || !strings.HasPrefix(stdout, "usage: ") || stderr != "" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}
