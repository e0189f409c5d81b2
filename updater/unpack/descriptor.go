package unpack

import (
	"bytes"
	"math"
)

// maxDescriptor is the longest form of a data descriptor: signature, CRC-32,
// two 64 bit sizes.
const maxDescriptor = 4 + 4 + 8 + 8

// descriptorForms are all forms of a data descriptor, APPNOTE 4.3.9.
var descriptorForms = []struct{ signed, wide bool }{{true, false}, {true, true}, {false, false}, {false, true}}

// readDescriptor reads the data descriptor in the form that says what was
// really read and is followed by a header. At most one form fits: where the
// values of two coincide, one of them is followed by a size, not by a header.
func (z *Zip) readDescriptor(got header) error {
	// The central directory must follow, so that much is always there.
	seen, err := z.in.Peek(maxDescriptor + 4)
	if err != nil {
		return z.in.explain(err, "a data descriptor")
	}
	for _, form := range descriptorForms {
		want := got.descriptor(form.signed, form.wide)
		if want != nil && bytes.HasPrefix(seen, want) && followsEntry(le.Uint32(seen[len(want):])) {
			return z.in.skip(len(want), "a data descriptor")
		}
	}
	return corrupt("entry %q: its data descriptor does not match its data", got.name)
}

// followsEntry reports whether a record with this signature may come after an
// entry. One kind of these is refused later, by name.
func followsEntry(sig uint32) bool {
	return sig == sigLocal || sig == sigCentral || sig == sigArchive
}

// descriptor is what h looks like in one form, nil when it does not fit.
func (h header) descriptor(signed, wide bool) []byte {
	var b []byte
	if signed {
		b = le.AppendUint32(b, sigDescriptor)
	}
	b = le.AppendUint32(b, h.crc)
	switch {
	case wide:
		b = le.AppendUint64(b, uint64(h.packed))
		b = le.AppendUint64(b, uint64(h.size))
	case h.packed > math.MaxUint32 || h.size > math.MaxUint32:
		return nil
	default:
		b = le.AppendUint32(b, uint32(h.packed))
		b = le.AppendUint32(b, uint32(h.size))
	}
	return b
}
