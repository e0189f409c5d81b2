package sim

import (
	"fmt"
	"strings"
	"time"
)

// print prints the table: a line for each board, a column for each case.
func (t *boardTable) print(took time.Duration) {
	fmt.Fprintf(t.Out, "\n%s\n", t.heading())
	passed, all := 0, 0
	for _, kind := range t.Boards {
		line := fmt.Sprintf("%-14s %-7s", kind.Name, kind.Loader)
		for _, c := range cases() {
			line += fmt.Sprintf("  %*s", max(len(c.Name), len("FAILED")), t.cell(kind.Name, c.Name))
		}
		for _, row := range t.rows[kind.Name] {
			all++
			if row.Passed {
				passed++
			}
		}
		fmt.Fprintln(t.Out, line)
	}
	fmt.Fprintf(t.Out, "\n%d of %d cases passed, in %.0f s; seconds of each case; - not played on this board\n", passed, all, took.Seconds())
}

// heading names the columns.
func (t *boardTable) heading() string {
	names := []string{fmt.Sprintf("%-14s %-7s", "board", "loader")}
	for _, c := range cases() {
		names = append(names, fmt.Sprintf("%*s", len("FAILED"), c.Name))
	}
	return strings.Join(names, "  ")
}

// cell is what became of a case on a board.
func (t *boardTable) cell(board, name string) string {
	for _, row := range t.rows[board] {
		switch {
		case row.Case != name && row.Case != "all":
		case row.Passed:
			return fmt.Sprintf("%.1f", row.Seconds)
		default:
			return "FAILED"
		}
	}
	return "-"
}
