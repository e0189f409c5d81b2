package config

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// bootloaderKeys are the keys below bootloader. One that not all kinds have is
// in keyOwners too.
var bootloaderKeys = []key{
	{name: "kind", field: "Kind", set: scalar(bootloaderKind)},
	{name: "env", list: true, field: "Env", set: list(EnvCopy{}, envKeys)},
	{name: "variables", field: "Variables", set: scalar(dialectName)},
	{name: "names", list: true, field: "Names", set: pair(filled, "names")},
	{name: "swupdate", field: "SWUpdate", sub: swupdateKeys},
	{name: "grub", field: "GRUB", sub: []key{
		{name: "env", field: "Env", set: scalar(absolutePath)},
		{name: "blocks", list: true, field: "Blocks", set: pair(absolutePath, "files")},
		{name: "counts", field: "Counts", set: scalar(absolutePath)},
	}},
	{name: "sdboot", field: "SDBoot", sub: []key{
		{name: "esp", field: "ESP", set: scalar(absolutePath)},
		{name: "entries", list: true, field: "Entries", set: pair(absolutePath, "files")},
	}},
	{name: "efi", field: "EFI", sub: []key{
		{name: "labels", list: true, field: "Labels", set: pair(filled, "descriptions of boot entries")},
		{name: "entries", list: true, field: "Entries", set: list(EFIEntry{}, efiEntryKeys)},
	}},
	{name: "gpt", field: "GPT", sub: []key{
		{name: "disk", field: "Disk", set: scalar(absolutePath)},
		{name: "partitions", list: true, field: "Partitions", set: pair(partitionName, "partitions")},
	}},
	{name: "tryboot", field: "TryBoot", sub: []key{
		{name: "file", field: "File", set: scalar(absolutePath)},
		{name: "partitions", list: true, field: "Partitions", set: pair(partitionNumber, "partition numbers")},
	}},
	{name: "link", field: "Link", set: scalar(absolutePath)},
	{name: "restart", list: true, field: "Restart", set: program},
	{name: "restart_timeout", field: "RestartTimeout", set: scalar(positiveDuration)},
	{name: "confirmed_tries", field: "ConfirmedTries", set: scalar(tries)},
}

var envKeys = []key{
	{name: "device", field: "Device", set: scalar(device)},
	{name: "offset", field: "Offset", set: scalar(size)},
	{name: "size", field: "Size", set: scalar(size)},
}

var efiEntryKeys = []key{
	{name: "device", field: "Device", set: scalar(partitionName)},
	{name: "file", field: "File", set: scalar(fileOnESP)},
	{name: "options", field: "Options", set: scalar(text)},
}

// kinds are the bootloaders in the order in which errors list them.
var kinds = []string{KindUBoot, KindGRUB, KindSDBoot, KindEFI, KindGPT, KindTryBoot, KindRecord, KindSymlink}

// keyOwners says which kinds a key below bootloader is for, where not for all,
// and whether a bootloader of that kind cannot be without it. A key with one
// owner names the kind, unless that is KindSymlink, which the slots name.
var keyOwners = []struct {
	path   string
	owners []string
	must   bool
}{
	{"bootloader.env", []string{KindUBoot}, false},
	{"bootloader.variables", []string{KindUBoot, KindGRUB}, false},
	{"bootloader.names", []string{KindUBoot, KindGRUB}, false},
	{"bootloader.swupdate.slot", []string{KindUBoot, KindGRUB}, false},
	{"bootloader.swupdate.trial", []string{KindUBoot, KindGRUB}, false},
	{"bootloader.swupdate.count", []string{KindUBoot, KindGRUB}, false},
	{"bootloader.swupdate.state", []string{KindUBoot, KindGRUB}, false},
	{"bootloader.grub.env", []string{KindGRUB}, false},
	{"bootloader.grub.blocks", []string{KindGRUB}, true},
	{"bootloader.grub.counts", []string{KindGRUB}, true},
	{"bootloader.sdboot.esp", []string{KindSDBoot}, true},
	{"bootloader.sdboot.entries", []string{KindSDBoot}, true},
	{"bootloader.efi.labels", []string{KindEFI}, false},
	{"bootloader.efi.entries", []string{KindEFI}, false},
	{"bootloader.gpt.disk", []string{KindGPT}, true},
	{"bootloader.gpt.partitions", []string{KindGPT}, false},
	{"bootloader.tryboot.file", []string{KindTryBoot}, true},
	{"bootloader.tryboot.partitions", []string{KindTryBoot}, true},
	{"bootloader.link", []string{KindSymlink}, false},
	{"bootloader.restart", []string{KindSymlink}, false},
	{"bootloader.restart_timeout", []string{KindSymlink}, false},
}

