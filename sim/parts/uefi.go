package parts

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// uefi adds the firmware and what it starts.
func (s *Set) uefi(ctx context.Context, cache string, log io.Writer) error {
	f := s.Board.Firmware
	firmware, err := fetched(ctx, s.Board.Debian, cache, log, f.Package, f.Code, f.Vars)
	if err != nil {
		return err
	}
	s.Code, s.Vars = filepath.Join(firmware, f.Code), filepath.Join(firmware, f.Vars)
	if s.Board.LoaderPackage == "" {
		return nil
	}
	dir, err := fetched(ctx, s.Board.Debian, cache, log, s.Board.LoaderPackage, s.Board.LoaderPath)
	if err != nil {
		return err
	}
	s.Loader = filepath.Join(dir, s.Board.LoaderPath)
	if s.Board.Loader == LoaderGRUB {
		s.Loader, err = grubImage(ctx, s.Board, s.Loader, cache, log)
	}
	return err
}

// fetched returns the folder in the cache with these files of a package.
func fetched(ctx context.Context, arch, cache string, log io.Writer, name string, files ...string) (string, error) {
	dir := filepath.Join(cache, arch+"-"+name)
	o := order{arch: arch, names: []string{name}, only: files, whole: func(dir string) bool {
		for _, file := range files {
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
				return false
			}
		}
		return true
	}}
	if o.whole(dir) {
		return dir, nil
	}
	fmt.Fprintf(log, "fetching %s for %s from Debian\n", name, arch)
	return dir, o.fetchInto(ctx, dir)
}

// grubModules are those that the product's grub.cfg and what starts it need.
var grubModules = strings.Fields(`part_gpt fat ext2 normal configfile search search_label
	linux loadenv test echo reboot serial terminal boot regexp probe true efi_gop`)

// grubStart is what GRUB does first: it looks for the boot partition by the
// label of its file system, and shows itself on the serial console alone.
const grubStart = `serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
search --no-floppy --label BOOT --set=root
configfile ($root)/grub/grub.cfg
`

// grubImage makes GRUB from its modules. What it begins with is part of its name
// in the cache.
func grubImage(ctx context.Context, board Board, modules, cache string, log io.Writer) (string, error) {
	sum := crc32.ChecksumIEEE([]byte(grubStart + strings.Join(grubModules, " ")))
	path := filepath.Join(cache, fmt.Sprintf("grub-%s-%08x.efi", board.Debian, sum))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := ensure(ctx, []need{{"grub-mkimage", "grub-common"}}, log); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(cache, ".grub-")
	if err != nil {
		return "", fmt.Errorf("make a folder for GRUB: %w", err)
	}
	defer os.RemoveAll(tmp)
	start, made := filepath.Join(tmp, "start.cfg"), filepath.Join(tmp, "grub.efi")
	if err := os.WriteFile(start, []byte(grubStart), 0o644); err != nil {
		return "", fmt.Errorf("write GRUB's first commands: %w", err)
	}
	tool, err := Tool("grub-mkimage")
	if err != nil {
		return "", err
	}
	args := append([]string{"-d", modules, "-O", board.Firmware.Target, "-c", start, "-p", "/grub", "-o", made}, grubModules...)
	if out, err := exec.CommandContext(ctx, tool, args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("make GRUB for %s: %w: %s", board.Name, err, lastLine(out))
	}
	if err := os.Rename(made, path); err != nil {
		return "", fmt.Errorf("keep GRUB: %w", err)
	}
	return path, nil
}
