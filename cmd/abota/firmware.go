package main

import (
	"errors"
	"fmt"
	"os"

	"abota/bootctl"
	"abota/bootctl/efi"
	"abota/bootctl/sdboot"
	"abota/updater/config"
)

// firmware is the boot pointer in EFI variables. It makes the slots' boot
// entries where they are missing and the configuration says of what: firmware
// may forget them all, with its battery.
type firmware struct {
	*efi.Backend
	entries []config.EFIEntry
}

// openEFI is on the firmware's variables. Tests have them in a folder.
func openEFI(e config.EFI) (bootctl.Backend, error) {
	if machine == "/" {
		backend, err := efi.New(e.Labels)
		return configured(firmware{backend, e.Entries}, err)
	}
	return firmware{efi.On(onMachine(efi.Mount), e.Labels), e.Entries}, nil
}

// Store makes missing boot entries before it needs them.
func (f firmware) Store(t bootctl.Table) error {
	err := f.Backend.Store(t)
	if !errors.Is(err, efi.ErrNoEntry) || len(f.entries) == 0 {
		return err
	}
	if err := f.makeEntries(); err != nil {
		return err
	}
	return f.Backend.Store(t)
}

// makeEntries makes the boot entries that are missing, and refuses those that
// start something else.
func (f firmware) makeEntries() error {
	if len(f.entries) == 0 {
		return nil
	}
	var options [2]efi.LoadOption
	for i, e := range f.entries {
		on, err := machineHost().Partition(e.Device)
		if err != nil {
			return &configError{fmt.Errorf("bootloader.efi.entries: %w", err)}
		}
		at := efi.Partition{Number: uint32(on.Number), Start: on.Start, Size: on.Size, GUID: on.UUID}
		if options[i], err = efi.NewLoadOption("", at, e.File, e.Options); err != nil {
			return &configError{fmt.Errorf("bootloader.efi.entries: %w", err)}
		}
	}
	return f.CreateEntries(options)
}

// systemdBoot is the boot pointer in its entries, with what the loader's
// variables say of this boot.
type systemdBoot struct{ *sdboot.Backend }

func openSDBoot(s config.SDBoot) (bootctl.Backend, error) {
	bodies, err := readEntries(s.Entries)
	if err != nil {
		return nil, &configError{err}
	}
	backend, err := sdboot.New(s.ESP, bodies)
	return configured(systemdBoot{backend}, err)
}

// Booted is the slot whose entry the loader started, and false where it does not
// say so: its variables may not be mounted.
func (systemdBoot) Booted() (bootctl.Slot, bool, error) {
	if text, err := loaderVariable(sdboot.VarBootCountPath); err == nil {
		if s, ok := sdboot.Booted(text); ok {
			return s, true, nil
		}
	}
	text, err := loaderVariable(sdboot.VarEntrySelected)
	if err != nil {
		return 0, false, err
	}
	s, ok := sdboot.Selected(text)
	return s, ok, nil
}

// attributesSize is what efivarfs puts in front of a variable, in bytes.
const attributesSize = 4

// loaderVariable reads what systemd-boot left in a variable.
func loaderVariable(name string) ([]byte, error) {
	text, err := os.ReadFile(onMachine(efi.Mount + "/" + name))
	if err == nil && len(text) < attributesSize {
		err = fmt.Errorf("EFI variable %s has only %d bytes", name, len(text))
	}
	if err != nil {
		return nil, err
	}
	return text[attributesSize:], nil
}

// trialByVariables reports whether what started this machine says in variables
// that the slot is on trial: a counted entry of systemd-boot, BootNext of the
// firmware, a reboot of a Raspberry Pi that asked for it. It needs no
// configuration, which may be what is broken.
func trialByVariables() bool {
	if text, err := loaderVariable(sdboot.VarBootCountPath); err == nil {
		_, counted := sdboot.Booted(text)
		return counted
	}
	if asked, err := os.ReadFile(onMachine(trybootFlag)); err == nil {
		return len(asked) > 0 && asked[len(asked)-1] == 1
	}
	vars := efi.On(onMachine(efi.Mount), efi.DefaultLabels)
	return vars.OnTrial("abota.contract=1")
}

// trybootFlag is 1, a big-endian word, where a Raspberry Pi was started by
// tryboot (its documentation, "config.txt", device tree properties).
const trybootFlag = "proc/device-tree/chosen/bootloader/tryboot"
