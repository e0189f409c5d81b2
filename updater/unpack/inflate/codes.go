package inflate

import "math/bits"

// Codes are looked up by the next bits of the input. A main table is indexed
// by as many bits as most codes have at most; longer codes continue in a part
// of an overflow table.
const (
	maxBits      = 15
	literalBits  = 11
	distanceBits = 9
	lengthBits   = 7
)

// entry is what a code stands for:
//
//	bits 0-4    the code's length
//	bits 5-9    how many extra bits follow the code
//	bits 10-13  the flags below
//	bits 16-31  a literal, the least length or distance, a symbol of the
//	            length code, or where the overflow begins
type entry uint32

const (
	isLiteral  entry = 1 << 10
	isEnd      entry = 1 << 11
	isOverflow entry = 1 << 12
	isInvalid  entry = 1 << 13
)

func (e entry) length() uint { return uint(e & 31) }
func (e entry) extra() uint  { return uint(e >> 5 & 31) }
func (e entry) value() int   { return int(e >> 16) }

func newEntry(value uint16, extra uint8, flags entry) entry {
	return entry(value)<<16 | entry(extra)<<5 | flags
}

// codes are the tables of the current block.
type codes struct {
	fixed     bool // literal and distance are those of RFC 1951, 3.2.6
	literal   [1 << literalBits]entry
	distance  [1 << distanceBits]entry
	length    [1 << lengthBits]entry
	literals2 []entry // overflow
	distance2 []entry
}

// What a literal or length symbol, and a distance symbol, stands for.
var (
	literalEntries  [maxLiterals + 2]entry
	distanceEntries [maxDistances + 2]entry
	lengthEntries   [lengthCodes]entry
	fixedLiterals   [maxLiterals + 2]uint8
	fixedDistances  [maxDistances + 2]uint8
)

func init() {
	for i := range 256 {
		literalEntries[i] = newEntry(uint16(i), 0, isLiteral)
	}
	literalEntries[256] = isEnd
	fillSteps(literalEntries[257:285], 3, 4)
	literalEntries[285] = newEntry(maxMatch, 0, 0)
	literalEntries[286], literalEntries[287] = isInvalid, isInvalid
	fillSteps(distanceEntries[:30], 1, 2)
	distanceEntries[30], distanceEntries[31] = isInvalid, isInvalid
	for i := range lengthEntries {
		lengthEntries[i] = newEntry(uint16(i), 0, 0)
	}
	for i := range fixedLiterals {
		switch {
		case i < 144, i >= 280:
			fixedLiterals[i] = 8
		case i < 256:
			fixedLiterals[i] = 9
		default:
			fixedLiterals[i] = 7
		}
	}
	for i := range fixedDistances {
		fixedDistances[i] = 5
	}
}

// fillSteps fills lengths or distances: the first 2*same without extra bits,
// then same each with one more.
func fillSteps(entries []entry, least uint16, same int) {
	for i := range entries {
		extra := uint8(max(0, i/same-1))
		entries[i] = newEntry(least, extra, 0)
		least += 1 << extra
	}
}

// setFixed prepares the codes that need no header.
func (c *codes) setFixed() error {
	if c.fixed {
		return nil
	}
	err := c.set(fixedLiterals[:], fixedDistances[:])
	c.fixed = err == nil
	return err
}

// set prepares the codes with these lengths for each symbol.
func (c *codes) set(literals, distances []uint8) (err error) {
	c.fixed = false
	if c.literals2, err = build(c.literal[:], literalBits, c.literals2, literals, literalEntries[:]); err != nil {
		return err
	}
	c.distance2, err = build(c.distance[:], distanceBits, c.distance2, distances, distanceEntries[:])
	return err
}

func (c *codes) setLengths(lengths []uint8) error {
	_, err := build(c.length[:], lengthBits, nil, lengths, lengthEntries[:])
	return err
}

// build fills a main table, indexed by width bits, and returns its overflow,
// which reuses the memory of the one before.
func build(table []entry, width uint, overflow []entry, lengths []uint8, symbols []entry) ([]entry, error) {
	next, err := firstCodes(lengths)
	if err != nil {
		return nil, err
	}
	for i := range table {
		table[i] = isInvalid
	}
	overflow = overflow[:0]
	for symbol, l := range lengths {
		if l == 0 {
			continue
		}
		length := uint(l)
		code := uint(bits.Reverse16(next[l]) >> (16 - length))
		next[l]++
		e := symbols[symbol] | entry(l)
		if length <= width {
			for i := code; i < 1<<width; i += 1 << length {
				table[i] = e
			}
			continue
		}
		at := &table[code&(1<<width-1)]
		if *at&isOverflow == 0 {
			*at = newEntry(uint16(len(overflow)), 0, isOverflow)
			for range 1 << (maxBits - width) {
				overflow = append(overflow, isInvalid)
			}
		}
		part := overflow[at.value():]
		for i := code >> width; i < 1<<(maxBits-width); i += 1 << (length - width) {
			part[i] = e
		}
	}
	return overflow, nil
}

// firstCodes gives the first code of each length, and refuses lengths that
// are not those of a prefix code.
func firstCodes(lengths []uint8) (next [maxBits + 1]uint16, err error) {
	var count [maxBits + 1]int
	used := 0
	for _, l := range lengths {
		count[l]++
	}
	code, free := 0, 1
	for l := 1; l <= maxBits; l++ {
		used += count[l]
		next[l] = uint16(code)
		code = (code + count[l]) << 1
		free = free<<1 - count[l]
		if free < 0 {
			return next, corrupt("a code with too many short symbols")
		}
	}
	if free > 0 && used > 0 && (used > 1 || count[1] != 1) {
		return next, corrupt("a code that is not complete")
	}
	return next, nil
}
