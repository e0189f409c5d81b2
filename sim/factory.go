package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"abota/sim/board"
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
	w.kernel = set.Kernel
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
	verityroot := ""
	if w.kind.Verity {
		if verityroot, err = module.Helper(ctx, "sim/guest/verityroot", w.kind.Go, w.dir); err != nil {
			return nil, err
		}
	}
	if w.maker, err = guest.NewMaker(set, abota, verityroot, script, w.dir); err != nil {
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

// buildDisk makes a board's disk. A folder stands for the root of the device that
// does not run yet.
func (f *factory) buildDisk(ctx context.Context, w *World) error {
	root, state := filepath.Join(w.dir, "device"), filepath.Join(w.dir, "state")
	boot := filepath.Join(root, w.loader.Mount())
	if err := os.MkdirAll(boot, 0o755); err != nil {
		return fmt.Errorf("make the device's folder: %w", err)
	}
	if err := w.loader.Fill(ctx, boot, f.material); err != nil {
		return err
	}
	images := map[string]string{disk.Root("A"): f.root}
	if w.kind.Verity {
		images[disk.BootOf("A")], images[disk.Hashes("A")] = f.root+guest.BootSuffix, f.root+guest.HashesSuffix
	}
	if err := w.disk.Create(ctx, images); err != nil {
		return err
	}
	if err := f.provision(ctx, w, root, state); err != nil {
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
// into the disk image or below root, and the journal into what becomes the data
// partition. Where only the board can write the table, it does so later.
func (f *factory) provision(ctx context.Context, w *World, root, state string) error {
	if w.loader.FirstBoot() != "" {
		return os.MkdirAll(state, 0o700)
	}
	config, err := f.configure(w, filepath.Join(root, "etc", "abota"))
	if err != nil {
		return fmt.Errorf("write the firmware's configuration: %w", err)
	}
	args := []string{"--config", config, "--booted", "A", "provision", "--image", w.disk.Path, "--state-dir", state, "--release", FactoryVersion}
	if w.loader.Mount() != "" {
		args = append(args, "--root", root)
	}
	cmd := exec.CommandContext(ctx, f.abota, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("`%s`: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// configure writes the firmware's configuration, and what belongs to it, into
// the folder etc, and returns its path.
func (f *factory) configure(w *World, etc string) (string, error) {
	if err := os.MkdirAll(etc, 0o755); err != nil {
		return "", err
	}
	text, err := w.deviceConfig(guest.Healthy)
	if err != nil {
		return "", err
	}
	config := filepath.Join(etc, "config.yaml")
	err = os.WriteFile(config, []byte(text), 0o600)
	for name, content := range w.files {
		err = errors.Join(err, os.WriteFile(filepath.Join(etc, name), []byte(content), 0o600))
	}
	return config, err
}

// firstBoot is the factory's last step where the table is in the firmware's
// variables: the board is started from the network, provisions itself, and is
// switched off.
func (f *factory) firstBoot(ctx context.Context, w *World) error {
	line := w.loader.FirstBoot()
	if line == "" {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, stepLimit, fmt.Errorf("%w (%s)", errLate, stepLimit))
	defer cancel()
	w.timeline.Note("the board is started by the factory, and provisions itself")
	w.board.StartFrom(board.Kernel{Image: f.parts.Kernel, Initrd: w.maker.Initrd(), Arguments: line})
	defer w.board.StartFrom(board.Kernel{})
	if err := w.board.PowerOn(ctx); err != nil {
		return err
	}
	defer w.board.PowerCut()
	if err := w.awaitHello(ctx); err != nil {
		return err
	}
	_, err := w.guest(ctx, provisioning, 0)
	return err
}

// provisioning waits for the `abota boot` of the boot at hand (9).
const provisioning = `while :; do
	abota provision --force --release ` + FactoryVersion + ` && sync && exit 0
	status=$?
	[ $status = 9 ] || exit $status
	sleep 1
done`
