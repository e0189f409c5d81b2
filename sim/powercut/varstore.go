package powercut

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"
)

// The store of variables that EDK II keeps in flash: a firmware volume, in it
// the head of a store, and then variables one behind the other, aligned to four
// bytes. A variable is written in four steps, each a change of ones to zeros:
// its head, the state "head valid", name and data, and the state "added". One
// that takes its place is added before the former is marked as deleted.
//
// Sources: EDK II, MdeModulePkg/Include/Guid/VariableFormat.h, and
// MdeModulePkg/Universal/Variable/RuntimeDxe (FindVariableEx, UpdateVariable).
// Not read: a store that firmware was clearing up when the power went (its fault
// tolerant write), which a story does not come to.
const (
	volumeSignature  = "_FVH"
	volumeSignedAt   = 40
	volumeHeadSizeAt = 48

	storeHeadSize = 28
	storeSizeAt   = 16

	variableStart    = 0x55aa
	variableHeadSize = 60

	// The states, each a bit that is cleared.
	stateAdded   = 0x3f
	stateLeaving = 0x3e // added, and about to be replaced
)

// storeGUID is gEfiAuthenticatedVariableGuid, as it lies there.
var storeGUID = []byte{0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92}

var errNoVarstore = errors.New("the flash holds no store of EFI variables")

// efiVariable is one of them.
type efiVariable struct {
	attributes uint32
	data       []byte
}

// parseVarstore reads all variables of the flash, by the name that efivarfs shows:
// "BootOrder-8be4…".
func parseVarstore(flash []byte) (map[string]efiVariable, error) {
	if len(flash) < volumeHeadSizeAt+2 || string(flash[volumeSignedAt:volumeSignedAt+4]) != volumeSignature {
		return nil, errNoVarstore
	}
	at := int(binary.LittleEndian.Uint16(flash[volumeHeadSizeAt:]))
	if len(flash) < at+storeHeadSize || !bytes.Equal(flash[at:at+len(storeGUID)], storeGUID) {
		return nil, errNoVarstore
	}
	size := int(binary.LittleEndian.Uint32(flash[at+storeSizeAt:]))
	if size < storeHeadSize || size > len(flash)-at {
		return nil, errNoVarstore
	}
	store := flash[at : at+size]
	found, leaving := map[string]efiVariable{}, map[string]efiVariable{}
	for at := storeHeadSize; ; {
		name, v, state, next := variableAt(store, at)
		if next == 0 {
			break
		}
		switch state {
		case stateAdded:
			found[name] = v
		case stateLeaving:
			leaving[name] = v
		}
		at = next
	}
	for name, v := range leaving {
		if _, replaced := found[name]; !replaced {
			found[name] = v
		}
	}
	return found, nil
}

// variableAt reads one variable, and says where the next one begins; 0 when there
// is none here.
func variableAt(store []byte, at int) (name string, v efiVariable, state byte, next int) {
	if at+variableHeadSize > len(store) || binary.LittleEndian.Uint16(store[at:]) != variableStart {
		return "", v, 0, 0
	}
	head := store[at : at+variableHeadSize]
	state, v.attributes = head[2], binary.LittleEndian.Uint32(head[4:])
	nameSize, dataSize := int64(binary.LittleEndian.Uint32(head[36:])), int64(binary.LittleEndian.Uint32(head[40:]))
	end := int64(at) + variableHeadSize + nameSize + dataSize
	if end > int64(len(store)) || nameSize < 2 || nameSize%2 != 0 {
		return "", v, 0, 0
	}
	text := store[at+variableHeadSize:][:nameSize]
	v.data = store[at+variableHeadSize+int(nameSize):][:dataSize]
	units := make([]uint16, nameSize/2-1)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(text[2*i:])
	}
	return string(utf16.Decode(units)) + "-" + guidText(head[44:]), v, state, int(end+3) &^ 3
}

// guidText writes a GUID as efivarfs does. Its first three groups are
// little-endian.
func guidText(g []byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(g), binary.LittleEndian.Uint16(g[4:]), binary.LittleEndian.Uint16(g[6:]), g[8:10], g[10:16])
}
