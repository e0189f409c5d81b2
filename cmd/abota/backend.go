package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"abota/bootctl"
	"abota/bootctl/gpt"
	"abota/bootctl/grub"
	"abota/bootctl/record"
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
	if err := d.apart(slots); err != nil {
		return nil, &configError{err}
	}
	switch {
	case d.unmade:
		if err := d.prepare(false); err != nil {
			return nil, err
		}
	case how != reading:
		d.mend()
	}
	backend, err := d.openBackend(host, slots, how)
	if on, ok := backend.(firmware); ok && d.unmade && err == nil {
		err = on.makeEntries()
	}
	return backend, err
}

func (d *device) openBackend(host slot.Host, slots [2]slot.Group, how access) (bootctl.Backend, error) {
	d.kind = pointerKind(d.cfg, slots)
	switch b := d.cfg.Bootloader; d.kind {
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

// gptNames are the partitions that the boot attributes are of: those named, or
// the slots' own.
func gptNames(cfg *config.Config) (names [2]string) {
	if cfg.Bootloader.GPT.Partitions[0] != "" {
		return cfg.Bootloader.GPT.Partitions
	}
	for i, s := range cfg.Slots {
		for _, p := range s.Group() {
			if names[i] == "" || p.Name == config.RootPart {
				names[i] = p.Device
			}
		}
	}
	return names
}
