package grubscript

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"abota/sim/loaderscript"
)

const (
	signature = "# GRUB Environment Block\n"
	blockSize = 1024
)

// padded is a block with this text.
func padded(text string) string { return text + strings.Repeat("#", blockSize-len(text)) }

// none is a file that is not there.
const none = "none"

// twice is a block of the table: the record at both ends of the first sector.
func twice(record string) string { return ends(record, record, "") }

// ends is a block with these two records, and others' variables behind them.
func ends(head, tail, others string) string {
	first := signature + "abota_head=" + head + "\n"
	last := "abota_tail=" + tail + "\n"
	return padded(first + strings.Repeat("#", loaderscript.Sector-len(first)-len(last)-1) + "\n" + last + others)
}

// record is a table in words: its sequence number, the order, both slots, and what
// confirmed slots are refilled to.
func record(sequence int, order, a, b string, confirmed int) string {
	return fmt.Sprintf("%d order=%s a=%s b=%s confirmed=%d generation=5", sequence, order, a, b, confirmed)
}

// counted is the file that GRUB counts in.
func counted(counts string) string {
	return padded(signature + "abota_count=" + counts + "\nabota_count_again=" + counts + "\n")
}

// uncounted is the same before GRUB's first attempt.
func uncounted() string { return padded(signature) }

// countsOf is what grub-editenv reads of a file's content.
func countsOf(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "env")
	loaderscript.Write(t, path, content)
	var found []string
	for line := range strings.Lines(loaderscript.Tool(t, "grub-editenv", path, "list")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if name == "abota_count" || name == "abota_count_again" {
			found = append(found, value)
		}
	}
	if len(found) != 2 || found[0] != found[1] {
		t.Errorf("grub-editenv reads the counts %q, not one twice", found)
		return ""
	}
	return found[0]
}
