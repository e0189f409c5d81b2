package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"abota/bootctl"
	"abota/bootctl/efi"
	"abota/bootctl/gpt"
	"abota/bootctl/grub"
	"abota/bootctl/record"
	"abota/bootctl/sdboot"
	"abota/bootctl/tryboot"
	"abota/updater/config"
	"abota/updater/journal"
	"abota/updater/slot"
)

// pointerKind is the configured kind of boot pointer, or the one that the slots show:
// what is in plain files is read by no bootloader, so its table is abota's own
// record; otherwise U-Boot's own configuration is looked for.
func pointerKind(cfg *config.Config, slots [2]slot.Group) string {
	switch {
	case cfg.Bootloader.Kind != "":
		return cfg.Bootloader.Kind
	case plainFiles(slots):
		return config.KindRecord
	}
	return config.KindUBoot
}

// backend is the boot pointer. What the configuration says of it and does not
// fit this device is a configuration error.
func (d *device) backend(host slot.Host, slots [2]slot.Group, how access) (bootctl.Backend, error) {
	switch b := d.cfg.Bootloader; pointerKind(d.cfg, slots) {
	case config.KindRecord:
		return d.recordBackend(how)
	case config.KindGRUB:
		if b.Foreign() {
			return openForeignGRUB(b, pathsOf(slots))
		}
		return configured(grub.New(grubPlaces(b.GRUB)))
	case config.KindSDBoot:
		return openSDBoot(b.SDBoot)
	case config.KindEFI:
		return openEFI(b.EFI)
	case config.KindGPT:
		return configured(gpt.New(b.GPT.Disk, gptNames(d.cfg)))
	case config.KindTryBoot:
		return configured(tryboot.New(b.TryBoot.File, b.TryBoot.Partitions))
	default:
		return d.ubootBackend(host, slots)
	}
}

// configured makes an error of a backend that cannot be opened one of the
// configuration: exit 2.
func configured[B bootctl.Backend](backend B, err error) (bootctl.Backend, error) {
	if err != nil {
		return nil, &configError{err}
	}
	return backend, nil
}

func (d *device) recordBackend(how access) (bootctl.Backend, error) {
	f, err := openRecord(filepath.Join(d.cfg.StateDir, "table"), tableSize, how)
	if errors.Is(err, fs.ErrNotExist) {
		return record.New(noJournal{journal.ErrLost}, journal.ErrLost), nil
	}
	if err != nil {
		return nil, err
	}
	d.opened = append(d.opened, f)
	return record.New(f, journal.ErrLost), nil
}

// grubPlaces are the files that both GRUB and abota know.
func grubPlaces(g config.GRUB) (blocks [2]grub.Place, counts grub.Place) {
	return [2]grub.Place{{Path: g.Blocks[0]}, {Path: g.Blocks[1]}}, grub.Place{Path: g.Counts}
}

func openSDBoot(s config.SDBoot) (bootctl.Backend, error) {
	bodies, err := readEntries(s.Entries)
	if err != nil {
		return nil, &configError{err}
	}
	return configured(sdboot.New(s.ESP, bodies))
}

// maxEntryFile is more than any boot entry may have.
const maxEntryFile = 4 << 10

// readEntries reads what both slots' boot entries say.
func readEntries(files [2]string) (bodies [2]string, err error) {
	for i, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return bodies, fmt.Errorf("bootloader.sdboot.entries: %w", err)
		}
		text, err := io.ReadAll(io.LimitReader(f, maxEntryFile+1))
		f.Close()
		if err == nil && len(text) > maxEntryFile {
			err = fmt.Errorf("%s is longer than %d bytes, which no boot entry may be", file, maxEntryFile)
		}
		if err != nil {
			return bodies, fmt.Errorf("bootloader.sdboot.entries: %w", err)
		}
		bodies[i] = string(text)
	}
	return bodies, nil
}

// openEFI is on the firmware's variables. Tests have them in a folder.
func openEFI(e config.EFI) (bootctl.Backend, error) {
	if machine == "/" {
		return configured(efi.New(e.Labels))
	}
	return efi.On(onMachine(efi.Mount), e.Labels), nil
}

// gptNames are the partitions that the boot attributes are of: those named, or
// the slots themselves.
func gptNames(cfg *config.Config) [2]string {
	if cfg.Bootloader.GPT.Partitions[0] != "" {
		return cfg.Bootloader.GPT.Partitions
	}
	return [2]string{cfg.Slots[bootctl.A].Device, cfg.Slots[bootctl.B].Device}
}
