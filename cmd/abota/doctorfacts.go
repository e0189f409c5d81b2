package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"abota/bootctl"
	"abota/bootctl/uboot"
	"abota/updater"
	"abota/updater/config"
	"abota/updater/doctor"
	"abota/updater/health"
	"abota/updater/journal"
	"abota/updater/slot"
	"abota/updater/tree"
)

// facts gathers what the doctor judges. What cannot be seen is a fact too, so
// nothing here ends early.
func (c *command) facts(ctx context.Context, cfg *config.Config) doctor.Facts {
	d := &device{cfg: cfg}
	defer d.Close()
	host := machineHost()
	seen, err := host.Look()
	f := doctor.Facts{
		Kernel: kernelFacts(), Clock: doctor.Clock{Now: wallClock(), Built: builtAt()},
		State: stateFacts(cfg.StateDir, seen), Trust: c.trustFacts(ctx, cfg), Private: cfg.Private(),
		Rivals: rivals(machine),
	}
	if cfg.Slots[bootctl.A].Dir != "" {
		c.folderFacts(&f, d)
	} else {
		c.slotFacts(&f, d, host, seen)
		f.Unseen = err
	}
	f.Dog = dogFacts(cfg)
	return f
}

// kernelFacts are what the boot script passed.
func kernelFacts() (k doctor.Kernel) {
	line, err := kernelLine()
	if err != nil {
		k.Err = fmt.Errorf("cannot read the kernel command line: %w: mount /proc", err)
		return k
	}
	value, contract := argument(line, "abota.contract")
	k.Contract = contract && value == "1"
	if k.Slot, _ = argument(line, "abota.slot"); k.Slot == "" {
		k.Slot, k.RAUC = argument(line, "rauc.slot")
	}
	k.Env, _ = argument(line, "abota.env")
	return k
}

// slotFacts are for slots on devices or plain files, and their boot table.
func (c *command) slotFacts(f *doctor.Facts, d *device, host slot.Host, seen slot.View) {
	var slots [2]slot.Group
	for _, s := range bootctl.Slots {
		slots[s] = slotFact(&f.Slots[s], host, d.cfg.Slots[s])
		f.Slots[s].Name = s.String()
	}
	copies, loaded := placesOfEnv(d.cfg, host, slots)
	f.Loaded = loaded
	if loaded {
		f.Env = envFacts(copies, d.cfg, host)
	}
	if err := errors.Join(f.Slots[0].Err, f.Slots[1].Err); err != nil {
		f.BootedErr = errors.New("cannot tell which slot is booted while a slot is missing: put the slots right first")
		return
	}
	f.State.OnSlot = slotOf(seen, slots, d.cfg.StateDir)
	backend, err := d.backend(host, slots, reading)
	if err != nil {
		f.Table.Err = err
	} else {
		f.Table.Err = d.tableFacts(f, backend)
		f.Foreign = foreignFacts(d.cfg.Bootloader, backend)
	}
	f.Loader = loaderFacts(d.cfg.Bootloader, seen, backend)
	for i := range slots {
		refusal := seen.Refusal(slots[i], slots[1-i])
		if errors.Is(refusal, slot.ErrSameDevice) {
			f.Same = refusal
		} else {
			f.Slots[i].InUse = refusal
		}
	}
	c.bootedFacts(f, d, host, slots, backend)
}

// foreignFacts are of a boot script that is another updater's.
func foreignFacts(b config.Bootloader, backend bootctl.Backend) (f doctor.Foreign) {
	f.Configured = b.Foreign()
	if s, ok := backend.(speaker); ok {
		f.Spoken = s.Foreign()
		f.Doubts, f.Found = s.Doubts()
	}
	return f
}

// slotFact looks at one slot and returns what was found of its parts.
func slotFact(at *doctor.Slot, host slot.Host, configured config.Slot) (group slot.Group) {
	at.Spec = configured.Device
	for _, p := range configured.Group() {
		part := doctor.Part{Name: p.Name, Spec: p.Device + p.File}
		m, err := findPart(host, p)
		if err == nil {
			part.Size, err = slot.Size(m)
		}
		if err != nil && at.Err == nil {
			at.Err = err
		}
		group, at.Parts = append(group, m), append(at.Parts, part)
	}
	return group
}

