package unpack

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func one(it item) recipe { return recipe{items: []item{it}} }

func both(it item, change func(*record)) recipe {
	it.local, it.central = change, change
	return one(it)
}

func named(name string) recipe { return one(item{name: name, data: "x", flags: flagUTF8}) }

func hostileNames() map[string]recipe {
	rs := map[string]recipe{}
	for _, n := range []string{
		"", "/", "/etc/passwd", "../up", "a/../../b", "a/..", "..", ".", "./a", "a/./b", "a//b", "a//", "nul\x00", `back\slash`, `C:\x`, "\xff\xfe",
	} {
		rs[fmt.Sprintf("name %q", n)] = named(n)
	}
	rs["name without UTF-8 flag"] = one(item{name: "grüße"})
	return rs
}

func TestRefusesWhatItDoesNotAccept(t *testing.T) {
	plain := item{name: "a", data: "hello"}
	desc := described("hello hello hello", true, false)
	cases := hostileNames()
	for name, r := range map[string]recipe{
		"stored with descriptor":  one(item{name: "a", data: "x", flags: flagDescriptor, descriptor: descriptor(true, false)}),
		"leading junk":            {leading: []byte("#!/bin/sh\n"), items: []item{plain}},
		"leading junk, one byte":  {leading: []byte{0}, items: []item{plain}},
		"encrypted":               one(item{name: "a", data: "x", flags: flagEncrypted}),
		"strongly encrypted":      one(item{name: "a", data: "x", flags: flagEncrypted | flagStrong}),
		"AES":                     one(item{name: "a", data: "x", method: methodAES}),
		"masked header":           one(item{name: "a", data: "x", flags: flagMasked}),
		"patch data":              one(item{name: "a", data: "x", flags: flagPatch}),
		"unknown flag":            one(item{name: "a", data: "x", flags: 1 << 7}),
		"bzip2":                   one(item{name: "a", data: "x", method: 12}),
		"zstd":                    one(item{name: "a", data: "x", method: 93}),
		"unknown method":          one(item{name: "a", data: "x", method: 77}),
		"newer version":           both(plain, func(r *record) { r.needed = 63 }),
		"duplicate name":          {items: []item{plain, {name: "b"}, plain}},
		"file and directory":      {items: []item{{name: "a"}, {name: "a/"}}},
		"directory with content":  one(item{name: "a/", data: "x"}),
		"second name":             one(item{name: "a", local: addExtra(extraField(extraUnicodeName, []byte("b")))}),
		"second name, central":    one(item{name: "a", central: addExtra(extraField(extraUnicodeName, []byte("b")))}),
		"split: entry on disk 1":  one(item{name: "a", central: func(r *record) { r.disk = 1 }}),
		"split: end on disk 1":    {items: []item{plain}, end: func(e *endRecord) { e.disk = 1 }},
		"split: start on disk 1":  {items: []item{plain}, end: func(e *endRecord) { e.startDisk = 1 }},
		"split: marker":           {leading: le.AppendUint32(nil, sigSplit), items: []item{plain}},
		"split: spanning marker":  {leading: le.AppendUint32(nil, sigDescriptor), items: []item{plain}},
		"archive extra data":      {items: []item{plain}, beforeCD: le.AppendUint32(nil, sigArchive)},
		"archive extra, desc":     {items: []item{desc}, beforeCD: le.AppendUint32(nil, sigArchive)},
		"digital signature":       {items: []item{plain}, beforeEnd: func(int, int, int) []byte { return le.AppendUint32(nil, sigDigital) }},
		"zip64 end, longer":       {items: []item{plain}, beforeEnd: zip64Ends(func(e, _ []byte) { e[4]++ })},
		"zip64 end, newer":        {items: []item{plain}, beforeEnd: zip64Ends(func(e, _ []byte) { e[14] = 63 })},
		"zip64 end, disk":         {items: []item{plain}, beforeEnd: zip64Ends(func(e, _ []byte) { e[16] = 1 })},
		"zip64 locator, disk":     {items: []item{plain}, beforeEnd: zip64Ends(func(_, l []byte) { l[4] = 1 })},
		"zip64 locator, 2 disks":  {items: []item{plain}, beforeEnd: zip64Ends(func(_, l []byte) { l[16] = 2 })},
		"name too long":           named(strings.Repeat("x", maxName+1)),
		"names of more than 4 MB": {items: longNames(MaxNameBytes/4000 + 1)},
	} {
		cases[name] = r
	}
	wantAll(t, cases, ErrRefused)
}

