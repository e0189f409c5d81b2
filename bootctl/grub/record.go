package grub

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"abota/bootctl"
)

// The patterns stand in grub.cfg too, letter for letter: what one side takes for
// a table or a count, the other does.
const (
	tablePattern = `^(1[0-9]{9}) order=(A|B|AB|BA) a=(good|unproven),(0|[1-9][0-9]?) b=(good|unproven),(0|[1-9][0-9]?) confirmed=(0|[1-9][0-9]?)( .*)?$`
	countPattern = `^(1[0-9]{9}) (0|[1-9][0-9]?) (0|[1-9][0-9]?)$`
)

var (
	tableRE = regexp.MustCompile(tablePattern)
	countRE = regexp.MustCompile(countPattern)
)

const (
	// firstSequence and lastSequence are of one width, and as large as a signed
	// machine word of a 32-bit GRUB takes.
	firstSequence = 1_000_000_000
	lastSequence  = 1_999_999_999
	// maxTries is what grub.cfg counts down from.
	maxTries = 99
	// maxFailed is the length of a short digest.
	maxFailed = 16
)

// stored is what one block says.
type stored struct {
	sequence int
	table    bootctl.Table
	// extra are words that this version does not know.
	extra []string
}

// parseRecord reads what a block holds at its head and its tail, and reports
// false when that is no table.
func parseRecord(text string) (s stored, ok bool) {
	m := tableRE.FindStringSubmatch(text)
	if m == nil {
		return s, false
	}
	var order []bootctl.Slot
	for _, name := range m[2] {
		slot, err := bootctl.ParseSlot(string(name))
		if err != nil {
			return s, false
		}
		order = append(order, slot)
	}
	s.sequence = number(m[1])
	s.table = bootctl.Table{ConfirmedTries: number(m[7])}.WithOrder(order...)
	for i, slot := range bootctl.Slots {
		st := &s.table.Slots[slot]
		st.Good, st.Tries = m[3+2*i] == "good", number(m[4+2*i])
	}
	for _, word := range strings.Fields(m[8]) {
		s.readWord(word)
	}
	return s, true
}

// number is for digits that a pattern has already found to be few.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// readWord reads what GRUB does not look at. A value that makes no sense counts
// as absent: the table beside it is still what GRUB boots by.
func (s *stored) readWord(word string) {
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "generation":
		if n, err := strconv.ParseUint(value, 10, 32); err == nil {
			s.table.Generation = uint32(n)
		}
	case failedWord(bootctl.A), failedWord(bootctl.B):
		if isDigest(value) {
			s.table.Slots[slotOf(name)].Failed = value
		}
	default:
		s.extra = append(s.extra, word)
	}
}

func failedWord(s bootctl.Slot) string { return strings.ToLower(s.String()) + "_failed" }

func slotOf(failed string) bootctl.Slot {
	if failed == failedWord(bootctl.B) {
		return bootctl.B
	}
	return bootctl.A
}

// record writes what a block holds at its head and its tail.
func (s stored) record() (string, error) {
	if err := check(s.table); err != nil {
		return "", err
	}
	if s.sequence > lastSequence {
		return "", fmt.Errorf("cannot store the boot table because the sequence number %d is the last one: fill the three files with zeroes and run `abota provision`", lastSequence)
	}
	words := []string{strconv.Itoa(s.sequence), "order=" + letters(s.table.Order())}
	for _, slot := range bootctl.Slots {
		words = append(words, state(slot, s.table.Slots[slot]))
	}
	words = append(words, fmt.Sprintf("confirmed=%d", s.table.ConfirmedTries), fmt.Sprintf("generation=%d", s.table.Generation))
	for _, slot := range bootctl.Slots {
		if failed := s.table.Slots[slot].Failed; failed != "" {
			words = append(words, failedWord(slot)+"="+failed)
		}
	}
	return strings.Join(append(words, s.extra...), " "), nil
}

func letters(order []bootctl.Slot) (text string) {
	for _, s := range order {
		text += s.String()
	}
	return text
}

func state(slot bootctl.Slot, st bootctl.State) string {
	word := "unproven"
	if st.Good {
		word = "good"
	}
	return fmt.Sprintf("%s=%s,%d", strings.ToLower(slot.String()), word, st.Tries)
}

// check refuses what the record cannot hold.
func check(t bootctl.Table) error {
	if len(t.Order()) == 0 {
		return errors.New("cannot store a boot table without a bootable slot because GRUB would have nothing to start")
	}
	if t.ConfirmedTries < 0 || t.ConfirmedTries > maxTries {
		return fmt.Errorf("cannot store a boot table with %d confirmed tries because GRUB's script counts to %d: use 0 to %d", t.ConfirmedTries, maxTries, maxTries)
	}
	for _, s := range bootctl.Slots {
		st := t.Slots[s]
		if st.Tries < 0 || st.Tries > maxTries {
			return fmt.Errorf("cannot store a boot table with %d tries for slot %s because GRUB's script counts to %d: use 0 to %d", st.Tries, s, maxTries, maxTries)
		}
		if st.Failed != "" && !isDigest(st.Failed) {
			return fmt.Errorf("cannot store %q as what failed in slot %s because it is not a short digest: use up to %d hexadecimal digits", st.Failed, s, maxFailed)
		}
	}
	return nil
}

func isDigest(text string) bool {
	return len(text) <= maxFailed && strings.Trim(text, "0123456789abcdefABCDEF") == ""
}

// sequenceIn finds the number that a damaged record begins with, or zero.
func sequenceIn(record string) int {
	word, _, _ := strings.Cut(record, " ")
	n, err := strconv.Atoi(word)
	if err != nil {
		return 0
	}
	return n
}
