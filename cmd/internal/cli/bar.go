package cli

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

// IsTerminal reports whether w shows what is written to a person.
func IsTerminal(w io.Writer) bool {
	_, terminal := columns(w)
	return terminal
}

// columns is the width of the terminal that w is; false when it is none.
func columns(w io.Writer) (int, bool) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, false
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	if size.Col == 0 { // a serial console does not know
		return 80, true
	}
	return int(size.Col), true
}

// bar is a line that leaves the last column free, since terminals wrap there.
// Where it is too narrow for everything, the total goes first, then the name.
// rate is in bytes per second, left in seconds.
func bar(width int, what string, done, total, rate, left int64) string {
	const least, most = 6, 30 // columns of the bar itself
	const longest = 16        // columns of the name
	share, percent, of, until := 0.0, "?", "", "?"
	if total > 0 {
		share = float64(min(done, total)) / float64(total)
		percent, of, until = fmt.Sprint(int(share*100)), " of "+Size(total), duration(left)
	}
	name, sum := shorten(what, longest), fmt.Sprintf(" %8s", Size(done))
	percent = fmt.Sprintf("%3s%% ", percent)
	tail := fmt.Sprintf("  %8s/s  %6s left", Size(rate), until)
	room := func() int { return width - 1 - wide(name) - len(percent+sum+of+tail) }
	if room() < least {
		of = ""
	}
	if room() < least {
		name = ""
	}
	length := min(max(room(), 0), most)
	full := int(share * float64(length))
	return cut(name+percent+strings.Repeat("█", full)+strings.Repeat("░", length-full)+sum+of+tail, width-1)
}

func duration(seconds int64) string {
	const most = 100*3600 - 1
	return (time.Duration(min(seconds, most)) * time.Second).String()
}

// shorten makes a name printable, with a blank behind it, and keeps its end
// where it is longer than most columns.
func shorten(name string, most int) string {
	if name == "" {
		return ""
	}
	text := []rune(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, name))
	if wide(string(text)) <= most {
		return string(text) + " "
	}
	for wide(string(text)) >= most {
		text = text[1:]
	}
	return "…" + string(text) + " "
}

// wide is how many columns text takes at the most.
func wide(text string) (n int) {
	const firstWide = 0x1100 // Hangul: the first letters that take two columns
	for _, r := range text {
		n++
		if r >= firstWide {
			n++
		}
	}
	return n
}

func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:max(most, 0)])
	}
	return text
}

// Size prints bytes as people read them: "512 B", "9.5 KiB", "195 MiB".
func Size(n int64) string {
	const unit = 1024
	value, suffix := float64(max(n, 0)), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		if value < unit-0.5 { // what would be rounded to a whole one is one
			break
		}
		value, suffix = value/unit, next
	}
	if value = math.Round(value*10) / 10; suffix != "B" && value < 10 {
		return fmt.Sprintf("%.1f %s", value, suffix)
	}
	return fmt.Sprintf("%.0f %s", value, suffix)
}
