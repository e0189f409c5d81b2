package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"abota/bootctl/efi"
	"abota/bootctl/uboot"
	"abota/updater/config"
	"abota/updater/report"
	"abota/updater/slot"
)

// maxLoaderFile is more than any file that a bootloader's table lies in has, in
// bytes, and maxPartitionTable than a GPT copy, with sectors of 4096 too.
const (
	maxLoaderFile     = 16 << 10
	maxPartitionTable = 24 << 10
)

// addLoader adds the boot table as it lies there, in each of its copies.
func addLoader(r *report.Report, cfg *config.Config) {
	switch b := cfg.Bootloader; b.Kind {
	case config.KindGRUB:
		if b.Foreign() {
			r.AddFile("grubenv.bin", b.GRUB.Env, maxLoaderFile)
			return
		}
		for i, p := range allGRUBPlaces(b.GRUB) {
			r.AddFile([]string{"grub-block-1.bin", "grub-block-2.bin", "grub-counts.bin"}[i], p.Path, maxLoaderFile)
		}
	case config.KindSDBoot:
		r.AddFolder("sdboot/folder.txt", filepath.Join(b.SDBoot.ESP, "loader", "entries"))
		addMatching(r, "sdboot", filepath.Join(b.SDBoot.ESP, "loader"), "loader.conf")
		addMatching(r, "sdboot", filepath.Join(b.SDBoot.ESP, "loader", "entries"), "*.conf")
		addMatching(r, "efi", onMachine(efi.Mount), "Loader*")
	case config.KindEFI:
		addMatching(r, "efi", onMachine(efi.Mount), "Boot*")
		addMatching(r, "efi", onMachine(efi.Mount), "AbotaTable-*")
	case config.KindGPT:
		r.AddRange("gpt-primary.bin", b.GPT.Disk, 0, maxPartitionTable)
		r.AddRange("gpt-backup.bin", b.GPT.Disk, -maxPartitionTable, maxPartitionTable)
	case config.KindTryBoot:
		r.AddFile("autoboot.txt", b.TryBoot.File, maxLoaderFile)
	case config.KindUBoot, "":
		addEnvironment(r, cfg)
	}
}

// addMatching adds the files of a folder whose names match.
func addMatching(r *report.Report, as, dir, pattern string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		r.Missing(as+"/"+pattern, err)
		return
	}
	for _, e := range entries {
		if match, err := filepath.Match(strings.ToLower(pattern), strings.ToLower(e.Name())); err == nil && match && e.Type().IsRegular() {
			r.AddFile(as+"/"+e.Name(), filepath.Join(dir, e.Name()), maxLoaderFile)
		}
	}
}

// addEnvironment adds both copies of U-Boot's environment, where there is one.
func addEnvironment(r *report.Report, cfg *config.Config) {
	copies, err := environment(cfg)
	if err != nil {
		r.Missing("uboot-environment", err)
	}
	for i, at := range copies {
		r.AddRange(fmt.Sprintf("uboot-environment-%d.bin", i+1), at.Path, at.Offset, at.Size)
	}
}

func environment(cfg *config.Config) ([]uboot.Copy, error) {
	if len(cfg.Bootloader.Env) == 0 {
		copies, err := uboot.FromFwEnvConfig(fwEnvConfig)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return copies, err
	}
	var copies []uboot.Copy
	for _, env := range cfg.Bootloader.Env {
		path, err := findEnv(slot.Host{}, env.Device)
		if err != nil {
			return copies, err
		}
		copies = append(copies, uboot.Copy{Path: path, Offset: env.Offset, Size: env.Size})
	}
	return copies, nil
}
