package efi

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// guidText is the length of a GUID as text, guidSize in bytes.
const (
	guidText = 36
	guidSize = 16
)

// encodeGUID is a GUID as EFI stores it: the first three groups little-endian.
func encodeGUID(text string) ([]byte, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != guidSize || len(text) != guidText || decodeGUID(swapGUID(b)) != strings.ToLower(text) {
		return nil, fmt.Errorf("%q is no GUID: it looks like 8be4df61-93ca-11d2-aa0d-00e098032b8c", text)
	}
	return swapGUID(b), nil
}

func decodeGUID(stored []byte) string {
	b := swapGUID(stored)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// swapGUID turns the order of bytes as text has it into the one that is
// stored, and back.
func swapGUID(b []byte) []byte {
	out := binary.LittleEndian.AppendUint32(nil, binary.BigEndian.Uint32(b))
	out = binary.LittleEndian.AppendUint16(out, binary.BigEndian.Uint16(b[4:]))
	out = binary.LittleEndian.AppendUint16(out, binary.BigEndian.Uint16(b[6:]))
	return append(out, b[8:guidSize]...)
}
