package efi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// Attributes of a load option.
const (
	// Active lets the boot manager start the option by itself.
	Active = 0x00000001
	// Hidden keeps it out of the firmware's menu.
	Hidden = 0x00000008
)

// LoadOption is an EFI_LOAD_OPTION, the content of a Boot#### variable.
type LoadOption struct {
	Attributes uint32
	// Label is the description that the firmware's menu and efibootmgr show.
	Label string
	// Path is the device path list, end node included, as it lies there.
	Path []byte
	// Data is what the program is handed, for a kernel its command line in
	// UTF-16LE (see CommandLine).
	Data []byte
}

// Types of device path nodes, see the UEFI specification, "Device Path
// Protocol".
const (
	typeMedia        = 0x04
	subTypeHardDrive = 0x01
	subTypeFilePath  = 0x04
	typeEnd          = 0x7f
	subTypeEndEntire = 0xff

	nodeHeader      = 4
	hardDriveLength = 42
	formatGPT       = 0x02
	signatureGUID   = 0x02
	optionHeader    = 6
	maxOption       = 1 << 16
	maxLabelUnits   = 1 << 10
	maxPathUnits    = 1 << 12
)

var errNoEnd = errors.New("its text has no end")

// ParseLoadOption takes the content of a Boot#### variable apart. What it
// returns encodes to the same bytes.
func ParseLoadOption(b []byte) (LoadOption, error) {
	if len(b) < optionHeader {
		return LoadOption{}, fmt.Errorf("a load option of %d bytes is too short", len(b))
	}
	o := LoadOption{Attributes: binary.LittleEndian.Uint32(b)}
	length := int(binary.LittleEndian.Uint16(b[4:]))
	label, rest, err := cutUTF16(b[optionHeader:])
	if err != nil {
		return LoadOption{}, fmt.Errorf("a load option whose label cannot be read: %w", err)
	}
	if len(rest) < length {
		return LoadOption{}, fmt.Errorf("a load option whose device path of %d bytes ends after %d", length, len(rest))
	}
	o.Label = label
	o.Path, o.Data = slices.Clone(rest[:length]), slices.Clone(rest[length:])
	return o, nil
}

// Encode is the content of a Boot#### variable.
func (o LoadOption) Encode() ([]byte, error) {
	switch {
	case strings.ContainsRune(o.Label, 0):
		return nil, fmt.Errorf("cannot write the load option %q because its label holds a NUL", o.Label)
	case len(utf16.Encode([]rune(o.Label))) > maxLabelUnits:
		return nil, fmt.Errorf("cannot write the load option %.20q… because its label is longer than %d characters", o.Label, maxLabelUnits)
	case len(o.Path) > 0xffff || len(o.Path)+len(o.Data) > maxOption:
		return nil, fmt.Errorf("cannot write the load option %q because its %d bytes are more than firmware takes (%d)", o.Label, len(o.Path)+len(o.Data), maxOption)
	}
	b := binary.LittleEndian.AppendUint32(nil, o.Attributes)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(o.Path)))
	b = append(b, encodeUTF16(o.Label)...)
	b = append(b, o.Path...)
	return append(b, o.Data...), nil
}

// Partition is the GPT partition that a load option's file lies on. Firmware
// finds it by GUID; the numbers are for display and must be right for some.
type Partition struct {
	Number uint32
	// Start and Size in sectors of the disk.
	Start, Size uint64
	// GUID of the partition, as text.
	GUID string
}

// NewLoadOption is an active option that starts a file, for a kernel with EFI
// stub with its command line. file is its path from the partition's root, with
// slashes of either kind.
func NewLoadOption(label string, on Partition, file, commandLine string) (LoadOption, error) {
	guid, err := encodeGUID(on.GUID)
	if err != nil {
		return LoadOption{}, err
	}
	name := strings.ReplaceAll(file, "/", `\`)
	if !strings.HasPrefix(name, `\`) {
		name = `\` + name
	}
	if units := len(utf16.Encode([]rune(name))); units > maxPathUnits || strings.ContainsRune(name, 0) {
		return LoadOption{}, fmt.Errorf("cannot make a load option for %.40q because its path of %d characters is longer than %d or holds a NUL", file, units, maxPathUnits)
	}
	drive := binary.LittleEndian.AppendUint32(nil, on.Number)
	drive = binary.LittleEndian.AppendUint64(drive, on.Start)
	drive = binary.LittleEndian.AppendUint64(drive, on.Size)
	drive = append(append(drive, guid...), formatGPT, signatureGUID)
	path := node(typeMedia, subTypeHardDrive, drive)
	path = append(path, node(typeMedia, subTypeFilePath, encodeUTF16(name))...)
	path = append(path, node(typeEnd, subTypeEndEntire, nil)...)
	o := LoadOption{Attributes: Active, Label: label, Path: path}
	if commandLine != "" {
		o.Data = encodeUTF16(commandLine)
	}
	return o, nil
}

func node(kind, sub byte, data []byte) []byte {
	b := binary.LittleEndian.AppendUint16([]byte{kind, sub}, uint16(nodeHeader+len(data)))
	return append(b, data...)
}

// File is the file that the option starts and the GUID of its partition. It
// reports false for paths of another kind: a network card, a firmware volume.
func (o LoadOption) File() (guid, file string, ok bool) {
	for rest := o.Path; len(rest) >= nodeHeader; {
		length := int(binary.LittleEndian.Uint16(rest[2:]))
		if length < nodeHeader || length > len(rest) {
			return "", "", false
		}
		data := rest[nodeHeader:length]
		switch {
		case rest[0] == typeEnd:
			return guid, file, guid != "" && file != ""
		case rest[0] == typeMedia && rest[1] == subTypeHardDrive && length == hardDriveLength && data[37] == signatureGUID:
			guid = decodeGUID(data[20:36])
		case rest[0] == typeMedia && rest[1] == subTypeFilePath:
			part, _, err := cutUTF16(data)
			if err != nil {
				return "", "", false
			}
			file += part
		}
		rest = rest[length:]
	}
	return "", "", false
}

// CommandLine is what the option hands to a kernel.
func (o LoadOption) CommandLine() string {
	text, _, err := cutUTF16(append(slices.Clone(o.Data), 0, 0))
	if err != nil {
		return ""
	}
	return text
}

func encodeUTF16(text string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return append(b, 0, 0)
}

// cutUTF16 reads text up to its NUL.
func cutUTF16(b []byte) (text string, rest []byte, err error) {
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		unit := binary.LittleEndian.Uint16(b)
		if unit == 0 {
			return string(utf16.Decode(units)), b[2:], nil
		}
		units = append(units, unit)
	}
	return "", nil, errNoEnd
}
