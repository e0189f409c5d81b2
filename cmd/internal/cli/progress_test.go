package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

func TestBarStaysLeftOfTheLastColumn(t *testing.T) {
	names := []string{"", "firmware.zip", strings.Repeat("long/", 40) + "rootfs.img", "ファームウェア", "bell\a\x1b[2J"}
	sizes := []int64{0, 1, 1 << 10, 1023 << 10, 512 << 20, 999 << 30, 1 << 62}
	for width := 1; width <= 200; width++ {
		for _, name := range names {
			for _, total := range sizes {
				for _, done := range []int64{0, total / 3, total} {
					line := bar(width, name, done, total, done, total)
					columns := wide(line) - strings.Count(line, "█") - strings.Count(line, "░")
					if columns > max(width-1, 0) {
						t.Fatalf("%d columns: %q takes %d", width, line, columns)
					}
					if strings.ContainsAny(line, "\a\x1b") || !utf8.ValidString(line) {
						t.Fatalf("%q would do something to the terminal", line)
					}
				}
			}
		}
	}
}

func TestBarShowsWhatFits(t *testing.T) {
	for _, row := range []struct {
		width int
		what  string
		total int64
		want  string
	}{
		{120, "firmware.zip", 512 << 20, "firmware.zip  25% ███████░░░░░░░░░░░░░░░░░░░░░░░  128 MiB of 512 MiB    10 MiB/s     38s left"},
		{80, "firmware.zip", 512 << 20, "firmware.zip  25% ████░░░░░░░░░░░░  128 MiB of 512 MiB    10 MiB/s     38s left"},
		{80, "", 512 << 20, " 25% ███████░░░░░░░░░░░░░░░░░░░░░░  128 MiB of 512 MiB    10 MiB/s     38s left"},
		{60, "firmware.zip", 512 << 20, "firmware.zip  25% █░░░░░░  128 MiB    10 MiB/s     38s left"},
		{60, "", 512 << 20, " 25% ██░░░░░░░  128 MiB of 512 MiB    10 MiB/s     38s left"},
		{46, "firmware.zip", 512 << 20, " 25% █░░░░░  128 MiB    10 MiB/s     38s left"},
		{60, "", 0, "  ?% ░░░░░░░░░░░░░░░░░░░░  128 MiB    10 MiB/s       ? left"},
	} {
		if got := bar(row.width, row.what, 128<<20, row.total, 10<<20, 38); got != row.want {
			t.Errorf("%d columns:\n got %q\nwant %q", row.width, got, row.want)
		}
	}
}

// terminal is a real one of so many columns. The returned function gives the
// first line written to it.
func terminal(t *testing.T, width uint16) (*os.File, func() string) {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { control.Close() })
	if err := unix.IoctlSetPointerInt(int(control.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: width}); err != nil {
		t.Fatal(err)
	}
	return tty, func() string {
		text, err := bufio.NewReader(control).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
}

// halfDone shows the middle of something that has taken a minute.
func halfDone(o *Output) {
	p := o.Progress("")
	p.started = p.started.Add(-time.Minute)
	p.shown = p.started.Add(time.Second)
	p.Show(120<<20, Count{"fetched", 60 << 20}, Count{"written", 70 << 20})
	p.End()
}

func TestTerminalGetsABarThatDoesNotWrap(t *testing.T) {
	for told, width := range map[uint16]int{0: 80, 46: 46, 60: 60, 80: 80, 200: 200} {
		tty, written := terminal(t, told)
		halfDone(&Output{Stderr: tty})
		shown := strings.Split(strings.TrimSuffix(written(), "\x1b[K\r\n"), "\r")
		for _, line := range strings.Split(strings.Join(shown[1:], ""), "\x1b[K") {
			if !strings.HasPrefix(line, " 50% █") || utf8.RuneCountInString(line) >= width {
				t.Errorf("%d columns: %q", told, line)
			}
		}
	}
}

func TestJSONLinesOnATerminalOnlyWhenAskedFor(t *testing.T) {
	tty, written := terminal(t, 80)
	halfDone(&Output{Stderr: tty, JSON: true})
	if text := written(); !strings.HasPrefix(text, `{"progress":{`) || strings.Contains(text, "█") {
		t.Errorf("%q", text)
	}
}

func TestElsewhereProgressIsJSONLines(t *testing.T) {
	var out bytes.Buffer
	halfDone(&Output{Stderr: &out})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%q", lines)
	}
	for _, line := range lines {
		var got struct{ Progress map[string]int64 }
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		p := got.Progress
		if p["fetched"] != 60<<20 || p["written"] != 70<<20 || p["total"] != 120<<20 || p["bytes_per_second"] <= 0 || p["seconds_left"] < 60 {
			t.Errorf("%s", line)
		}
	}
}

func TestWhatIsDoneAtOnceIsShownOnlyWithJSON(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		o := Output{Stderr: &out, JSON: asJSON}
		p := o.Progress("key.key")
		p.shown, p.started = p.shown.Add(time.Hour), p.started.Add(time.Hour)
		p.Show(44, Count{"done", 44})
		p.End()
		if shown := out.Len() > 0; shown != asJSON {
			t.Errorf("with JSON %t: %q", asJSON, out.String())
		}
	}
}

func TestWhatNeverBeganIsNotShown(t *testing.T) {
	var out bytes.Buffer
	o := Output{Stderr: &out, JSON: true}
	o.Progress("key.key").End()
	if out.Len() > 0 {
		t.Errorf("%q", out.String())
	}
}

func TestSizesAreReadByPeople(t *testing.T) {
	for n, want := range map[int64]string{
		-1: "0 B", 0: "0 B", 4: "4 B", 1023: "1023 B", 1024: "1.0 KiB", 9999: "9.8 KiB", 10230: "10 KiB", 1<<20 - 1: "1.0 MiB",
		200000: "195 KiB", 300000: "293 KiB", 512 << 20: "512 MiB", 5 << 40: "5.0 TiB", 1<<63 - 1: "8.0 EiB",
	} {
		if got := Size(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
