package unpack

import (
	"encoding/binary"
	"math"
)

// Extra fields (APPNOTE 4.5) that matter here.
const (
	extraZip64       = 0x0001
	extraTime        = 0x5455
	extraUnicodeName = 0x7075
)

// timeHasModified is the bit of an extraTime field's first byte that
// announces the modification time.
const timeHasModified = 1

// extras are the fields of interest of one header. A nil slice is absent.
type extras struct {
	zip64    []byte
	modified *int32 // seconds since 1970
}

// parseExtras splits a header's extra data. The result points into data.
func parseExtras(data []byte, name string) (extras, error) {
	var x extras
	for len(data) > 0 {
		if len(data) < 4 {
			return x, corrupt("entry %q: its extra data ends within a field", name)
		}
		id, size := le.Uint16(data), int(le.Uint16(data[2:]))
		if data = data[4:]; size > len(data) {
			return x, corrupt("entry %q: extra field %#04x overruns its header", name, id)
		}
		if err := x.take(id, data[:size:size], name); err != nil {
			return x, err
		}
		data = data[size:]
	}
	return x, nil
}

func (x *extras) take(id uint16, field []byte, name string) error {
	switch id {
	case extraZip64:
		if x.zip64 != nil {
			return corrupt("entry %q: two zip64 extra fields", name)
		}
		x.zip64 = field
	case extraTime:
		return x.takeTime(field, name)
	case extraUnicodeName:
		return refuse("entry %q: a second name in extra field %#04x: pack it again with UTF-8 names", name, id)
	}
	return nil
}

func (x *extras) takeTime(field []byte, name string) error {
	switch {
	case x.modified != nil:
		return corrupt("entry %q: two time extra fields", name)
	case len(field) == 0 || field[0]&timeHasModified == 0:
		return nil
	case len(field) < 5:
		return corrupt("entry %q: its time extra field is too short", name)
	}
	t := int32(le.Uint32(field[1:]))
	x.modified = &t
	return nil
}

// wide replaces a 32 bit value that says "see zip64" by the next 64 bit value
// of the zip64 field, which is consumed.
func (x *extras) wide(v uint32, name string) (int64, error) {
	if v != math.MaxUint32 {
		return int64(v), nil
	}
	if len(x.zip64) < 8 {
		return 0, corrupt("entry %q: its zip64 extra field is missing or too short", name)
	}
	w := le.Uint64(x.zip64)
	x.zip64 = x.zip64[8:]
	if w > math.MaxInt64 {
		return 0, corrupt("entry %q: impossible size or offset %d", name, w)
	}
	return int64(w), nil
}

var le = binary.LittleEndian
