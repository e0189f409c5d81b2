package tryboot

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	partitionKey = "boot_partition"
	switchKey    = "tryboot_a_b"
	recordPrefix = "# abota "
)

// lines is the file, line by line, without their ends.
type lines []string

// errDamaged says that the sector holds no text: nothing of it is worth
// keeping.
var errDamaged = errors.New("it is not text")

// split reads the file. Empty lines at its end are padding.
func split(content []byte) (lines, error) {
	text := string(content)
	if !utf8.ValidString(text) || strings.IndexFunc(text, control) >= 0 {
		return nil, errDamaged
	}
	l := lines(strings.Split(text, "\n"))
	for len(l) > 0 && strings.TrimSpace(l[len(l)-1]) == "" {
		l = l[:len(l)-1]
	}
	return l, nil
}

func control(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != '\n' || r == 0x7f }

// join is the file of this size, padded with line ends.
func (l lines) join(size int) ([]byte, error) {
	text := strings.Join(l, "\n") + "\n"
	if len(text) > size {
		return nil, fmt.Errorf("cannot store the boot table because its %d bytes do not fit into the file's %d: remove comments, or make the file longer, up to %d bytes, where it is provisioned", len(text), size, maxSize)
	}
	return []byte(text + strings.Repeat("\n", size-len(text))), nil
}

// setting takes a line apart.
func setting(line string) (key, value string) {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "#") {
		return "", ""
	}
	key, value, _ = strings.Cut(line, "=")
	return strings.TrimSpace(key), strings.TrimSpace(value)
}

// filter is the name of a filter's line. One that is not whole, or has blanks
// around it, has a name that nobody knows.
func filter(line string) (string, bool) {
	if !strings.HasPrefix(strings.TrimSpace(line), "[") {
		return "", false
	}
	name, whole := strings.CutSuffix(line, "]")
	name, bare := strings.CutPrefix(name, "[")
	if !whole || !bare {
		return line, true
	}
	return name, true
}

// ambiguous reports whether one of our settings may or may not count: below a
// filter whose meaning in this file is not known, or with blanks or a carriage
// return in it, which the firmware may not ignore.
func (l lines) ambiguous() bool {
	known := true
	for _, line := range l {
		if name, ok := filter(line); ok {
			known = name == "all" || name == "none" || name == "tryboot"
			continue
		}
		k, value := setting(line)
		plain := line == k+"="+value
		if (k == partitionKey || k == switchKey) && (!known || !plain) {
			return true
		}
	}
	return false
}

// effective is the line whose setting of this key counts; -1 when none does.
func (l lines) effective(key string, tryboot bool) int {
	found, passes := -1, true
	for i, line := range l {
		if name, ok := filter(line); ok {
			passes = name == "all" || name == "tryboot" && tryboot
			continue
		}
		if k, _ := setting(line); passes && k == key {
			found = i
		}
	}
	return found
}

// partition is the number that the firmware would start; 0 when none is set.
func (l lines) partition(tryboot bool) int {
	i := l.effective(partitionKey, tryboot)
	if i < 0 {
		return 0
	}
	_, value := setting(l[i])
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// switches reports whether the file switches partitions.
func (l lines) switches() bool {
	i := l.effective(switchKey, true)
	if i < 0 {
		return false
	}
	_, value := setting(l[i])
	return value == "1"
}

// with sets both partitions: in place where both are set beyond doubt already,
// and else in lines of their own at the end, which override all before.
func (l lines) with(byDefault, once int) lines {
	a, b := l.effective(partitionKey, false), l.effective(partitionKey, true)
	changed := append(lines(nil), l...)
	if a < 0 || b < 0 || a == b || !l.switches() || l.ambiguous() {
		changed = changed.without(partitionKey, switchKey)
		changed = append(changed, "[all]", switchKey+"=1", "", "[tryboot]", "")
		a, b = len(changed)-3, len(changed)-1
	}
	changed[a] = fmt.Sprintf("%s=%d", partitionKey, byDefault)
	changed[b] = fmt.Sprintf("%s=%d", partitionKey, once)
	return changed
}

// without drops every setting of these keys.
func (l lines) without(keys ...string) (rest lines) {
	for _, line := range l {
		keep := true
		for _, key := range keys {
			if k, _ := setting(line); k == key {
				keep = false
			}
		}
		if keep {
			rest = append(rest, line)
		}
	}
	return rest
}

// record is the line that holds the table; -1 when there is none.
func (l lines) record() int {
	for i := len(l) - 1; i >= 0; i-- {
		if strings.HasPrefix(l[i], recordPrefix) {
			return i
		}
	}
	return -1
}

// withRecord replaces the record, or adds it at the end.
func (l lines) withRecord(line string) lines {
	if i := l.record(); i >= 0 {
		l[i] = line
		return l
	}
	return append(l, line)
}
