package unpack

import (
	"bytes"
	"hash/crc32"
	"testing"

	"github.com/klauspost/compress/flate"
)

// record is a local header or a central record as it will be written.
type record struct {
	needed, flags, method, time, date uint16
	crc, packed, size                 uint32
	name                              string
	extra                             []byte
	comment                           string
	disk                              uint16
	offset                            uint32
}

// item is one entry of a hand-made archive. The hooks change what is written
// after everything was made consistent.
type item struct {
	name       string
	data       string
	method     uint16
	flags      uint16
	body       []byte // instead of the packed data
	descriptor func(record) []byte
	before     []byte
	local      func(*record)
	central    func(*record)
}

// endRecord is the end record as it will be written.
type endRecord struct {
	disk, startDisk, entries, total uint16
	size, start                     uint32
	comment                         string
	commentLen                      uint16
}

// recipe is a hand-made archive. The zero hooks make a valid one.
type recipe struct {
	leading   []byte
	items     []item
	beforeCD  []byte
	order     []int // of the central records, when not as the items
	beforeEnd func(cdStart, cdSize int, count int) []byte
	end       func(*endRecord)
	trailing  []byte
}

func (r recipe) build(t testing.TB) []byte {
	t.Helper()
	out := bytes.Clone(r.leading)
	central := make([]record, len(r.items))
	for i, it := range r.items {
		out, central[i] = it.appendLocal(t, out)
	}
	out = append(out, r.beforeCD...)
	start := len(out)
	order := r.order
	if order == nil {
		for i := range central {
			order = append(order, i)
		}
	}
	for _, i := range order {
		out = central[i].appendCentral(out)
	}
	size := len(out) - start
	if r.beforeEnd != nil {
		out = append(out, r.beforeEnd(start, size, len(order))...)
	}
	end := endRecord{entries: uint16(len(order)), total: uint16(len(order)), size: uint32(size), start: uint32(start)}
	if r.end != nil {
		r.end(&end)
	}
	return append(end.append(out), r.trailing...)
}

func (it item) appendLocal(t testing.TB, out []byte) ([]byte, record) {
	packed := it.body
	if packed == nil {
		packed = pack(t, it.method, it.data)
	}
	out = append(out, it.before...)
	rec := record{
		needed: 20, flags: it.flags, method: it.method, time: 0x6000, date: 0x5a21,
		crc: crc32.ChecksumIEEE([]byte(it.data)), packed: uint32(len(packed)), size: uint32(len(it.data)),
		name: it.name, offset: uint32(len(out)),
	}
	local := rec
	if it.flags&flagDescriptor != 0 {
		local.crc, local.packed, local.size = 0, 0, 0
	}
	if it.local != nil {
		it.local(&local)
	}
	out = append(local.appendLocal(out), packed...)
	if it.descriptor != nil {
		out = append(out, it.descriptor(rec)...)
	}
	if it.central != nil {
		it.central(&rec)
	}
	return out, rec
}

func pack(t testing.TB, method uint16, data string) []byte {
	if method != methodDeflate {
		return []byte(data)
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (r record) appendLocal(b []byte) []byte {
	b = le.AppendUint32(b, sigLocal)
	b = r.appendShared(b)
	b = append(b, r.name...)
	return append(b, r.extra...)
}

// appendShared is what both headers have in the same order.
func (r record) appendShared(b []byte) []byte {
	for _, v := range []uint16{r.needed, r.flags, r.method, r.time, r.date} {
		b = le.AppendUint16(b, v)
	}
	for _, v := range []uint32{r.crc, r.packed, r.size} {
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint16(b, uint16(len(r.name)))
	return le.AppendUint16(b, uint16(len(r.extra)))
}

func (r record) appendCentral(b []byte) []byte {
	b = le.AppendUint32(b, sigCentral)
	b = le.AppendUint16(b, 0x0314)
	b = r.appendShared(b)
	b = le.AppendUint16(b, uint16(len(r.comment)))
	b = le.AppendUint16(b, r.disk)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, 0o100644<<16)
	b = le.AppendUint32(b, r.offset)
	b = append(b, r.name...)
	b = append(b, r.extra...)
	return append(b, r.comment...)
}

func (e endRecord) append(b []byte) []byte {
	b = le.AppendUint32(b, sigEnd)
	for _, v := range []uint16{e.disk, e.startDisk, e.entries, e.total} {
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(b, e.size)
	b = le.AppendUint32(b, e.start)
	b = le.AppendUint16(b, uint16(len(e.comment))+e.commentLen)
	return append(b, e.comment...)
}

// zip64Ends makes a zip64 end record and its locator, changed by hook.
func zip64Ends(hook func(end, locator []byte)) func(start, size, count int) []byte {
	return func(start, size, count int) []byte {
		end := le.AppendUint32(nil, sigEnd64)
		end = le.AppendUint64(end, end64Size-8)
		end = le.AppendUint16(end, maxVersion)
		end = le.AppendUint16(end, maxVersion)
		end = le.AppendUint64(end, 0)
		for _, v := range []int{count, count, size, start} {
			end = le.AppendUint64(end, uint64(v))
		}
		locator := le.AppendUint32(nil, sigLocator64)
		locator = le.AppendUint32(locator, 0)
		locator = le.AppendUint64(locator, uint64(start+size))
		locator = le.AppendUint32(locator, 1)
		if hook != nil {
			hook(end, locator)
		}
		return append(end, locator...)
	}
}

func extraField(id uint16, data []byte) []byte {
	b := le.AppendUint16(nil, id)
	b = le.AppendUint16(b, uint16(len(data)))
	return append(b, data...)
}

func u64s(values ...uint64) []byte {
	var b []byte
	for _, v := range values {
		b = le.AppendUint64(b, v)
	}
	return b
}

func descriptor(signed, wide bool) func(record) []byte {
	return func(r record) []byte {
		h := header{crc: r.crc, packed: int64(r.packed), size: int64(r.size)}
		return h.descriptor(signed, wide)
	}
}
