package grub

import (
	"bytes"
	"fmt"
	"strings"
)

const (
	signature  = "# GRUB Environment Block\n"
	sectorSize = 512
	// blockSize is that of an environment block: GRUB's tools make no other.
	blockSize = 1024
)

// entry is one line of a block as it lies there, its line break included. A
// comment has no name.
type entry struct{ raw, name, value string }

// parseBlock takes a block apart as GRUB does. It reports false when it is no
// environment block.
func parseBlock(b []byte) (entries []entry, ok bool) {
	text, ok := strings.CutPrefix(string(b), signature)
	if !ok {
		return nil, false
	}
	for text != "" {
		e, rest := nextEntry(text)
		if e.raw == "" {
			break
		}
		entries = append(entries, e)
		text = rest
	}
	return entries, true
}

// nextEntry splits off the first line. A name goes up to the first '=', be there
// line breaks in between; a value up to the first line break without a backslash
// before it, and so does a comment. What has no end is none.
func nextEntry(text string) (e entry, rest string) {
	end := -1
	if text[0] == '#' {
		_, end = unescape(text)
	} else if equals := strings.IndexByte(text, '='); equals >= 0 {
		e.name = text[:equals]
		e.value, end = unescape(text[equals+1:])
		end += equals + 1
	}
	if end < 0 || end >= len(text) {
		return entry{}, ""
	}
	e.raw = text[:end+1]
	return e, text[end+1:]
}

// unescape reads a value and says where its line break is: behind the text when
// there is none.
func unescape(text string) (value string, end int) {
	var b strings.Builder
	for end < len(text) && text[end] != '\n' {
		if text[end] == '\\' && end+1 < len(text) {
			end++
		}
		b.WriteByte(text[end])
		end++
	}
	return b.String(), end
}

// get is the value that GRUB would see: the last line of that name counts.
func get(entries []entry, name string) (value string) {
	for _, e := range entries {
		if e.name == name {
			value = e.value
		}
	}
	return value
}

// Variables of the table's blocks.
const (
	varHead = "abota_head"
	varTail = "abota_tail"
)

// foreign is what others wrote into a block: every variable but ours, and the
// comments behind ours. Those before are our padding, decayed maybe.
func foreign(entries []entry) (text string) {
	behind := get(entries, varTail) == ""
	for _, e := range entries {
		switch {
		case e.name == varTail:
			behind = true
		case e.name == "" && behind, e.name != "" && e.name != varHead:
			text += e.raw
		}
	}
	return text
}

// foreignRoom is what there is for the variables of others.
const foreignRoom = blockSize - sectorSize

// salvaged is what others wrote into two blocks of which neither holds a table.
// One that does not fit is a ruin, or has more than we could keep: without a
// table the device would be worse off.
func salvaged(blocks ...[]entry) string {
	for _, entries := range blocks {
		ours := get(entries, varHead) + get(entries, varTail)
		if text := foreign(entries); ours == "" && text != "" && len(text) <= foreignRoom {
			return text
		}
	}
	return ""
}

// encodeBlock makes a block of the table: the record at both ends of the first
// sector, the variables of others in the second.
func encodeBlock(record, others string) ([]byte, error) {
	head := signature + varHead + "=" + record + "\n"
	tail := varTail + "=" + record + "\n"
	between := sectorSize - len(head) - len(tail)
	if between < len("#\n") {
		return nil, fmt.Errorf("cannot store the boot table because its %d bytes do not fit twice into one sector", len(record))
	}
	if len(others) > foreignRoom {
		return nil, fmt.Errorf("cannot store the boot table because the variables of others beside it need %d bytes and have %d: remove some with grub-editenv", len(others), foreignRoom)
	}
	text := head + strings.Repeat("#", between-1) + "\n" + tail + others
	return padded(text), nil
}

// padded is a block with this text.
func padded(text string) []byte {
	return append([]byte(text), bytes.Repeat([]byte("#"), blockSize-len(text))...)
}
