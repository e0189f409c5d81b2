package main

import (
	"errors"
	"fmt"
	"slices"

	"abota/bootctl"
	"abota/cmd/internal/cli"
	"abota/updater/config"
	"abota/updater/slot"
)

// claim is somebody's word on which slot runs.
type claim struct {
	by     string
	slot   bootctl.Slot
	loader bool // it stands on the kernel command line
}

// claims are all of them. They are believed only as far as the device behind
// "/" does not contradict.
type claims []claim

// byLoader reports whether a boot loader made one of the claims.
func (all claims) byLoader() bool {
	return slices.ContainsFunc(all, func(c claim) bool { return c.loader })
}

// readClaims collects what the command line, the environment and the kernel
// command line say. rauc.slot is what a boot script made for RAUC passes.
// names are what such a script calls the slots, where not A and B.
func readClaims(flag string, names [2]string) (claims, error) {
	var all claims
	if flag != "" {
		s, err := bootctl.ParseSlot(flag)
		if err != nil {
			return nil, cli.Usage("--booted: %v", err)
		}
		all = append(all, claim{by: "--booted", slot: s})
	}
	cmdline, err := kernelLine()
	if err != nil {
		return nil, fmt.Errorf("cannot read which slot booted: %w", err)
	}
	for _, name := range []string{"abota.slot", "rauc.slot"} {
		value, found := argument(cmdline, name)
		if !found {
			continue
		}
		s, err := slotNamed(value, name == "rauc.slot", names)
		if err != nil {
			return nil, &configError{fmt.Errorf("kernel command line: %s: %w", name, err)}
		}
		all = append(all, claim{by: "the kernel command line (" + name + ")", slot: s, loader: true})
	}
	return all, nil
}

// tableSeen reports whether abota's boot script for this kind of loader found a
// valid boot table. Other loaders pass the contract whether they found one or not.
func tableSeen(kind string) (bool, error) {
	if kind != config.KindUBoot && kind != config.KindGRUB {
		return false, nil
	}
	script, err := readScriptWords()
	return script.contract && script.note != "lost", err
}

// bootnames are what a boot script made for RAUC calls the slots, if that is said.
func bootnames(b config.Bootloader) (names [2]string) {
	if b.Variables == config.VariablesRAUC {
		names = b.Names
	}
	return names
}

// slotNamed is the slot that a boot script calls so: one made for RAUC by its
// bootname.
func slotNamed(value string, byBootname bool, names [2]string) (bootctl.Slot, error) {
	if byBootname && names[0] != "" {
		for _, s := range bootctl.Slots {
			if value == names[s] {
				return s, nil
			}
		}
		return 0, fmt.Errorf("%q is not a slot: bootloader.names has %s and %s", value, names[0], names[1])
	}
	return bootctl.ParseSlot(value)
}

// orLoader asks what the bootloader itself says of this boot, where the kernel
// command line does not. What cannot be read says nothing.
func (all claims) orLoader(backend bootctl.Backend) claims {
	knows, ok := backend.(interface {
		Booted() (bootctl.Slot, bool, error)
	})
	if !ok || all.byLoader() {
		return all
	}
	if s, known, err := knows.Booted(); err == nil && known {
		return append(all, claim{by: "the bootloader's own variable", slot: s, loader: true})
	}
	return all
}

// resolve settles which slot runs. A contradiction stops every verb that
// writes, and no option switches that off; reading verbs go on with the
// evidence, which is the device behind "/".
func (all claims) resolve(host slot.Host, slots [2]slot.Group, backend bootctl.Backend, provisioned bool, how access) (bootctl.Slot, error) {
	root, known, err := host.BootedOf(slots)
	if err != nil {
		return 0, &configError{err}
	}
	if known {
		all = append(all, claim{by: `the device behind "/"`, slot: bootctl.Slot(root)})
	}
	if len(all) == 0 {
		return bootedByTable(backend, provisioned)
	}
	evidence := all[len(all)-1]
	for _, c := range all {
		if c.slot != evidence.slot && how != reading {
			return 0, &configError{fmt.Errorf("cannot go on because %s says that slot %s is booted, but %s is slot %s: correct the slots in the configuration, or --booted", c.by, c.slot, evidence.by, evidence.slot)}
		}
	}
	return evidence.slot, nil
}

// bootedByTable is for slots that no bootloader reads: there the first
// confirmed slot of the table is what runs. Before the first table it is slot
// A; but where a journal shows that there was one, nobody knows.
func bootedByTable(backend bootctl.Backend, provisioned bool) (bootctl.Slot, error) {
	if backend.Caps().Tries || backend.Caps().OneShot {
		return 0, &configError{errors.New("cannot tell which slot is booted: the kernel command line has no abota.slot, and neither slot is behind \"/\": pass --booted A or B")}
	}
	table, err := backend.Load()
	if errors.Is(err, bootctl.ErrNoTable) {
		if provisioned {
			return 0, &configError{errors.New("cannot tell which slot is booted because the boot table is lost: pass --booted A or B")}
		}
		return bootctl.A, nil
	}
	if err != nil {
		return 0, err
	}
	for _, s := range table.Order() {
		if table.Slots[s].Good {
			return s, nil
		}
	}
	return bootctl.A, nil
}
