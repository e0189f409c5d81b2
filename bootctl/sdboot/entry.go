package sdboot

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math"
	"strconv"
	"strings"

	"abota/bootctl"
)

// Size is the length of every entry file of ours in bytes: one sector, which
// a drive writes whole or not at all.
const Size = 512

const (
	sortKey = "abota"
	// firstVersion leaves room on both sides.
	firstVersion = 1_000_000_000
	magic        = "# abota 1 "
	crcDigits    = 8
	noFailure    = "-"
	maxFailed    = 16
	maxTries     = 999
)

// stamp is what an entry file says besides its entry: the table that was
// stored when it was written, and which of the files was written last.
type stamp struct {
	serial uint64
	table  bootctl.Table
}

// file is an entry file of ours.
type file struct {
	name name
	raw  []byte
	// stamped says that the checksum holds, so that stamp counts.
	stamped bool
	stamp   stamp
	// body is the entry without sort key and version; without one the loader
	// takes no notice of the file.
	body    string
	version uint64
}

// visible says that the loader shows this entry.
func (f file) visible() bool { return f.body != "" }

// whole reports whether a visible entry has all of its lines, although its stamp
// may not hold: a sector of which a part is missing lacks our sort key, or its end.
func (f file) whole() bool {
	return f.visible() && (f.stamped || len(f.raw) == Size && f.raw[Size-2] != '\n' && bytes.Contains(f.raw, []byte("\nsort-key "+sortKey+"\n")))
}

// render makes the content of an entry file; an inert one has no body. What
// starts comes at the end of the sector, so that a part of the sector is inert,
// and every line has its place whatever the stamp says, so that a sector which is
// partly one entry and partly the next of the same slot is still that entry.
func render(s stamp, body string, version uint64) ([]byte, error) {
	text, starts := magic+strings.Repeat("0", crcDigits)+" "+s.padded()+"\n", ""
	if body != "" {
		rest, last := cutStarts(body)
		text += fmt.Sprintf("sort-key %s\nversion %d\n%s", sortKey, version, rest)
		starts = last
	}
	if n := len(text) + len(starts); n > Size {
		return nil, fmt.Errorf("cannot write a boot entry of %d bytes because it must lie in one sector of %d: shorten its lines, or put the command line into a unified kernel image", n, Size)
	}
	b := append([]byte(text), strings.Repeat("\n", Size-len(text)-len(starts))...)
	b = append(b, starts...)
	copy(b[len(magic):], fmt.Sprintf("%08x", crc32.ChecksumIEEE(b)))
	return b, nil
}

// cutStarts takes a body apart into its lines and those that say what is started.
func cutStarts(body string) (rest, starts string) {
	for line := range strings.Lines(body) {
		if key, _ := cutKey(line); isStart(key) {
			starts += line
		} else {
			rest += line
		}
	}
	return rest, starts
}

// isStart reports whether a line with this key makes the loader show an entry.
func isStart(key string) bool { return key == "linux" || key == "efi" || key == "uki" }

// padded is the text of a stamp with blanks up to the length of any.
func (s stamp) padded() string {
	text := s.text()
	return text + strings.Repeat(" ", max(0, len(largest.text())-len(text)))
}

func (s stamp) text() string {
	order := ""
	for _, slot := range s.table.Order() {
		order += slot.String()
	}
	text := fmt.Sprintf("%d %s %d %d", s.serial, order, s.table.Generation, s.table.ConfirmedTries)
	for _, st := range s.table.Slots {
		failed := st.Failed
		if failed == "" {
			failed = noFailure
		}
		text += fmt.Sprintf(" %t:%d:%s", st.Good, st.Tries, failed)
	}
	return text
}

// parse reads an entry file as the loader does, and its stamp.
func parse(n name, raw []byte) file {
	f := file{name: n, raw: raw, version: firstVersion}
	f.stamp, f.stamped = parseStamp(raw)
	starts := false
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(line, "\r\n")
		key, value := cutKey(line)
		switch {
		case key == "" || strings.HasPrefix(key, "#") || key == "sort-key":
			continue
		case key == "version":
			if v, err := strconv.ParseUint(value, 10, 63); err == nil {
				f.version = v
			}
			continue
		case isStart(key):
			starts = true
		}
		f.body += line + "\n"
	}
	if !starts {
		f.body = ""
	}
	return f
}