func bootloaderKind(s string) (string, error) {
	if slices.Contains(kinds, s) {
		return s, nil
	}
	return "", fmt.Errorf("unknown bootloader %q: use %s, or leave it out to detect it", s, strings.Join(kinds, ", "))
}

// partitionName is a partition that is found wherever its disk is.
func partitionName(s string) (string, error) {
	if !strings.HasPrefix(s, "PARTUUID=") && !strings.HasPrefix(s, "PARTLABEL=") {
		return "", fmt.Errorf("%q names no partition: use PARTUUID= or PARTLABEL=", s)
	}
	return slotDevice(s)
}

// maxPartition is the highest number that a Raspberry Pi takes.
const maxPartition = 63

func partitionNumber(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxPartition {
		return 0, fmt.Errorf("%q is not a number of a partition from 1 to %d", s, maxPartition)
	}
	return n, nil
}

// fileOnESP is a path from its partition's root, with slashes of either kind.
func fileOnESP(s string) (string, error) {
	file := path.Clean("/" + strings.ReplaceAll(s, `\`, "/"))
	if s == "" || file == "/" {
		return "", errors.New("names no file: give the path on its partition, as /abota/a/linux.efi")
	}
	return text(file)
}

// pair is the setter of a list of two different values, that of slot A first.
func pair(parse any, of string) setter {
	both := several(parse, "two "+of)
	return func(w *walker, dst reflect.Value, n *yaml.Node, path string) error {
		all := reflect.New(reflect.SliceOf(dst.Type().Elem())).Elem()
		if err := both(w, all, n, path); err != nil {
			return err
		}
		switch {
		case all.Len() != 2:
			return w.fail(n, path, "lists %d: needs two %s, that of slot A first", all.Len(), of)
		case all.Index(0).Equal(all.Index(1)):
			return w.fail(n, path, "names %v twice: needs two different %s, that of slot A first", all.Index(0), of)
		}
		reflect.Copy(dst, all)
		return nil
	}
}

// checkBootloader settles the kind, refuses keys of other kinds, and looks at
// what the kind needs.
func checkBootloader(w *walker, c *Config) error {
	if err := w.settleKind(c); err != nil {
		return err
	}
	for _, k := range keyOwners {
		_, isSet := w.at[k.path]
		mine := slices.Contains(k.owners, c.Bootloader.Kind)
		switch {
		case isSet && !mine && c.Bootloader.Kind != "" && !(k.owners[0] == KindSymlink && c.Slots[0].Dir != ""):
			return w.failAt(k.path, "is for kind %s, but the bootloader is of kind %s: remove one of them", strings.Join(k.owners, " or "), c.Bootloader.Kind)
		case k.must && mine && !isSet && !(k.owners[0] == KindGRUB && c.Bootloader.Foreign()):
			return w.failNear(k.path, "not set: a bootloader of kind %s needs it", c.Bootloader.Kind)
		}
	}
	if err := checkVariables(w, c.Bootloader); err != nil {
		return err
	}
	if err := checkGRUB(w, c.Bootloader); err != nil {
		return err
	}
	if err := checkEFI(w, c.Bootloader.EFI); err != nil {
		return err
	}
	return checkEnv(w, c)
}

// settleKind takes the kind from what only one kind has, where it is not named.
func (w *walker) settleKind(c *Config) error {
	if c.Bootloader.Kind != "" {
		return nil
	}
	var by string
	for _, k := range keyOwners {
		if _, isSet := w.at[k.path]; !isSet || len(k.owners) != 1 || k.owners[0] == KindSymlink {
			continue
		}
		if by != "" && k.owners[0] != c.Bootloader.Kind {
			return w.failAt(k.path, "is for kind %s, but %s is for kind %s: remove one of them", k.owners[0], by, c.Bootloader.Kind)
		}
		c.Bootloader.Kind, by = k.owners[0], cmp.Or(by, k.path)
	}
	return nil
}

// failNear is the error of a key that is missing, at the one that asks for it:
// the kind, or another key of the same block.
func (w *walker) failNear(path, format string, args ...any) error {
	at := w.at["bootloader.kind"]
	block := path[:strings.LastIndex(path, ".")+1]
	for _, k := range keyOwners {
		if strings.HasPrefix(k.path, block) {
			at = cmp.Or(w.at[k.path], at)
		}
	}
	return &Error{File: at.file, Line: at.line, Key: path, Reason: fmt.Sprintf(format, args...)}
}

// maxTriesOfGRUB is as far as GRUB's script can count.
const maxTriesOfGRUB = 99

func checkGRUB(w *walker, b Bootloader) error {
	switch g := b.GRUB; {
	case g.Counts != "" && slices.Contains(g.Blocks[:], g.Counts):
		return w.failAt("bootloader.grub.counts", "%s is one of blocks too: GRUB writes to it, and to none of those: give it a file of its own", g.Counts)
	case b.Kind == KindGRUB && !b.Foreign() && b.ConfirmedTries > maxTriesOfGRUB:
		return w.failAt("bootloader.confirmed_tries", "%d is more than GRUB's script can count: use 0 to %d", b.ConfirmedTries, maxTriesOfGRUB)
	}
	return nil
}

func checkEFI(w *walker, e EFI) error {
	const path = "bootloader.efi.entries"
	if len(e.Entries) == 0 {
		return nil
	}
	if len(e.Entries) != 2 {
		return w.failAt(path, "lists %d: needs two boot entries, that of slot A first", len(e.Entries))
	}
	for i, entry := range e.Entries {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case entry.Device == "":
			return w.failAt(at, "has no device: name the partition that holds the file, as PARTLABEL=esp")
		case entry.File == "":
			return w.failAt(at, "has no file: give the path of the kernel on its partition")
		}
	}
	if e.Entries[0] == e.Entries[1] {
		return w.failAt(path, "starts the same for both slots: each needs its own file, partition or options")
	}
	return nil
}

func checkEnv(w *walker, c *Config) error {
	const path = "bootloader.env"
	env := c.Bootloader.Env
	if len(env) > 2 {
		return w.failAt(path, "lists %d: U-Boot keeps two copies of the environment, of which one survives a power cut, or a single one", len(env))
	}
	for i, e := range env {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case e.Device == "":
			return w.failAt(at, "has no device")
		case e.Size == 0:
			return w.failAt(at, "has no size: give the bytes of one copy, as size: 0x4000")
		case e.Offset > e.Offset+e.Size:
			return w.failAt(at, "ends beyond any device: offset %d, size %d", e.Offset, e.Size)
		}
	}
	if len(env) < 2 {
		return nil
	}
	a, b := env[0], env[1]
	switch {
	case a.Size != b.Size:
		return w.failAt(path, "has copies of different size (%d and %d bytes): U-Boot uses one size for both", a.Size, b.Size)
	case a.Device == b.Device && a.Offset < b.Offset+b.Size && b.Offset < a.Offset+a.Size:
		return w.failAt(path, "has copies that overlap on %s: put the second at offset %#x or later", a.Device, min(a.Offset, b.Offset)+a.Size)
	}
	return nil
}
