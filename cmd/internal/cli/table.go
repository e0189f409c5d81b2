package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Table prints rows of cells like lines of Say, with two blanks between the
// columns.
func (o *Output) Table(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for len(widths) < len(row) {
			widths = append(widths, 0)
		}
		for i, cell := range before(row) {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, len(rows))
	for n, row := range rows {
		for i, cell := range before(row) {
			lines[n] += fmt.Sprintf("%-*s", widths[i]+2, cell)
		}
		if len(row) > 0 {
			lines[n] += row[len(row)-1]
		}
	}
	o.Say("%s", strings.Join(lines, "\n"))
}

// before is what stands before the last cell of a row, which needs no room.
func before(row []string) []string { return row[:max(len(row)-1, 0)] }