func longNames(n int) []item {
	items := make([]item, n)
	for i := range items {
		items[i].name = fmt.Sprintf("%04000d", i)
	}
	return items
}

func TestTakesContradictionsForDamage(t *testing.T) {
	plain := item{name: "a", data: "hello"}
	desc := described("hello hello hello", true, false)
	cases := map[string]recipe{
		"gap between entries":     {items: []item{plain, {name: "b", before: []byte("junk")}}},
		"gap before directory":    {items: []item{plain}, beforeCD: []byte("some junk")},
		"gap before end":          {items: []item{plain}, beforeEnd: func(int, int, int) []byte { return []byte("some junk") }},
		"trailing byte":           {items: []item{plain}, trailing: []byte{0}},
		"trailing archive":        {items: []item{plain}, trailing: recipe{items: []item{plain}}.build(t)},
		"comment longer than is":  {items: []item{plain}, end: func(e *endRecord) { e.commentLen = 1 }},
		"comment shorter than is": {items: []item{plain}, end: func(e *endRecord) { e.comment, e.commentLen = "ab", 0xffff }},
		"record missing":          {items: []item{plain, {name: "b"}}, order: []int{0}},
		"record twice":            {items: []item{plain}, order: []int{0, 0}},
		"other order":             {items: []item{plain, {name: "b"}}, order: []int{1, 0}},
		"no entries, a record":    {beforeCD: record{name: "a"}.appendCentral(nil)},
		"count":                   {items: []item{plain}, end: func(e *endRecord) { e.total++ }},
		"count on disk":           {items: []item{plain}, end: func(e *endRecord) { e.entries++ }},
		"directory size":          {items: []item{plain}, end: func(e *endRecord) { e.size++ }},
		"directory offset":        {items: []item{plain}, end: func(e *endRecord) { e.start-- }},
		"see zip64, none there":   {items: []item{plain}, end: func(e *endRecord) { e.size = 1<<32 - 1 }},
		"zip64 count":             {items: []item{plain}, beforeEnd: zip64Ends(func(e, _ []byte) { e[24]++ })},
		"zip64 total":             {items: []item{plain}, beforeEnd: zip64Ends(func(e, _ []byte) { e[32]++ })},
		"zip64 size":              {items: []item{plain}, beforeEnd: zip64Ends(func(e, _ []byte) { e[40]++ })},
		"zip64 start":             {items: []item{plain}, beforeEnd: zip64Ends(func(e, _ []byte) { e[48]++ })},
		"zip64 locator offset":    {items: []item{plain}, beforeEnd: zip64Ends(func(_, l []byte) { l[8]++ })},
		"zip64 locator missing":   {items: []item{plain}, beforeEnd: func(s, n, c int) []byte { return zip64Ends(nil)(s, n, c)[:56] }},
		"zip64 and end differ":    {items: []item{plain}, beforeEnd: zip64Ends(nil), end: func(e *endRecord) { e.total++ }},
		"deflate, bytes behind":   one(item{name: "a", data: "x", method: methodDeflate, body: append(pack(t, methodDeflate, "x"), 0)}),
		"deflate, wrong data":     one(item{name: "a", data: "x", method: methodDeflate, body: []byte{7, 0, 0}}),
		"descriptor CRC":          descriptorWith(desc, 4),
		"descriptor packed":       descriptorWith(desc, 8),
		"descriptor size":         descriptorWith(desc, 12),
		"descriptor missing":      one(item{name: "a", data: "x", method: methodDeflate, flags: flagDescriptor}),
		"hint that is wrong":      one(changed(desc, func(r *record) { r.size = 5 })),
		"hint that is too big":    one(changed(desc, func(r *record) { r.size = 500 })),
		"hint of CRC":             one(changed(desc, func(r *record) { r.crc = 5 })),
		"directory that unpacks":  one(item{name: "d/", data: "x", method: methodDeflate, flags: flagDescriptor, descriptor: descriptor(true, false)}),
		"stored, sizes differ":    both(plain, func(r *record) { r.size++ }),
		"smaller than said":       both(item{name: "a", data: "hello", method: methodDeflate}, func(r *record) { r.size++ }),
		"bigger than said":        both(item{name: "a", data: "hello", method: methodDeflate}, func(r *record) { r.size-- }),
		"CRC":                     both(plain, func(r *record) { r.crc++ }),
		"zip64 missing":           both(plain, func(r *record) { r.size = 1<<32 - 1 }),
		"zip64 short":             both(plain, func(r *record) { r.extra = extraField(extraZip64, make([]byte, 15)) }),
		"zip64 other size":        one(changed(plain, func(r *record) { r.extra = extraField(extraZip64, u64s(6, 5)) })),
		"zip64 other packed":      one(changed(plain, func(r *record) { r.extra = extraField(extraZip64, u64s(5, 6)) })),
		"zip64 unasked, central":  one(item{name: "a", central: addExtra(extraField(extraZip64, u64s(5)))}),
		"zip64 other offset":      one(zip64Central("hello", 1)),
		"zip64 huge":              one(changed(plain, hugeSizes)),
		"zip64 twice":             one(changed(plain, func(r *record) { r.extra = append(extraField(extraZip64, nil), extraField(extraZip64, nil)...) })),
		"time twice":              one(changed(plain, func(r *record) { r.extra = append(stamp(1), stamp(2)...) })),
		"time short":              one(changed(plain, addExtra(extraField(extraTime, []byte{1, 2})))),
		"extra overruns":          one(changed(plain, addExtra([]byte{1, 2, 3, 0}))),
		"extra ends in a field":   one(changed(plain, addExtra([]byte{1, 2, 3}))),
	}
	for what, change := range map[string]func(*record){
		"name":         func(r *record) { r.name = "b" },
		"flags":        func(r *record) { r.flags ^= flagLevel },
		"UTF-8 flag":   func(r *record) { r.flags ^= flagUTF8 },
		"method":       func(r *record) { r.method = methodDeflate },
		"CRC-32":       func(r *record) { r.crc++ },
		"packed size":  func(r *record) { r.packed++ },
		"size":         func(r *record) { r.size++ },
		"offset":       func(r *record) { r.offset++ },
		"date":         func(r *record) { r.date++ },
		"time":         func(r *record) { r.time++ },
		"version":      func(r *record) { r.needed-- },
		"extra time":   addExtra(stamp(1)),
		"encryption":   func(r *record) { r.flags |= flagEncrypted },
		"case of name": func(r *record) { r.name = "A" },
	} {
		cases["central "+what] = one(item{name: "a", data: "hello", central: change})
	}
	wantAll(t, cases, ErrCorrupt)
}

