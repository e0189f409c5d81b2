package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"abota/bootctl"
	"abota/bootctl/grub"
	"abota/sim/disk"
	"abota/sim/guest"
	"abota/sim/loader"
	"abota/sim/parts"
)

// factory makes the disks of boards as they leave it: firmware in slot A,
// nothing in slot B, and the first boot table and journal.
type factory struct {
	parts parts.Set
	// root is the image of slot A, the same for every board, and what the boot
	// partition is made of.
	root     string
	material loader.Material
	// abota is the host's, which provisions.
	abota string
}

// openFactory makes what every board gets.
func (w *World) openFactory(ctx context.Context, module Module, set parts.Set, abota string) (*factory, error) {
	w.timeline.Note("building the board's disk")
	f := &factory{parts: set}
	script, err := module.read("cmd/abota/init/abota.sysv")
	if err != nil {
		return nil, err
	}
	if w.files, err = w.loader.Files(module.read); err != nil {
		return nil, err
	}
	if w.cloud != nil {
		agent, err := module.read("cmd/abota/init/abota-agent.sysv")
		if err != nil {
			return nil, err
		}
		w.cloud.agent = string(agent)
	}
	if w.maker, err = guest.NewMaker(set, abota, script, w.dir); err != nil {
		return nil, err
	}
	f.material = loader.Material{Parts: set, Read: module.read, Initrd: w.maker.Initrd(), Dir: w.dir}
	if f.root, err = w.image(ctx, FactoryVersion, guest.Healthy); err != nil {
		return nil, err
	}
	dir := filepath.Join(w.dir, "factory")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the factory's folder: %w", err)
	}
	f.abota, err = module.Build(ctx, "abota", "", dir)
	return f, err
}

// buildDisk makes a board's disk.
func (f *factory) buildDisk(ctx context.Context, w *World) error {
	boot, state := filepath.Join(w.dir, "boot"), filepath.Join(w.dir, "state")
	if err := os.Mkdir(boot, 0o755); err != nil {
		return fmt.Errorf("make the boot partition's folder: %w", err)
	}
	if err := w.loader.Fill(ctx, boot, f.material); err != nil {
		return err
	}
	if err := w.disk.Create(ctx, map[string]string{disk.Root("A"): f.root}); err != nil {
		return err
	}
	if err := f.provision(ctx, w, boot, state); err != nil {
		return err
	}
	if w.cloud != nil {
		if err := w.cloud.identify(w.name, state); err != nil {
			return err
		}
	}
	data := filepath.Join(w.dir, "data.ext4")
	if err := disk.Ext4Journaled(ctx, data, state, "data", disk.DataSize); err != nil {
		return err
	}
	if err := w.disk.Put(disk.Data, data); err != nil {
		return err
	}
	return f.fillBoot(ctx, w, boot)
}

// fillBoot makes the boot partition of a folder, and the firmware's variables.
func (f *factory) fillBoot(ctx context.Context, w *World, dir string) error {
	p, err := w.disk.Find(disk.Boot)
	if err != nil {
		return err
	}
	image := filepath.Join(w.dir, "boot.fat")
	if err := disk.FAT(ctx, image, dir, "BOOT", p.Size); err != nil {
		return err
	}
	if err := w.disk.Put(disk.Boot, image); err != nil || f.parts.Vars == "" {
		return err
	}
	return disk.Copy(w.varsPath(), f.parts.Vars)
}

// varsPath is the file with the UEFI's variables.
func (w *World) varsPath() string { return filepath.Join(w.dir, "vars.fd") }

// provision is the factory's last step: the host's abota writes the boot table
// into the disk image or the boot partition's folder, and the journal into what
// becomes the data partition.
func (f *factory) provision(ctx context.Context, w *World, boot, state string) error {
	etc := filepath.Join(w.dir, "factory", "etc-"+w.name)
	if err := os.MkdirAll(etc, 0o700); err != nil {
		return fmt.Errorf("make the factory's folder: %w", err)
	}
	text, err := w.deviceConfig(guest.Healthy, boot, etc)
	if err != nil {
		return err
	}
	config := filepath.Join(etc, "config.yaml")
	err = os.WriteFile(config, []byte(text), 0o600)
	for name, content := range w.files {
		err = errors.Join(err, os.WriteFile(filepath.Join(etc, name), []byte(content), 0o600))
	}
	if err != nil {
		return fmt.Errorf("write the firmware's configuration: %w", err)
	}
	if w.kind.Loader != parts.LoaderUBoot {
		return f.provisionFolder(w, boot, state)
	}
	cmd := exec.CommandContext(ctx, f.abota, "--config", config, "--booted", "A", "provision",
		"--image", w.disk.Path, "--state-dir", state, "--release", FactoryVersion)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("`%s`: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// provisionFolder makes the table in the boot partition's folder by the product's
// backend. The first boot finds no journal, and begins one.
func (f *factory) provisionFolder(w *World, boot, state string) error {
	if err := os.MkdirAll(state, 0o700); err != nil {
		return fmt.Errorf("make the data partition's folder: %w", err)
	}
	if w.kind.Loader != parts.LoaderGRUB {
		return fmt.Errorf("cannot provision a board of kind %s: the simulator does not know how", w.kind.Name)
	}
	at := func(name string) grub.Place { return grub.Place{Path: filepath.Join(boot, "abota", name, "env")} }
	backend, err := grub.New([2]grub.Place{at("0"), at("1")}, at("count"))
	if err != nil {
		return err
	}
	table := bootctl.Table{Generation: 1, ConfirmedTries: 10}.WithOrder(bootctl.A)
	table.Slots[bootctl.A] = bootctl.State{Priority: table.Slots[bootctl.A].Priority, Tries: 10, Good: true}
	return backend.Store(table)
}
