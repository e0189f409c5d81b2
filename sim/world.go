package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"

	"abota/sim/board"
	"abota/sim/disk"
	"abota/sim/guest"
	"abota/sim/parts"
	"abota/sim/store"
)

// Options say what a world is made of.
type Options struct {
	// Dir is an existing, empty work folder with a short path.
	Dir string
	// Abota is a device binary for the board, built when empty.
	Abota string
	// Timeline is told what happens.
	Timeline *Timeline
	// Console receives the raw serial console, when not nil.
	Console io.Writer
}

// World is a board, off, with firmware "1" in slot A, and the object store
// that it takes its updates from.
type World struct {
	dir      string
	timeline *Timeline
	store    *store.Store
	device   store.Keys
	maker    *guest.Maker
	board    *board.Board
	// seen is where the log was read up to, boot where the current boot began.
	seen, boot board.Mark
}

const (
	bucket = "fleet-firmware"
	// hostAlias is the host's loopback as QEMU's user network shows it.
	hostAlias = "10.0.2.2"
	// factoryVersion is what a board leaves the factory with.
	factoryVersion = "1"
)

// NewWorld builds everything. Close releases it.
func NewWorld(ctx context.Context, opts Options) (_ *World, err error) {
	w := &World{dir: opts.Dir, timeline: opts.Timeline}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	cache, err := parts.DefaultCache()
	if err != nil {
		return nil, err
	}
	set, err := parts.Get(ctx, parts.ARM64(), cache, w.timeline)
	if err != nil {
		return nil, err
	}
	module, err := FindModule(ctx)
	if err != nil {
		return nil, err
	}
	abota := opts.Abota
	if abota == "" {
		w.timeline.Note("building abota for %s", set.Arch.Debian)
		if abota, err = module.device(ctx, set.Arch, w.dir); err != nil {
			return nil, err
		}
	}
	if err := w.openStore(ctx); err != nil {
		return nil, err
	}
	if err := w.buildDisk(ctx, module, set, abota); err != nil {
		return nil, err
	}
	w.board = board.New(board.Config{Parts: set, Disk: w.diskPath(), Dir: w.dir, Console: opts.Console})
	w.board.Log().Watch(w.timeline.event)
	return w, nil
}

// Close takes the board's power and stops the store.
func (w *World) Close() error {
	if w.board != nil {
		w.board.PowerCut()
	}
	if w.store != nil {
		return w.store.Stop()
	}
	return nil
}

func (w *World) diskPath() string { return filepath.Join(w.dir, "disk.img") }

// CommandLine starts the board as it is now by hand.
func (w *World) CommandLine() string { return w.board.CommandLine() }

// openStore starts MinIO with a bucket and the keys of a device.
func (w *World) openStore(ctx context.Context) (err error) {
	w.timeline.Note("starting MinIO")
	if w.store, err = store.Start(context.WithoutCancel(ctx), filepath.Join(w.dir, "store")); err != nil {
		return err
	}
	if err := w.store.MakeBucket(ctx, bucket); err != nil {
		return err
	}
	w.device, err = w.store.ReaderKeys(bucket)
	return err
}

// buildDisk makes the board's disk as it leaves the factory: firmware in slot
// A, nothing in slot B, and no environment yet.
func (w *World) buildDisk(ctx context.Context, module Module, set parts.Set, abota string) error {
	w.timeline.Note("building the board's disk")
	script, err := module.read("cmd/abota/init/abota.sysv")
	if err != nil {
		return err
	}
	loader, err := module.read("bootctl/uboot/boot.cmd")
	if err != nil {
		return err
	}
	if w.maker, err = guest.NewMaker(set, abota, script, w.dir); err != nil {
		return err
	}
	boot, err := w.maker.BootPartition(ctx, string(loader))
	if err != nil {
		return err
	}
	root, err := w.image(ctx, factoryVersion, guest.Healthy)
	if err != nil {
		return err
	}
	data := filepath.Join(w.dir, "data.ext4")
	if err := disk.Ext4Empty(ctx, data, "data", disk.DataSize); err != nil {
		return err
	}
	return disk.Create(ctx, w.diskPath(), map[string]string{
		disk.Boot: boot, disk.Root("A"): root, disk.Data: data,
	})
}

// image builds a firmware with the board's configuration.
func (w *World) image(ctx context.Context, version string, b guest.Behaviour) (string, error) {
	config, err := w.deviceConfig()
	if err != nil {
		return "", err
	}
	return w.maker.Image(ctx, guest.Firmware{Version: version, Behaviour: b, Config: config})
}

// deviceConfig is the board's /etc/abota/config.yaml. Its deadlines are short
// for a device, and long enough for an emulated one on a busy host.
func (w *World) deviceConfig() (string, error) {
	endpoint, err := url.Parse(w.store.Endpoint())
	if err != nil {
		return "", fmt.Errorf("read the store's address: %w", err)
	}
	endpoint.Host = hostAlias + ":" + endpoint.Port()
	return fmt.Sprintf(`accesskey: %s
secretkey: %s
sessiontoken: %s
region: %s
bucket: %s
endpoint: %s
slots:
  a: {device: PARTLABEL=%s}
  b: {device: PARTLABEL=%s}
bootloader:
  kind: uboot
  env:
    - {device: PARTLABEL=%s, offset: 0, size: %#x}
    - {device: PARTLABEL=%s, offset: %#x, size: %#x}
health:
  deadline: 15s
  stable_for: 4s
  update_path_deadline: 60s
  checks:
    - {exec: [/usr/bin/selftest], timeout: 10s}
watchdog: {device: /dev/watchdog, timeout: 1m}
`, w.device.AccessKey, w.device.SecretKey, w.device.SessionToken, w.store.Region(), bucket, endpoint,
		disk.Root("A"), disk.Root("B"),
		disk.Env, disk.EnvCopySize, disk.Env, disk.EnvCopyOffset, disk.EnvCopySize), nil
}
