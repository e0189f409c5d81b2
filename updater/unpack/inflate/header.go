package inflate

// The limits of what a header may announce.
const (
	maxLiterals  = 286
	maxDistances = 30
	lengthCodes  = 19
)

// The kinds of block.
const (
	kindStored = iota
	kindFixed
	kindDynamic
)

// header reads a block's header, and the codes that go with it.
func (z *Reader) header() error {
	last, err := z.bits(1)
	if err != nil {
		return err
	}
	kind, err := z.bits(2)
	if err != nil {
		return err
	}
	z.last = last == 1
	z.phase = inCodes
	switch kind {
	case kindStored:
		z.phase = inStored
		return z.storedHeader()
	case kindFixed:
		return z.codes.setFixed()
	case kindDynamic:
		return z.dynamicHeader()
	}
	return corrupt("a block of unknown kind")
}

// storedHeader starts at the next whole byte with the length, twice.
func (z *Reader) storedHeader() error {
	z.drop(z.n) // less than a byte
	size, err := z.bits(16)
	if err != nil {
		return err
	}
	inverse, err := z.bits(16)
	if err != nil {
		return err
	}
	if size != ^inverse&0xffff {
		return corrupt("a stored block's two lengths differ")
	}
	z.stored = size
	return nil
}

// dynamicHeader reads the lengths of both codes, which are coded themselves.
func (z *Reader) dynamicHeader() error {
	var counts [3]int
	for i, width := range []uint{5, 5, 4} {
		v, err := z.bits(width)
		if err != nil {
			return err
		}
		counts[i] = v
	}
	literals, distances := counts[0]+257, counts[1]+1
	if literals > maxLiterals || distances > maxDistances {
		return corrupt("a code of too many symbols")
	}
	if err := z.readLengthCode(counts[2] + 4); err != nil {
		return err
	}
	var lengths [maxLiterals + maxDistances]uint8
	if err := z.readLengths(lengths[:literals+distances]); err != nil {
		return err
	}
	return z.codes.set(lengths[:literals], lengths[literals:literals+distances])
}

// lengthOrder is the order in which the lengths of the length code stand.
var lengthOrder = [lengthCodes]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

func (z *Reader) readLengthCode(n int) error {
	var lengths [lengthCodes]uint8
	for _, symbol := range lengthOrder[:n] {
		v, err := z.bits(3)
		if err != nil {
			return err
		}
		lengths[symbol] = uint8(v)
	}
	return z.codes.setLengths(lengths[:])
}

// repeats says what the symbols from 16 on stand for: how many bits say how
// often a length is repeated, and how often it is at least.
var repeats = [3]struct {
	extra uint
	least int
}{{2, 3}, {3, 3}, {7, 11}}

func (z *Reader) readLengths(lengths []uint8) error {
	for i := 0; i < len(lengths); {
		e, err := z.symbol(z.codes.length[:], lengthBits, nil)
		if err != nil {
			return err
		}
		symbol := e.value()
		if symbol < 16 {
			lengths[i] = uint8(symbol)
			i++
			continue
		}
		var again uint8 // zero, or for 16 the one before
		if symbol == 16 {
			if i == 0 {
				return corrupt("a code that repeats the length before the first")
			}
			again = lengths[i-1]
		}
		times, err := z.bits(repeats[symbol-16].extra)
		if err != nil {
			return err
		}
		times += repeats[symbol-16].least
		if times > len(lengths)-i {
			return corrupt("a code with more lengths than symbols")
		}
		for range times {
			lengths[i] = again
			i++
		}
	}
	return nil
}
