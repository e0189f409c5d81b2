package sim

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"abota/sim/board"
)

// Timeline prints what happens as it happens, one aligned line each.
type Timeline struct {
	*sheet
	// board is whose line it is, where there are several.
	board string
}

// sheet is what the timelines of several boards share.
type sheet struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time
	color bool
	// width is of the column with a board's name; 0 without one.
	width int
}

// NewTimeline starts a timeline now. It is coloured when out is a terminal.
func NewTimeline(out io.Writer) *Timeline {
	return &Timeline{sheet: &sheet{out: out, start: time.Now(), color: isTerminal(out)}}
}

// of is the timeline of one of several boards.
func (t *Timeline) of(board string) *Timeline {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.width = max(t.width, len(board))
	return &Timeline{sheet: t.sheet, board: board}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// The colours of a terminal (ECMA-48, select graphic rendition).
const (
	plain  = "0"
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// Elapsed is the time since the start.
func (t *Timeline) Elapsed() time.Duration { return time.Since(t.start) }

func (t *Timeline) line(who, color, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	column := ""
	if t.width > 0 {
		column = fmt.Sprintf("  %-*s", t.width, t.board)
	}
	text := fmt.Sprintf("%7.1fs%s  %-8s  %s", t.Elapsed().Seconds(), column, who, fmt.Sprintf(format, args...))
	if t.color {
		text = "\x1b[" + color + "m" + text + "\x1b[" + plain + "m"
	}
	fmt.Fprintln(t.out, text)
}

// Note says what the simulator itself does.
func (t *Timeline) Note(format string, args ...any) { t.line("sim", dim, format, args...) }

// Step opens a step.
func (t *Timeline) Step(n, of int, title string) {
	t.line(fmt.Sprintf("%d/%d", n, of), bold, "%s", title)
}

// Seen closes a step with what proved it, which may be several lines.
func (t *Timeline) Seen(proof string) {
	for line := range strings.SplitSeq(proof, "\n") {
		t.line("ok", green, "%s", line)
	}
}

// Failed closes a step that was not seen.
func (t *Timeline) Failed(err error) { t.line("FAILED", red, "%v", err) }

// Verdict is the last word on a scenario.
func (t *Timeline) Verdict(s Scenario, err error) {
	if err != nil {
		t.line("verdict", red, "%s FAILED: %v", s.Name, err)
		return
	}
	where := "from inside the guest"
	if len(s.Fleet) > 0 {
		where = "from inside the guests and by AWS IoT"
	}
	t.line("verdict", green, "%s: all %d steps were seen %s, in %.0f s", s.Name, len(s.Steps), where, t.Elapsed().Seconds())
}

// Write makes a timeline the place where others report a line at a time.
func (t *Timeline) Write(p []byte) (int, error) {
	for _, line := range strings.Split(strings.TrimRight(string(p), "\n"), "\n") {
		t.Note("%s", line)
	}
	return len(p), nil
}

// what a console line must look like to be worth a line of the timeline.
var notable = []struct {
	match *regexp.Regexp
	who   string
	color string
}{
	{regexp.MustCompile(`^(U-Boot \S+)`), "loader", cyan},
	{loaderLine, "loader", cyan},
	{regexp.MustCompile(`^firmware: (.*)`), "firmware", plain},
	{regexp.MustCompile(`^initrd: (.*)`), "initrd", yellow},
	{regexp.MustCompile(`(Kernel panic - not syncing.*)`), "kernel", red},
	{regexp.MustCompile(`((?:watchdog|softdog): .*)`), "kernel", yellow},
	{regexp.MustCompile(`reboot: (Restarting system|Power down)`), "kernel", plain},
	{decided, "abota", yellow},
	{abotaLine, "abota", yellow},
}

// tedious are loader lines that say how, not what and why: --console shows
// them.
var tedious = regexp.MustCompile(`^abota: (slot \w: console=|environment: copy \d )`)

// readable is a notable line as a sentence.
func readable(kind *regexp.Regexp, m []string) string {
	switch kind {
	case decided:
		return fmt.Sprintf("slot %s: %s, because %s", m[1], strings.Trim(m[2], `"`), strings.Trim(m[3], `"`))
	case abotaLine:
		return strings.ReplaceAll(m[1], `"`, "")
	}
	return m[1]
}

// event prints what was seen of the board, if it matters to the story.
func (t *Timeline) event(e board.Event) {
	switch e.Kind {
	case board.PowerOn, board.PowerOff:
		t.line("power", bold, "%s", e.Text)
	case board.Console:
		if tedious.MatchString(e.Text) {
			return
		}
		for _, n := range notable {
			if m := n.match.FindStringSubmatch(e.Text); m != nil {
				t.line(n.who, n.color, "%s", readable(n.match, m))
				return
			}
		}
	}
}
