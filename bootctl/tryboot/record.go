package tryboot

import (
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"abota/bootctl"
)

const (
	format    = "1"
	digestLen = 16
	maxTries  = 0xffff
)

// choice is which slots the two settings name.
type choice struct{ byDefault, once bootctl.Slot }

// chosen is what the firmware has to start for this table.
func chosen(t bootctl.Table) choice {
	order := t.Order()
	if len(order) == 0 {
		return choice{}
	}
	c := choice{order[0], order[0]}
	for _, s := range order {
		if t.Slots[s].Good {
			c.byDefault = s
			break
		}
	}
	for _, s := range order {
		if s != c.byDefault {
			c.once = s
		}
	}
	if len(order) == 1 {
		c.once = c.byDefault
	}
	return c
}

// encode is the record of a table whose slots lie on these partitions.
func encode(t bootctl.Table, numbers [2]int) (string, error) {
	if t.ConfirmedTries < 0 || t.ConfirmedTries > maxTries {
		return "", fmt.Errorf("cannot store %d confirmed tries because the record has room for %d: use fewer", t.ConfirmedTries, maxTries)
	}
	order, good := "", ""
	for _, s := range t.Order() {
		order += s.String()
	}
	var failed [2]string
	for _, s := range bootctl.Slots {
		if t.Slots[s].Good {
			good += s.String()
		}
		if failed[s] = t.Slots[s].Failed; len(failed[s]) > digestLen || strings.ContainsAny(failed[s], "- \t\r\n") {
			return "", fmt.Errorf("cannot store %q because it is not a short digest: use up to %d hexadecimal digits", failed[s], digestLen)
		}
	}
	fields := fmt.Sprintf("%s%s %s %s %08x %04x %s %s", recordPrefix, format, fill(order, 2), fill(good, 2),
		t.Generation, t.ConfirmedTries, fill(failed[0], digestLen), fill(failed[1], digestLen))
	return fields + " " + seal(fields, t, numbers), nil
}

// fill makes a field as wide as it always is.
func fill(s string, width int) string { return s + strings.Repeat("-", width-len(s)) }

func seal(fields string, t bootctl.Table, numbers [2]int) string {
	c := chosen(t)
	sum := crc32.ChecksumIEEE(fmt.Appendf(nil, "%s %d %d", fields, numbers[c.byDefault], numbers[c.once]))
	return fmt.Sprintf("%08x", sum)
}

// decode reads a record. It is valid when encoding it again gives the same
// line.
func decode(line string, numbers [2]int) (t bootctl.Table, ok bool) {
	f := strings.Fields(line)
	if len(f) != 10 || f[2] != format {
		return t, false
	}
	var order []bootctl.Slot
	for _, name := range strings.TrimRight(f[3], "-") {
		s, err := bootctl.ParseSlot(string(name))
		if err != nil {
			return t, false
		}
		order = append(order, s)
	}
	generation, err := strconv.ParseUint(f[5], 16, 32)
	if err != nil {
		return t, false
	}
	tries, err := strconv.ParseUint(f[6], 16, 16)
	if err != nil {
		return t, false
	}
	t = bootctl.Table{Generation: uint32(generation), ConfirmedTries: int(tries)}.WithOrder(order...)
	for _, s := range bootctl.Slots {
		t.Slots[s].Good = strings.Contains(f[4], s.String())
		t.Slots[s].Failed = strings.TrimRight(f[7+int(s)], "-")
	}
	again, err := encode(t, numbers)
	return t, err == nil && again == line
}
