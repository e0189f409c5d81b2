package loader

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"abota/sim/disk"
	"abota/sim/parts"
)

// uboot starts a slot by the product's script on the boot partition, and keeps
// the table in its environment.
type uboot struct{ kind parts.Board }

func (uboot) Layout() disk.Layout { return disk.UBoot() }

func (uboot) Mount() string { return "" }

func (uboot) KernelInSlot() bool { return true }

func (uboot) Says(e Seen) (string, bool) { return script{"environment"}.Says(e) }

func (uboot) Counts() (trial, confirmed bool) { return true, true }

func (u uboot) Fill(ctx context.Context, dir string, m Material) error {
	text, err := m.Read("bootctl/uboot/boot.cmd")
	if err != nil {
		return err
	}
	settings := map[string]string{}
	maps.Copy(settings, u.kind.Script)
	if u.kind.Verity {
		settings["ab_label_A"], settings["ab_label_B"] = disk.BootOf("A"), disk.BootOf("B")
	}
	settled, err := settle(string(text), settings)
	if err != nil {
		return err
	}
	source := filepath.Join(m.Dir, "boot.cmd")
	if err := os.WriteFile(source, []byte(settled), 0o644); err != nil {
		return fmt.Errorf("write the boot script: %w", err)
	}
	return compile(ctx, u.kind.Arch, source, filepath.Join(dir, "boot.scr"))
}

func (uboot) Files(Read) (map[string]string, error) { return nil, nil }

func (uboot) Config() string {
	return slots() + environment()
}

// environment is where the table is.
func environment() string {
	return fmt.Sprintf(`bootloader:
  kind: uboot
  env:
    - {device: PARTLABEL=%s, offset: 0, size: %#x}
    - {device: PARTLABEL=%s, offset: %#x, size: %#x}
`, disk.Env, disk.EnvCopySize, disk.Env, disk.EnvCopyOffset, disk.EnvCopySize)
}

func (uboot) FirstBoot() string { return "" }

func (uboot) Bears(Loss) error { return nil }

func (u uboot) LoseKernel(ctx context.Context, d disk.Image, slot string) error {
	return d.EraseFile(ctx, disk.Root(slot), "/boot/"+u.kind.KernelFile)
}

func (uboot) LoseTable(_ context.Context, d disk.Image) error {
	return errors.Join(d.ScrambleEnv(0), d.ScrambleEnv(1))
}

// settle gives settings of a boot script other values. Each must be there
// once, as a line "setenv NAME …".
func settle(script string, settings map[string]string) (string, error) {
	for name, value := range settings {
		line := regexp.MustCompile(`(?m)^setenv ` + regexp.QuoteMeta(name) + `(?: .*)?$`)
		if n := len(line.FindAllString(script, -1)); n != 1 {
			return "", fmt.Errorf("cannot set %s in the boot script because it is set there %d times, not once", name, n)
		}
		script = line.ReplaceAllLiteralString(script, "setenv "+name+" "+value)
	}
	return script, nil
}

// compile wraps a U-Boot script's source in the image that U-Boot sources.
func compile(ctx context.Context, arch parts.Arch, source, out string) error {
	cmd := exec.CommandContext(ctx, "mkimage", "-A", arch.ScriptType, "-T", "script", "-C", "none", "-n", "abota", "-d", source, out)
	if msg, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile the boot script: %w: %s", err, strings.TrimSpace(string(msg)))
	}
	return nil
}