// bootedFacts say which slot runs, by the rules that hold for verbs that write.
func (c *command) bootedFacts(f *doctor.Facts, d *device, host slot.Host, slots [2]slot.Group, backend bootctl.Backend) {
	said, err := readClaims(c.booted, bootnames(d.cfg.Bootloader))
	if err != nil {
		f.BootedErr = err
		return
	}
	if backend != nil {
		said = said.orLoader(backend)
	}
	if backend == nil && len(said) == 0 {
		if _, known, err := host.BootedOf(slots); err != nil || !known {
			f.BootedErr = errors.New("cannot tell which slot is booted: the kernel command line has no abota.slot, and neither slot is behind \"/\": pass --booted A or B")
			return
		}
	}
	booted, err := said.resolve(host, slots, backend, !f.State.Missing && f.State.Journal == nil, writing)
	f.Booted, f.BootedErr = int(booted), err
}

// tableFacts fill in what the boot table and the journal know of both slots.
func (d *device) tableFacts(f *doctor.Facts, backend bootctl.Backend) error {
	var content [2]updater.Content
	var parts [2][]slot.Held
	f.Table.Settled = true
	if j, err := journal.OpenReadOnly(filepath.Join(d.cfg.StateDir, "journal")); err == nil {
		if payload, err := j.Load(); err == nil {
			content, parts, f.Table.Settled = updater.Known(payload)
		}
		j.Close()
	}
	for i, holds := range content {
		at := &f.Slots[i]
		at.Image, at.Proven = holds.Size, holds.Proven
		for n := range at.Parts {
			at.Parts[n].Image = usedBy(at.Parts, n, holds, parts[i])
		}
		at.Whole = holds.Release.SHA256 == "" && holds.Release.Checksum == ""
	}
	t, err := backend.Load()
	if err != nil {
		f.Table.Unmade = !f.Loaded && errors.Is(err, bootctl.ErrNoTable)
		return err
	}
	pointer := backend.Caps().Pointer
	for i, st := range t.Slots {
		// What a pointer does not name the journal knows.
		former := pointer && !st.Bootable() && content[i].Confirmed
		f.Slots[i].Listed, f.Slots[i].Good = st.Bootable() || former, st.Good || former
	}
	return nil
}

// usedBy is how many bytes of a part are known to be in use. A slot that was
// written as a whole says nothing of the parts that it is configured to have now.
func usedBy(configured []doctor.Part, n int, holds updater.Content, parts []slot.Held) int64 {
	if len(parts) == 0 && len(configured) == 1 {
		return holds.Size
	}
	for _, p := range parts {
		if p.Name == configured[n].Name {
			return p.Size
		}
	}
	return 0
}

// folderFacts are for directory slots, which no boot loader reads.
func (c *command) folderFacts(f *doctor.Facts, d *device) {
	for _, s := range bootctl.Slots {
		dir := d.cfg.Slots[s].Dir
		f.Slots[s] = doctor.Slot{Name: s.String(), Spec: dir, Err: tree.CheckPlace(dir)}
	}
	link, err := c.link(d.cfg, reading)
	if err != nil {
		f.BootedErr = err
		return
	}
	backend := d.tableOfFolders(c.log, reading)
	f.Table.Err = d.tableFacts(f, backend)
	booted, _, err := d.chosen(c.log, link, reading)
	f.Booted, f.BootedErr = int(booted), err
}

// placesOfEnv are where the environment is looked for, and whether there is one.
func placesOfEnv(cfg *config.Config, host slot.Host, slots [2]slot.Group) (copies []uboot.Copy, loaded bool) {
	b := cfg.Bootloader
	switch {
	case b.Kind != "" && b.Kind != config.KindUBoot:
		return nil, b.Kind != config.KindRecord
	case b.Kind == "" && len(b.Env) == 0 && plainFiles(slots):
		return nil, false
	case len(b.Env) == 0:
		copies, err := uboot.FromFwEnvConfig(onMachine(fwEnvConfig))
		return copies, err == nil
	}
	for _, env := range b.Env {
		at := uboot.Copy{Path: env.Device, Offset: env.Offset, Size: env.Size}
		if path, err := findEnv(host, env.Device); err == nil {
			at.Path = path
		}
		copies = append(copies, at)
	}
	return copies, true
}

