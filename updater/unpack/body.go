package unpack

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"abota/updater/unpack/inflate"
)

// body is the content of the current entry.
type body struct {
	h     header // as the local header had it
	r     io.Reader
	start int64 // offset of the first packed byte
	size  int64 // bytes unpacked so far
	crc   uint32
	done  bool // all of it was read and held
}

func (b *body) described() bool { return b.h.flags&flagDescriptor != 0 }

// knownSize is the unpacked size, or -1. Before a data descriptor zero means
// "see there", any other number is already the size.
func (b *body) knownSize() int64 {
	if b.described() && b.h.size == 0 && !b.isDir() {
		return -1
	}
	return b.h.size
}

func (b *body) isDir() bool { return b.h.name[len(b.h.name)-1] == '/' }

// decoder gives the unpacked bytes of the entry whose data comes next.
func (z *Zip) decoder(h header) io.Reader {
	if h.method == methodStored {
		return io.LimitReader(z.in.Reader, h.packed)
	}
	if z.inflate == nil {
		z.inflate = inflate.NewReader(z.in.Reader)
	} else {
		z.inflate.Reset(z.in.Reader)
	}
	return z.inflate
}

// read unpacks the next bytes, never more than the header's size. Its errors
// are the decoder's.
func (b *body) read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if known := b.knownSize(); known >= 0 && b.size+int64(n) > known {
		return 0, corrupt("entry %q: it unpacks to more than the %d bytes that its header says", b.h.name, known)
	}
	b.crc = crc32.Update(b.crc, crc32.IEEETable, p[:n])
	b.size += int64(n)
	return n, err
}

// explainData tells damaged data from an error of the input.
func (z *Zip) explainData(err error) error {
	name := z.body.h.name
	switch {
	case errors.Is(err, ErrCorrupt):
		return err
	case errors.Is(err, inflate.ErrCorrupt):
		return corrupt("entry %q: %w", name, err)
	}
	return z.in.explain(err, fmt.Sprintf("entry %q", name))
}

// finish compares what was read with what the header or the descriptor says.
// It returns io.EOF when all of it holds.
func (z *Zip) finish() error {
	b := z.body
	got := b.h
	got.crc, got.size, got.packed = b.crc, b.size, z.in.offset()-b.start
	if got.method == methodStored && got.packed < b.h.packed {
		return truncated(fmt.Sprintf("entry %q", got.name))
	}
	if err := b.checkClaims(got); err != nil {
		return err
	}
	if b.described() {
		if err := z.readDescriptor(got); err != nil {
			return err
		}
	}
	z.seen.entries = append(z.seen.entries, got)
	b.done = true
	return io.EOF
}

// checkClaims holds what was read against the local header. Before a data
// descriptor each of its values may be zero instead.
func (b *body) checkClaims(got header) error {
	for _, c := range []struct {
		what           string
		header, actual int64
	}{
		{"packed size", b.h.packed, got.packed},
		{"size", b.h.size, got.size},
		{"CRC-32", int64(b.h.crc), int64(got.crc)},
	} {
		if c.header != c.actual && (c.header != 0 || !b.described()) {
			return corrupt("entry %q: the %s is %d by its local header, %d by its data", b.h.name, c.what, c.header, c.actual)
		}
	}
	return nil
}
