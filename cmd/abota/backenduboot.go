package main

import (
	"errors"
	"fmt"
	"io/fs"

	"abota/bootctl"
	"abota/bootctl/dialect"
	"abota/bootctl/uboot"
	"abota/updater/slot"
)

// fwEnvConfig is where U-Boot's own tools are told of the environment.
const fwEnvConfig = "/etc/fw_env.config"

// ubootBackend is the environment that the configuration names, or the one of
// U-Boot's own tools.
func (d *device) ubootBackend(host slot.Host, slots [2]slot.Group) (bootctl.Backend, error) {
	if len(d.cfg.Bootloader.Env) > 0 {
		return d.configuredEnv(host, slots)
	}
	copies, err := uboot.FromFwEnvConfig(onMachine(fwEnvConfig))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &configError{fmt.Errorf("cannot tell where the boot table is because bootloader is not configured and %s does not exist: set bootloader.env", fwEnvConfig)}
	}
	if err != nil {
		return nil, &configError{err}
	}
	return d.openUBoot(copies, pathsOf(slots))
}

func (d *device) configuredEnv(host slot.Host, slots [2]slot.Group) (bootctl.Backend, error) {
	copies := make([]uboot.Copy, len(d.cfg.Bootloader.Env))
	for i, env := range d.cfg.Bootloader.Env {
		path, err := findEnv(host, env.Device)
		if err != nil {
			return nil, &configError{fmt.Errorf("bootloader.env: %w", err)}
		}
		copies[i] = uboot.Copy{Path: path, Offset: env.Offset, Size: env.Size}
		if uboot.OnFlash(path) {
			continue
		}
		for _, s := range bootctl.Slots {
			inside, err := host.Overlaps(path, env.Offset, env.Size, slots[s])
			if err != nil {
				return nil, &configError{fmt.Errorf("bootloader.env: %w", err)}
			}
			if inside {
				return nil, &configError{fmt.Errorf("bootloader.env[%d]: cannot use %s at %#x because that is in slot %s: give the environment storage of its own", i, env.Device, env.Offset, s)}
			}
		}
	}
	return d.openUBoot(copies, pathsOf(slots))
}

// findEnv is where a copy of the environment lies. Flash is no block device, and
// is not looked for among them.
func findEnv(host slot.Host, device string) (string, error) {
	if uboot.OnFlash(device) {
		return device, nil
	}
	return host.Find(device)
}

// openUBoot is on these copies, in the variables that the configuration names, or
// that the boot script announces.
func (d *device) openUBoot(copies []uboot.Copy, paths [2]string) (bootctl.Backend, error) {
	script, err := readScriptWords()
	if err != nil {
		return nil, fmt.Errorf("cannot tell whether the boot script keeps abota's contract: %w", err)
	}
	foreign, err := dialectOf(d.cfg.Bootloader, dialect.UBoot, paths)
	if err != nil {
		return nil, err
	}
	backend, err := uboot.New(copies, script.contract)
	if err != nil {
		return nil, &configError{err}
	}
	return backend.Speaking(foreign), nil
}