// parseStamp reports false for what is not whole.
func parseStamp(raw []byte) (s stamp, ok bool) {
	text, isOurs := strings.CutPrefix(string(raw), magic)
	if !isOurs || len(raw) != Size {
		return stamp{}, false
	}
	sum, err := strconv.ParseUint(text[:crcDigits], 16, 32)
	blank := append([]byte(magic+strings.Repeat("0", crcDigits)), raw[len(magic)+crcDigits:]...)
	if err != nil || crc32.ChecksumIEEE(blank) != uint32(sum) {
		return stamp{}, false
	}
	line, _, _ := strings.Cut(text[crcDigits+1:], "\n")
	fields := strings.Fields(line)
	if len(fields) < 6 {
		return stamp{}, false
	}
	return s, s.read(fields) == nil
}

func (s *stamp) read(fields []string) error {
	var err error
	if s.serial, err = strconv.ParseUint(fields[0], 10, 64); err != nil {
		return err
	}
	generation, err := strconv.ParseUint(fields[2], 10, 32)
	if err != nil {
		return err
	}
	s.table.Generation = uint32(generation)
	if s.table.ConfirmedTries, err = strconv.Atoi(fields[3]); err != nil {
		return err
	}
	var order []bootctl.Slot
	for _, letter := range strings.Split(fields[1], "") {
		slot, err := bootctl.ParseSlot(letter)
		if err != nil {
			return err
		}
		order = append(order, slot)
	}
	if len(order) == 2 && order[0] == order[1] || len(order) > 2 {
		return fmt.Errorf("the order %v", order)
	}
	for i := range s.table.Slots {
		if s.table.Slots[i], err = readState(fields[4+i]); err != nil {
			return err
		}
	}
	s.table = s.table.WithOrder(order...)
	return check(s.table)
}

func readState(field string) (st bootctl.State, err error) {
	parts := strings.Split(field, ":")
	if len(parts) < 3 {
		return st, fmt.Errorf("the state %q", field)
	}
	if st.Good, err = strconv.ParseBool(parts[0]); err != nil {
		return st, err
	}
	if parts[2] != noFailure {
		st.Failed = parts[2]
	}
	st.Tries, err = strconv.Atoi(parts[1])
	return st, err
}

// check refuses a table that entry files cannot hold.
func check(t bootctl.Table) error {
	if len(t.Order()) == 0 {
		return fmt.Errorf("cannot store a boot table without a bootable slot because the loader would show a menu")
	}
	if t.ConfirmedTries < 0 || t.ConfirmedTries > math.MaxInt32 {
		return fmt.Errorf("cannot store a boot table with %d confirmed tries: use 0 to %d", t.ConfirmedTries, math.MaxInt32)
	}
	for _, s := range bootctl.Slots {
		st := t.Slots[s]
		if st.Tries < 0 || st.Tries > math.MaxInt32 || !st.Good && st.Tries > maxTries && st.Bootable() {
			return fmt.Errorf("cannot store a boot table with %d tries for slot %s: use 0 to %d", st.Tries, s, maxTries)
		}
		if len(st.Failed) > maxFailed || strings.Trim(st.Failed, "0123456789abcdefABCDEF") != "" {
			return fmt.Errorf("cannot store %q as what failed in slot %s because it is not a short digest: use up to %d hexadecimal digits", st.Failed, s, maxFailed)
		}
	}
	return nil
}

// checkBody refuses lines that would make an entry something else than one of
// ours.
func checkBody(slot bootctl.Slot, body string) error {
	starts := false
	for line := range strings.Lines(body) {
		switch key, _ := cutKey(line); key {
		case "linux", "efi":
			starts = true
		case "title", "initrd", "options", "devicetree", "devicetree-overlay", "architecture":
		default:
			return fmt.Errorf("cannot use the boot entry of slot %s because of its line %q: use title, linux, efi, initrd, options, devicetree or architecture (sort-key and version are written by abota)", slot, strings.TrimSpace(line))
		}
	}
	switch {
	case !starts:
		return fmt.Errorf("cannot use the boot entry of slot %s because it starts nothing: add a line `linux /path` or `efi /path`", slot)
	case !strings.HasSuffix(body, "\n") || strings.ContainsAny(body, "\x00\r"):
		return fmt.Errorf("cannot use the boot entry of slot %s because it is not text in lines", slot)
	}
	return nil
}
