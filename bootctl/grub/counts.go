package grub

import (
	"bytes"

	"abota/bootctl"
)

// Variables of the third file.
const (
	varCount      = "abota_count"
	varCountAgain = "abota_count_again"
)

// roomForCounts is what both variables need at most.
const roomForCounts = len(varCount+"=1000000000 99 99\n") + len(varCountAgain+"=1000000000 99 99\n")

// counts is what GRUB wrote: of which table, and the tries left.
type counts struct {
	sequence int
	tries    [2]int
}

// parseCounts reads the third file. It reports false when that holds no counts,
// as before GRUB's first attempt and after a torn write of GRUB's.
func parseCounts(b []byte) (c counts, ok bool) {
	entries, _ := parseBlock(b)
	text := get(entries, varCount)
	m := countRE.FindStringSubmatch(text)
	if m == nil || text != get(entries, varCountAgain) {
		return c, false
	}
	return counts{number(m[1]), [2]int{number(m[2]), number(m[3])}}, true
}

// apply puts the counts in the place of the table's own, if they belong to it.
func (c counts) apply(s stored) bootctl.Table {
	t := s.table
	if c.sequence == s.sequence {
		for i := range t.Slots {
			t.Slots[i].Tries = c.tries[i]
		}
	}
	return t
}

// writable reports whether GRUB can put its counts there: it fills the padding,
// which must begin on a line of its own.
func writable(b []byte) bool {
	entries, ok := parseBlock(b)
	text := bytes.TrimRight(b, "#")
	if !ok || !bytes.HasSuffix(text, []byte("\n")) {
		return false
	}
	room := len(b) - len(text)
	for _, e := range entries {
		if e.name == varCount || e.name == varCountAgain {
			room += len(e.raw)
		}
	}
	return room >= roomForCounts
}

// emptyCounts is the third file before GRUB's first attempt.
func emptyCounts() []byte { return padded(signature) }
