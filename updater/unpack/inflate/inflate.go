// Package inflate decodes DEFLATE streams, and does it faster than the general
// libraries (BenchmarkReader compares them), because unpacking cannot be
// spread over cores and so is what bounds an install.
//
// # Guarantee
//
// [Reader.Read] returns io.EOF only after the block that is marked as the last
// one ended well. It never takes a byte behind the stream: what follows is the
// next that the source gives. Damaged data is [ErrCorrupt], an end of input
// within the stream io.ErrUnexpectedEOF; other errors of the source are
// returned as they are. Errors stay. Memory is constant, about 180 KiB.
//
// # Not guaranteed
//
// DEFLATE has no checksum: most damage decodes to other bytes. The container
// has one.
//
// # Format
//
// RFC 1951. As in the usual decoders, a code must be complete, except that one
// code of one bit may stand alone, and that a block without matches may have
// no distance code at all.
package inflate

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// ErrCorrupt: the data cannot be a DEFLATE stream.
var ErrCorrupt = errors.New("compressed data is damaged")

func corrupt(what string) error { return fmt.Errorf("%w: %s", ErrCorrupt, what) }

const (
	history = 32 << 10  // how far back a match may reach, in bytes
	room    = 128 << 10 // decoded at a time, in bytes
	// slack lets a match be copied in words, beyond its end.
	maxMatch = 258
	slack    = maxMatch + 8
)

// phase is what the next bits are.
type phase uint8

const (
	atHeader phase = iota // of a block
	inStored              // bytes as they are
	inCodes               // literals and matches
)

// Reader decodes one stream.
type Reader struct {
	src *bufio.Reader
	err error // sticky

	// Between two calls of fill, in is empty and hold has less than a byte.
	in   []byte // peeked from src
	pos  int    // used of in
	hold uint64 // bits that were taken from in, the next one lowest
	n    uint   // how many

	phase  phase
	last   bool // this block is the last
	stored int  // bytes left of a stored block
	codes  codes

	// win is the history, then what was decoded. Bytes from low on are part
	// of the stream, those from given to out wait to be read.
	win             [history + room + slack]byte
	low, given, out int
}

// NewReader decodes the stream that src gives next.
func NewReader(src *bufio.Reader) *Reader {
	z := new(Reader)
	z.Reset(src)
	return z
}

// Reset starts over with another stream.
func (z *Reader) Reset(src *bufio.Reader) {
	z.src, z.err = src, nil
	z.in, z.pos, z.hold, z.n = nil, 0, 0, 0
	z.phase, z.last, z.stored = atHeader, false, 0
	z.low, z.given, z.out = history, history, history
}

// Read gives the next decoded bytes.
func (z *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if z.given == z.out {
		if z.err == nil {
			z.err = z.fill()
		}
		if z.given == z.out {
			return 0, z.err
		}
	}
	n := copy(p, z.win[z.given:z.out])
	z.given += n
	return n, nil
}

// fill decodes until the room is full. With an error there may be bytes.
func (z *Reader) fill() error {
	moved := z.out - history
	copy(z.win[:history], z.win[moved:z.out])
	z.low = max(0, z.low-moved)
	z.given, z.out = history, history
	var err error
	for err == nil && z.out < history+room {
		switch z.phase {
		case atHeader:
			err = z.header()
		case inStored:
			err = z.copyStored()
		case inCodes:
			err = z.decode()
		}
	}
	z.giveBack()
	return err
}

// giveBack leaves in the source what was not used.
func (z *Reader) giveBack() {
	_, _ = z.src.Discard(z.pos) // it was peeked, so it is there
	z.in, z.pos = nil, 0
}

// more makes at least one byte of input available.
func (z *Reader) more() error {
	z.giveBack()
	if _, err := z.src.Peek(1); err != nil {
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	z.in, _ = z.src.Peek(z.src.Buffered())
	return nil
}

// need takes bytes until hold has n bits, and not one byte more.
func (z *Reader) need(n uint) error {
	for z.n < n {
		if z.pos == len(z.in) {
			if err := z.more(); err != nil {
				return err
			}
		}
		z.hold |= uint64(z.in[z.pos]) << (z.n & 63)
		z.pos++
		z.n += 8
	}
	return nil
}

// drop removes n bits, which must be there.
func (z *Reader) drop(n uint) {
	z.hold >>= n & 63
	z.n -= n
}

// bits takes the next n bits as a number.
func (z *Reader) bits(n uint) (int, error) {
	if err := z.need(n); err != nil {
		return 0, err
	}
	v := z.hold & (1<<(n&63) - 1)
	z.drop(n)
	return int(v), nil
}

// endBlock goes on to the next block, or ends the stream.
func (z *Reader) endBlock() error {
	z.phase = atHeader
	if z.last {
		return io.EOF
	}
	return nil
}

// copyStored takes bytes as they are.
func (z *Reader) copyStored() error {
	for z.stored > 0 && z.out < history+room {
		if z.pos == len(z.in) {
			if err := z.more(); err != nil {
				return err
			}
		}
		n := copy(z.win[z.out:z.out+min(z.stored, history+room-z.out)], z.in[z.pos:])
		z.pos += n
		z.out += n
		z.stored -= n
	}
	if z.stored > 0 {
		return nil
	}
	return z.endBlock()
}