func stamp(b byte) []byte { return extraField(extraTime, []byte{1, b, 0, 0, 0}) }

func hugeSizes(r *record) {
	r.extra = extraField(extraZip64, u64s(1<<63, 1<<63))
	r.size, r.packed = 1<<32-1, 1<<32-1
}

func changed(it item, local func(*record)) item {
	it.local = local
	return it
}

// descriptorWith changes one byte of the descriptor.
func descriptorWith(it item, at int) recipe {
	it.descriptor = func(r record) []byte {
		b := descriptor(true, false)(r)
		b[at]++
		return b
	}
	return one(it)
}

// wantAll wants every archive to end in this category, with a line that a
// person can read.
func wantAll(t *testing.T, cases map[string]recipe, category error) {
	t.Helper()
	for name, r := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := readAll(bytes.NewReader(r.build(t)))
			if !errors.Is(err, category) {
				t.Fatalf("got %v, want %v", err, category)
			}
			if errors.Is(err, ErrCorrupt) && errors.Is(err, ErrRefused) {
				t.Errorf("both categories: %v", err)
			}
			t.Log(err)
			if line := err.Error(); strings.ContainsAny(line, "\n\x00") || len(line) > 5000 {
				t.Errorf("not a line: %q", line)
			}
		})
	}
}

func TestRefusesTooManyEntries(t *testing.T) {
	var b []byte
	for i := range MaxEntries + 1 {
		b = record{needed: 20, name: fmt.Sprint(i)}.appendLocal(b)
	}
	if _, err := readAll(bytes.NewReader(b)); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}