func envFacts(copies []uboot.Copy, cfg *config.Config, host slot.Host) *doctor.Environment {
	seen := uboot.Inspect(copies)
	env := &doctor.Environment{}
	if !cfg.Bootloader.Foreign() {
		env.Known, env.Names, env.Order = uboot.Variables(), seen.Names, seen.Order
	}
	for _, c := range seen.Copies {
		env.Copies = append(env.Copies, doctor.Copy{
			Name: nameOfCopy(c), Storage: c.Storage, Offset: c.Offset, Flash: c.Flash, Hole: c.Hole,
			Err: c.Err, Writable: c.Writable, Valid: c.Valid, OtherForm: c.OtherForm, Elsewhere: c.Elsewhere,
		})
	}
	if len(cfg.Bootloader.Env) > 0 {
		env.Tools = elsewhereByTools(seen.Copies, host)
	}
	return env
}

// nameOfCopy is where a copy lies, and on what.
func nameOfCopy(c uboot.Found) string {
	if c.Medium == "" {
		return fmt.Sprintf("%s at %#x", c.Path, c.Offset)
	}
	return fmt.Sprintf("%s %s at %#x", c.Medium, c.Path, c.Offset)
}

// elsewhereByTools says where U-Boot's own tools look for a copy that is not
// one of these.
func elsewhereByTools(ours []uboot.Found, host slot.Host) string {
	theirs, err := uboot.FromFwEnvConfig(onMachine(fwEnvConfig))
	if err != nil {
		return ""
	}
	for _, c := range uboot.Inspect(theirs).Copies {
		same := false
		for _, o := range ours {
			if c.Storage != "" && c.Storage == o.Storage {
				same = same || c.Offset == o.Offset
				continue
			}
			within, err := host.Overlaps(c.Path, c.Offset, c.Size, slot.Alone(o.Path))
			same = same || err == nil && within
		}
		if !same {
			return c.Copy.String()
		}
	}
	return ""
}

// slotOf names the slot that a folder lies on.
func slotOf(seen slot.View, slots [2]slot.Group, dir string) string {
	for _, s := range bootctl.Slots {
		if on, err := seen.Holds(slots[s], nearest(dir)); err == nil && on {
			return s.String()
		}
	}
	return ""
}

// nearest is the folder itself, or the one in which it would be made.
func nearest(dir string) string {
	for dir != "/" && dir != "." {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// stateFacts try whether the data partition takes anything.
func stateFacts(dir string, seen slot.View) doctor.State {
	s := doctor.State{Dir: dir}
	at := nearest(dir)
	var fsys unix.Statfs_t
	if err := unix.Statfs(at, &fsys); err != nil {
		s.Err = fmt.Errorf("statfs %s: %w", at, err)
		return s
	}
	s.Free = int64(fsys.Bavail) * int64(fsys.Bsize)
	kind := seen.FileSystem(at)
	s.Volatile = kind == "tmpfs" || kind == "ramfs"
	if s.Err = probe(at); errors.Is(s.Err, unix.ENOSPC) {
		s.Err, s.Free = nil, 0 // the journal has its room
	}
	j, err := journal.OpenReadOnly(filepath.Join(dir, "journal"))
	s.Missing = errors.Is(err, fs.ErrNotExist)
	if s.Missing {
		s.Needed = 2 * recordSize
		return s
	}
	if err == nil {
		_, err = j.Load()
		j.Close()
	}
	switch {
	case errors.Is(err, journal.ErrLost):
		s.Journal = err
	case s.Err == nil:
		s.Err = err // the medium fails
	}
	return s
}

// probe writes a file, makes sure that it is on the medium, and removes it. It
// has one name, so that power cuts leave no more than one behind.
func probe(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, ".abota-doctor"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString("abota doctor\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// dogFacts say who resets a device that hangs.
func dogFacts(cfg *config.Config) doctor.Watchdog {
	w := doctor.Watchdog{Configured: cfg.Watchdog.Device, Init: initHoldsWatchdog(machine)}
	if w.Init == "" && underSystemd() && systemdWantsWatchdog() {
		w.Init = "systemd's RuntimeWatchdogSec is set"
	}
	if w.Configured != "" {
		w.Err = health.CheckWatchdog(w.Configured)
		w.NoWayOut = health.NoWayOut(w.Configured)
	}
	return w
}
