package sim

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"abota/sim/board"
	"abota/sim/disk"
	"abota/sim/loader"
	"abota/sim/parts"
)

// TestBoardTakesAnUpdate is the whole product once on every board: a release is
// published, fetched, installed, booted, proven and kept.
func TestBoardTakesAnUpdate(t *testing.T) {
	if testing.Short() {
		t.Skip("boots virtual boards twice, which takes a minute each: left out by -short")
	}
	for _, arch := range []parts.Arch{parts.ARM64(), parts.AMD64()} {
		t.Run(arch.Debian, func(t *testing.T) { takesAnUpdate(t, arch.Debian) })
	}
}

func takesAnUpdate(t *testing.T, name string) {
	t.Helper()
	kind, err := parts.FindBoard(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := FindScenario("cycle")
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: its path may be too long for a socket.
	dir, err := os.MkdirTemp("", "abota-sim-")
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWorld(t.Context(), Options{Dir: dir, Board: kind, Setting: s.Setting, Timeline: NewTimeline(t.Output())})
	if err != nil {
		t.Fatal(errors.Join(err, os.RemoveAll(dir)))
	}
	if err := s.Play(t.Context(), w); err != nil {
		t.Errorf("%v\nconsole:\n%s\nthe work folder %s is kept; the board starts by:\n%s",
			err, strings.Join(w.ConsoleTail(40), "\n"), dir, w.CommandLine())
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		return
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}

func TestScenariosAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Scenarios() {
		if s.Name == "" || s.About == "" || len(s.Steps) < 3 || seen[s.Name] {
			t.Errorf("scenario %q has no name, no description, hardly a step, or a name twice", s.Name)
		}
		seen[s.Name] = true
		for i, step := range s.Steps {
			if step.Title == "" || step.Do == nil {
				t.Errorf("step %d of %s has no title or nothing to do", i+1, s.Name)
			}
		}
	}
	if !seen[DefaultScenario] {
		t.Errorf("there is no scenario %q", DefaultScenario)
	}
	if _, err := FindScenario("no such"); err == nil {
		t.Error("a scenario was found that is not there")
	}
}

// bare is a world without a board, for steps that need none.
func bare() (*World, *bytes.Buffer) {
	var out bytes.Buffer
	return &World{timeline: NewTimeline(&out)}, &out
}

func TestFirstStepThatIsNotSeenEndsTheScenario(t *testing.T) {
	w, out := bare()
	bad := errors.New("not there")
	var done []string
	step := func(title string, err error) Step {
		return Step{Title: title, Do: func(context.Context, *World) (string, error) {
			done = append(done, title)
			return "proof of " + title, err
		}}
	}
	err := Scenario{Name: "x", Steps: []Step{step("one", nil), step("two", bad), step("three", nil)}}.Play(t.Context(), w)
	var failed *StepError
	if !errors.As(err, &failed) || failed.Number != 2 || !errors.Is(err, bad) {
		t.Errorf("got %v, want that step 2 failed", err)
	}
	if got := strings.Join(done, " "); got != "one two" {
		t.Errorf("steps that ran: %s", got)
	}
	for _, want := range []string{"proof of one", "FAILED    not there"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the timeline does not say %q:\n%s", want, out)
		}
	}
}

func TestScenarioWithoutStepsProvesNothing(t *testing.T) {
	w, _ := bare()
	if err := (Scenario{Name: "x"}).Play(t.Context(), w); err == nil {
		t.Error("a scenario without steps passed")
	}
}

func TestTimelineShowsDecisionsAsSentences(t *testing.T) {
	w, out := bare()
	for _, row := range []struct{ console, want string }{
		{"U-Boot 2023.01+dfsg-2 (Jun 22 2026)", "loader    U-Boot 2023.01+dfsg-2\n"},
		{"abota: slot B: trial, attempt recorded, 2 left", "loader    slot B: trial, attempt recorded, 2 left\n"},
		{`time=2026-11-22T01:30:46Z level=INFO msg=boot slot=B decision=trial why="first boot of release 2 in slot B"`, "abota     slot B: trial, because first boot of release 2 in slot B\n"},
		{`time=2026-11-22T01:30:46Z level=INFO msg=boot slot=B decision="fell back" why="slot A is committed"`, "abota     slot B: fell back, because slot A is committed\n"},
		{`time=2026-11-22T01:30:46Z level=WARN msg="rolled back, rebooting" to=B`, "abota     rolled back, rebooting to=B\n"},
		{"[    5.680439] reboot: Restarting system", "kernel    Restarting system\n"},
		{"[    2.1] Kernel panic - not syncing: sysrq triggered crash", "kernel    Kernel panic - not syncing: sysrq triggered crash\n"},
		{"abota: slot B: console=ttyAMA0,115200 root=PARTUUID=x", ""},
		{"27303872 bytes read in 25 ms (1 GiB/s)", ""},
	} {
		out.Reset()
		w.timeline.event(board.Event{At: time.Now(), Kind: board.Console, Text: row.console})
		if got := out.String(); !strings.HasSuffix(got, row.want) || row.want == "" && got != "" {
			t.Errorf("%q is shown as %q, want the end %q", row.console, got, row.want)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("what is no terminal was coloured")
	}
}

// running is a guest that shows version 2 in slot B.
func running() sight {
	s := sight{Version: "2", Root: disk.Root("B"), Cmdline: "ro abota.slot=B abota.contract=1"}
	s.Status.Booted = "B"
	return s
}

func TestEverySignThatAnotherSystemRunsIsSeen(t *testing.T) {
	if err := running().runs("B", "2"); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*sight){
		"version file":        func(s *sight) { s.Version = "1" },
		"device behind /":     func(s *sight) { s.Root = disk.Root("A") },
		"kernel command line": func(s *sight) { s.Cmdline = "ro abota.slot=A" },
		"abota":               func(s *sight) { s.Status.Booted = "A" },
	} {
		s := running()
		change(&s)
		if err := s.runs("B", "2"); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("another %s: got %v, want it named", name, err)
		}
	}
}

func TestExpectationsThatDoNotHoldAreErrors(t *testing.T) {
	var s status
	if err := (expected{good: "A"}).holds(s); err == nil {
		t.Error("a slot that is missing passed for good")
	}
	if err := (expected{condemned: []string{"3"}}).holds(s); err == nil {
		t.Error("a release that is not condemned passed for condemned")
	}
	uboot := loader.For(parts.DefaultBoard())
	want := expected{loader: []loader.Seen{confirmed("A")}}
	if err := want.loads(uboot, []string{"slot A: trial"}, s); err == nil {
		t.Error("the loader's words were made up")
	}
	if err := want.loads(uboot, []string{"environment: fine", "slot A: confirmed, attempt recorded"}, s); err != nil {
		t.Error(err)
	}
	// A loader without words.
	kind, err := parts.FindBoard("amd64-sdboot")
	if err != nil {
		t.Fatal(err)
	}
	want = expected{loader: []loader.Seen{triedWith("A", 2)}}
	if err := want.loads(loader.For(kind), nil, s); err == nil {
		t.Error("attempts were made up")
	}
}
