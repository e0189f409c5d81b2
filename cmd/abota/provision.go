package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"
	"unicode"

	"abota/bootctl"
	"abota/bootctl/dialect"
	"abota/bootctl/uboot"
	"abota/cmd/internal/cli"
	"abota/updater"
	"abota/updater/config"
	"abota/updater/slot"
)

// provision writes the first boot table and journal: on the device that runs,
// or, with --image, into a disk image at the factory.
func provision(c *command, flags *flag.FlagSet) action {
	var opts updater.ProvisionOptions
	flags.BoolVar(&opts.Both, "both", false, "")
	flags.BoolVar(&opts.Force, "force", false, "")
	flags.StringVar(&opts.Version, "release", "", "")
	image := flags.String("image", "", "")
	stateDir := flags.String("state-dir", "", "")
	return func(ctx context.Context, _ []string) error {
		if *stateDir != "" {
			c.sets = append(c.sets, "state_dir="+*stateDir)
		}
		open := func() (*device, error) { return c.open(ctx, writing) }
		if strings.ContainsFunc(opts.Version, unicode.IsControl) {
			return cli.Usage("--release %q has control characters", opts.Version)
		}
		if *image != "" {
			if *stateDir == "" {
				return cli.Usage("provision --image needs --state-dir: the folder that becomes state_dir on the data partition")
			}
			opts.Factory = true
			open = func() (*device, error) { return c.openImage(ctx, *image) }
		}
		d, err := open()
		if err != nil {
			return err
		}
		defer d.Close()
		// The factory is where it can still be put right.
		if err := d.cfg.Private(); err != nil {
			return err
		}
		opts.Digest = d.digest
		s, err := d.Provision(ctx, opts)
		if err != nil {
			return err
		}
		c.showStatus(statusJSON{Status: s})
		return nil
	}
}

// openImage builds the engine over the partitions of a disk image. The booted
// slot is the one that shall boot first: --booted, or A.
func (c *command) openImage(ctx context.Context, image string) (*device, error) {
	return c.openWith(func(d *device) error { return d.buildOnImage(ctx, c, image) })
}

func (d *device) buildOnImage(ctx context.Context, c *command, image string) error {
	if d.cfg.Slots[bootctl.A].Dir != "" {
		return &configError{errors.New("provision --image is for slots on partitions: provision folders where they are, with --state-dir and --set slots.a.dir=…")}
	}
	var parts [2]slot.Part
	var paths [2]string
	for _, s := range bootctl.Slots {
		var err error
		if d.cfg.Slots[s].Device == "" {
			return &configError{fmt.Errorf("slot %s: cannot provision an image for a slot of several parts: provision on the device", s)}
		}
		if parts[s], err = slot.FindIn(image, d.cfg.Slots[s].Device); err != nil {
			return &configError{fmt.Errorf("slot %s: %w", s, err)}
		}
		paths[s] = d.cfg.Slots[s].Device
	}
	backend, err := d.backendOnImage(image, parts)
	if err != nil {
		return err
	}
	if _, err := d.takeLock(ctx, c.log, writing); err != nil {
		return err
	}
	j, err := d.journal(c.log, writing)
	if err != nil {
		return err
	}
	booted := bootctl.A
	if c.booted != "" {
		if booted, err = bootctl.ParseSlot(c.booted); err != nil {
			return cli.Usage("--booted: %v", err)
		}
	}
	d.digest = func(ctx context.Context, s bootctl.Slot) ([]slot.Held, error) {
		proof, err := slot.DigestIn(ctx, image, parts[s])
		return []slot.Held{{Name: config.RootPart, SHA256: proof.SHA256, Size: proof.Size}}, err
	}
	d.Engine = &updater.Engine{
		Backend: backend, Journal: j, Paths: paths, Booted: booted,
		ConfirmedTries: d.cfg.Bootloader.ConfirmedTries, Now: time.Now, Log: c.log, Code: exitCode,
	}
	return nil
}

// backendOnImage is the environment inside the image, as the product's boot
// script will find it.
func (d *device) backendOnImage(image string, parts [2]slot.Part) (bootctl.Backend, error) {
	if len(d.cfg.Bootloader.Env) == 0 {
		return nil, &configError{errors.New("cannot provision an image without bootloader.env: list the two copies of U-Boot's environment")}
	}
	var copies []uboot.Copy
	for _, env := range d.cfg.Bootloader.Env {
		part, err := slot.FindIn(image, env.Device)
		if err != nil {
			return nil, &configError{fmt.Errorf("bootloader.env: %w", err)}
		}
		if env.Offset < 0 || env.Offset+env.Size > part.Size {
			return nil, &configError{fmt.Errorf("bootloader.env: offset %#x with size %#x is outside %s, which has %#x bytes", env.Offset, env.Size, env.Device, part.Size)}
		}
		for _, s := range parts {
			if part.Offset+env.Offset < s.Offset+s.Size && s.Offset < part.Offset+env.Offset+env.Size {
				return nil, &configError{fmt.Errorf("bootloader.env: cannot use %s because that is a slot: give the environment a partition of its own", env.Device)}
			}
		}
		copies = append(copies, uboot.Copy{Path: image, Offset: part.Offset + env.Offset, Size: env.Size})
	}
	foreign, err := dialectOf(d.cfg.Bootloader, dialect.UBoot, [2]string{})
	if err != nil {
		return nil, err
	}
	backend, err := uboot.New(copies, true)
	if err != nil {
		return nil, &configError{err}
	}
	return backend.Speaking(foreign), nil
}
