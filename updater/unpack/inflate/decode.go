package inflate

import "encoding/binary"

// fastInput is how much input the fast loop wants to see: it reads eight bytes
// at a time, twice for one match.
const fastInput = 16

// decode decodes symbols until the room is full, or the block ends.
func (z *Reader) decode() error {
	for z.out < history+room {
		ended, err := z.fast()
		if err == nil && !ended && z.out < history+room {
			ended, err = z.slow()
		}
		if err != nil {
			return err
		}
		if ended {
			return z.endBlock()
		}
	}
	return nil
}

// slow decodes one symbol and takes no byte too many.
func (z *Reader) slow() (ended bool, err error) {
	e, err := z.symbol(z.codes.literal[:], literalBits, z.codes.literals2)
	switch {
	case err != nil:
		return false, err
	case e&isEnd != 0:
		return true, nil
	case e&isLiteral != 0:
		z.win[z.out] = byte(e.value())
		z.out++
		return false, nil
	}
	length, err := z.bits(e.extra())
	if err != nil {
		return false, err
	}
	d, err := z.symbol(z.codes.distance[:], distanceBits, z.codes.distance2)
	if err != nil {
		return false, err
	}
	back, err := z.bits(d.extra())
	if err != nil {
		return false, err
	}
	return false, z.match(length+e.value(), back+d.value())
}

// symbol takes the next code, bit by bit as far as it has to.
func (z *Reader) symbol(table []entry, width uint, overflow []entry) (entry, error) {
	for {
		e := table[z.hold&(1<<width-1)]
		if e&isOverflow != 0 {
			e = overflow[e.value()+int(z.hold>>width&(1<<(maxBits-width)-1))]
		}
		switch {
		case e&isInvalid == 0 && e.length() <= z.n:
			z.drop(e.length())
			return e, nil
		case z.n >= maxBits:
			return 0, errNothing
		}
		if err := z.need(z.n + 1); err != nil {
			return 0, err
		}
	}
}

// match repeats length bytes from back bytes ago.
func (z *Reader) match(length, back int) error {
	from := z.out - back
	if from < z.low {
		return errBefore
	}
	for i := range length {
		z.win[z.out+i] = z.win[from+i]
	}
	z.out += length
	return nil
}

var (
	errBefore  = corrupt("a match that begins before the data")
	errNothing = corrupt("a code that stands for nothing")
)

// fast decodes while there is plenty of input and room. It holds up to eight
// bytes of input, and gives whole ones back at its end. It looks at no bit
// that is not there: at least 56 are after a refill, three literals take 45 of
// them, a match with everything takes 48.
func (z *Reader) fast() (ended bool, err error) {
	const lastOut = history + room
	in, win, low := z.in, &z.win, z.low
	pos, out, hold, n := z.pos, z.out, z.hold, z.n
	literal, distance := &z.codes.literal, &z.codes.distance
	lastIn := len(in) - fastInput
	for pos <= lastIn && out < lastOut {
		hold |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
		pos += int((63 - n) >> 3)
		n |= 56
		e := literal[hold&(1<<literalBits-1)]
		if e&isLiteral != 0 {
			hold >>= e & 31
			n -= uint(e & 31)
			win[out] = byte(e >> 16)
			out++
			e = literal[hold&(1<<literalBits-1)]
			if e&isLiteral != 0 {
				hold >>= e & 31
				n -= uint(e & 31)
				win[out] = byte(e >> 16)
				out++
				e = literal[hold&(1<<literalBits-1)]
				if e&isLiteral != 0 {
					hold >>= e & 31
					n -= uint(e & 31)
					win[out] = byte(e >> 16)
					out++
					continue
				}
			}
			hold |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
			pos += int((63 - n) >> 3)
			n |= 56
		}
		if e&(isOverflow|isEnd|isInvalid) != 0 {
			if e&isOverflow != 0 {
				e = z.codes.literals2[int(e>>16)+int(hold>>literalBits&(1<<(maxBits-literalBits)-1))]
			}
			if e&isInvalid != 0 {
				err = errNothing
				break
			}
			if e&isLiteral != 0 {
				hold >>= e & 31
				n -= uint(e & 31)
				win[out] = byte(e >> 16)
				out++
				continue
			}
			if e&isEnd != 0 {
				hold >>= e & 31
				n -= uint(e & 31)
				ended = true
				break
			}
		}
		hold >>= e & 31
		n -= uint(e & 31)
		extra := uint(e>>5) & 31
		length := int(e>>16) + int(hold&(1<<extra-1))
		hold >>= extra
		n -= extra

		d := distance[hold&(1<<distanceBits-1)]
		if d&(isOverflow|isInvalid) != 0 {
			if d&isOverflow != 0 {
				d = z.codes.distance2[int(d>>16)+int(hold>>distanceBits&(1<<(maxBits-distanceBits)-1))]
			}
			if d&isInvalid != 0 {
				err = errNothing
				break
			}
		}
		hold >>= d & 31
		n -= uint(d & 31)
		extra = uint(d>>5) & 31
		back := int(d>>16) + int(hold&(1<<extra-1))
		hold >>= extra
		n -= extra

		from := out - back
		if from < low {
			err = errBefore
			break
		}
		copyMatch(win[from:], win[out:], length, back)
		out += length
	}
	unused := n >> 3
	z.pos, z.out = pos-int(unused), out
	z.n = n & 7
	z.hold = hold & (1<<z.n - 1)
	return ended, err
}

// copyMatch copies in words where source and target are a word apart, and may
// write up to a word beyond the end.
func copyMatch(from, to []byte, length, back int) {
	switch {
	case back >= 8:
		for i := 0; i < length; i += 8 {
			binary.LittleEndian.PutUint64(to[i:], binary.LittleEndian.Uint64(from[i:]))
		}
	case back == 1:
		word := uint64(from[0]) * 0x0101010101010101
		for i := 0; i < length; i += 8 {
			binary.LittleEndian.PutUint64(to[i:], word)
		}
	default:
		for i := range length {
			to[i] = from[i]
		}
	}
}
