package sdboot

import (
	"fmt"
	"strconv"
	"strings"

	"abota/bootctl"
)

// name is that of an entry file of ours: "abota-a.conf", and for a counted one
// "abota-b+LEFT-DONE.conf".
type name struct {
	slot       bootctl.Slot
	counted    bool
	left, done int
	text       string
}

const (
	prefix = "abota-"
	suffix = ".conf"
)

func confirmedName(s bootctl.Slot) name {
	return name{slot: s, text: prefix + strings.ToLower(s.String()) + suffix}
}

func countedName(s bootctl.Slot, left int) name {
	n := name{slot: s, counted: true, left: left, done: max(0, bootctl.DefaultTrialTries-left)}
	n.text = n.encode()
	return n
}

func (n name) encode() string {
	text := prefix + strings.ToLower(n.slot.String())
	if n.counted {
		text += "+" + strconv.Itoa(n.left)
		if n.done > 0 {
			text += "-" + strconv.Itoa(n.done)
		}
	}
	return text + suffix
}

// parseName reads a file's name as the loader does: the counters are what
// follows the last '+'. It reports false for files of others.
func parseName(text string) (n name, ok bool) {
	rest, ours := strings.CutPrefix(strings.ToLower(text), prefix)
	rest, conf := strings.CutSuffix(rest, suffix)
	if !ours || !conf {
		return name{}, false
	}
	letter, counters, counted := strings.Cut(rest, "+")
	slot, err := bootctl.ParseSlot(letter)
	if err != nil {
		return name{}, false
	}
	n = name{slot: slot, counted: counted, text: text}
	if !counted {
		return n, true
	}
	left, done, tried := strings.Cut(counters, "-")
	if n.left, ok = counter(left); !ok {
		return name{}, false
	}
	if tried {
		n.done, ok = counter(done)
	}
	return n, ok
}

func counter(digits string) (int, bool) {
	n, err := strconv.ParseUint(digits, 10, 31)
	return int(n), err == nil && strings.Trim(digits, "0123456789") == ""
}

// CheckDefault refuses a default in the text of loader.conf, which where names
// in the error. One that matches a counted
// entry starts it for ever, also without tries left.
func CheckDefault(where, config string) error {
	for line := range strings.Lines(config) {
		if key, _ := cutKey(line); key == "default" || key == "preferred" {
			return fmt.Errorf("cannot count boot attempts because %s has the line %q: a default that matches a counted entry starts it for ever: remove the line, the order comes from the entries", where, strings.TrimSpace(line))
		}
	}
	return nil
}

// cutKey takes a line apart as the loader does: the key ends at the first blank
// or tab.
func cutKey(line string) (key, value string) {
	line = strings.TrimSpace(line)
	end := strings.IndexAny(line, " \t")
	if end < 0 {
		return line, ""
	}
	return line[:end], strings.TrimSpace(line[end:])
}
