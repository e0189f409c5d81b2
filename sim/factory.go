package sim

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"abota/sim/disk"
	"abota/sim/guest"
	"abota/sim/parts"
)

// factory makes the disks of boards as they leave it: firmware in slot A,
// nothing in slot B, and the first boot table and journal.
type factory struct {
	parts parts.Set
	// boot and root are images of partitions, the same for every board.
	boot, root string
	// abota is the host's, which provisions, by the firmware's configuration.
	abota, config string
}

// openFactory makes what every board gets.
func (w *World) openFactory(ctx context.Context, module Module, set parts.Set, abota string) (*factory, error) {
	w.timeline.Note("building the board's disk")
	f := &factory{parts: set}
	script, err := module.read("cmd/abota/init/abota.sysv")
	if err != nil {
		return nil, err
	}
	loader, err := module.read("bootctl/uboot/boot.cmd")
	if err != nil {
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
	if f.boot, err = w.maker.BootPartition(ctx, string(loader)); err != nil {
		return nil, err
	}
	if f.root, err = w.image(ctx, FactoryVersion, guest.Healthy); err != nil {
		return nil, err
	}
	return f, f.openProvisioning(ctx, w, module)
}

// openProvisioning makes what the last step needs.
func (f *factory) openProvisioning(ctx context.Context, w *World, module Module) error {
	dir := filepath.Join(w.dir, "factory")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("make the factory's folder: %w", err)
	}
	text, err := w.deviceConfig(guest.Healthy)
	if err != nil {
		return err
	}
	f.config = filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(f.config, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the firmware's configuration: %w", err)
	}
	f.abota, err = module.Build(ctx, "abota", "", dir)
	return err
}

// buildDisk makes a board's disk.
func (f *factory) buildDisk(ctx context.Context, w *World) error {
	if err := disk.Create(ctx, w.diskPath(), map[string]string{disk.Boot: f.boot, disk.Root("A"): f.root}); err != nil {
		return err
	}
	state := filepath.Join(w.dir, "state")
	if err := f.provision(ctx, w.diskPath(), state); err != nil {
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
	return disk.Put(w.diskPath(), disk.Data, data)
}

// provision is the factory's last step: the host's abota writes the boot table
// into the disk image, and the journal into what becomes the data partition.
func (f *factory) provision(ctx context.Context, image, state string) error {
	cmd := exec.CommandContext(ctx, f.abota, "--config", f.config, "--booted", "A", "provision",
		"--image", image, "--state-dir", state, "--release", FactoryVersion)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("`%s`: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
