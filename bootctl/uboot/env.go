package uboot

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"abota/bootctl/dialect"
)

// headerSize is the CRC and the serial number in front of the data of one of two
// copies, singleHeader the CRC alone in front of that of a single one.
const (
	headerSize   = 5
	singleHeader = 4
)

// environment is the data of one copy: its entries as they lie there, without
// the NUL that ends each, odd ones included.
type environment []string

// parseEnvironment splits data into entries. The first empty entry ends it;
// what follows is padding of any kind.
func parseEnvironment(data []byte) environment {
	var env environment
	for len(data) > 0 && data[0] != 0 {
		entry, rest, _ := bytes.Cut(data, []byte{0})
		env = append(env, string(entry))
		data = rest
	}
	return env
}

// split takes an entry apart as U-Boot's import does: blanks before the name
// do not count, '#' begins a comment, and the name ends at the first '='. A
// comment has no name.
func split(entry string) (name, value string) {
	entry = strings.TrimLeft(entry, " \t")
	if strings.HasPrefix(entry, "#") {
		return "", ""
	}
	name, value, _ = strings.Cut(entry, "=")
	return name, value
}

// get is the value that U-Boot would see: the last entry of that name counts,
// and one without a value removes the variable, so that absent is empty.
func (env environment) get(name string) (value string) {
	for _, entry := range env {
		if n, v := split(entry); n == name {
			value = v
		}
	}
	return value
}

// with puts these variables first, so that they lie in the first sector, and
// keeps all others byte for byte in their order. One without a value is absent.
func (env environment) with(own []dialect.Variable) environment {
	var next environment
	for _, v := range own {
		if v.Value != "" {
			next = append(next, v.Name+"="+v.Value)
		}
	}
	for _, entry := range env {
		name, _ := split(entry)
		if !slices.ContainsFunc(own, func(v dialect.Variable) bool { return v.Name == name }) {
			next = append(next, entry)
		}
	}
	return next
}

// encode makes one of two copies, of size bytes.
func (env environment) encode(size int, serial byte) ([]byte, error) {
	b, err := env.behind(headerSize, size)
	if err == nil {
		b[4] = serial
	}
	return b, err
}

// behind makes a copy of size bytes whose data begins behind a header of this
// many.
func (env environment) behind(header, size int) ([]byte, error) {
	used := header + 1
	for _, entry := range env {
		used += len(entry) + 1
	}
	if used > size {
		return nil, fmt.Errorf("cannot store the boot table because the U-Boot environment is full (%d of %d bytes): remove variables with fw_setenv", used, size)
	}
	b := make([]byte, header, size)
	for _, entry := range env {
		b = append(append(b, entry...), 0)
	}
	b = b[:size]
	binary.LittleEndian.PutUint32(b, crc32.ChecksumIEEE(b[header:]))
	return b, nil
}

// decode takes one of two copies apart. It reports false when the CRC does not
// hold.
func decode(b []byte) (env environment, serial byte, ok bool) {
	if !holds(b, headerSize) {
		return nil, 0, false
	}
	return parseEnvironment(b[headerSize:]), b[4], true
}

// decodeSingle takes a single copy apart.
func decodeSingle(b []byte) (env environment, ok bool) {
	if !holds(b, singleHeader) {
		return nil, false
	}
	return parseEnvironment(b[singleHeader:]), true
}

// holds reports whether the CRC is that of what lies behind the header.
func holds(b []byte, header int) bool {
	return len(b) > header && binary.LittleEndian.Uint32(b) == crc32.ChecksumIEEE(b[header:])
}

// secondIsNewer compares the serial numbers of two valid copies by U-Boot's
// own rule: the greater one is newer, but 0 follows 255.
func secondIsNewer(first, second byte) bool {
	switch {
	case first == 255 && second == 0:
		return true
	case first == 0 && second == 255:
		return false
	}
	return second > first
}
