package sdboot

import (
	"encoding/binary"
	"path"
	"strings"
	"unicode/utf16"

	"abota/bootctl"
)

// vendor is who the loader's variables belong to, in their names in efivarfs.
const vendor = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

// The loader's variables. The first two say what it started: the path of a
// counted entry, after it was renamed, and the name of any, before. The others
// override what the entries say: always, and once.
const (
	VarBootCountPath = "LoaderBootCountPath" + vendor
	VarEntrySelected = "LoaderEntrySelected" + vendor
	VarEntryDefault  = "LoaderEntryDefault" + vendor
	VarEntryOneShot  = "LoaderEntryOneShot" + vendor
)

// Booted is the slot whose counted entry the loader started, from the content
// of its variable LoaderBootCountPath (UTF-16LE, without the attributes that
// efivarfs puts in front). It reports false when the path is not one of ours.
func Booted(variable []byte) (bootctl.Slot, bool) {
	full := strings.ToLower(strings.ReplaceAll(Text(variable), `\`, "/"))
	n, ok := parseName(path.Base(full))
	return n.slot, ok && n.counted && path.Dir(full) == "/loader/entries"
}

// Selected is the slot whose entry the loader started, counted or not, from its
// variable LoaderEntrySelected.
func Selected(variable []byte) (bootctl.Slot, bool) {
	n, ok := parseName(Text(variable))
	return n.slot, ok
}

// Text is the content of one of the loader's variables.
func Text(variable []byte) string {
	var units []uint16
	for ; len(variable) >= 2; variable = variable[2:] {
		units = append(units, binary.LittleEndian.Uint16(variable))
	}
	return strings.TrimRight(string(utf16.Decode(units)), "\x00")
}
