package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"abota/sim/board"
	"abota/sim/disk"
	"abota/sim/guest"
	"abota/sim/loader"
	"abota/sim/nbd"
	"abota/sim/parts"
	"abota/sim/store"
)

// Options say what a world is made of.
type Options struct {
	// Dir is an existing, empty work folder with a short path.
	Dir string
	// Board is the kind of board, parts.DefaultBoard when zero.
	Board parts.Board
	// Abota is a device binary for the board, built when empty.
	Abota string
	// Setting is the scenario's.
	Setting Setting
	// Timeline is told what happens.
	Timeline *Timeline
	// Console receives the raw serial console, when not nil.
	Console io.Writer
	// WriteLog is where all writes to the disk are noted, see board.Config.
	WriteLog string
}

// World is a board, off, with firmware "1" in slot A, and the object store
// that it takes its updates from. With Setting.Fleet it is several boards, and
// the AWS IoT that they take their updates from.
type World struct {
	dir      string
	timeline *Timeline
	kind     parts.Board
	loader   loader.Loader
	disk     disk.Image
	// behind is what its file has behind the disk's end.
	behind disk.Layout
	// publisher is the path of abota-publish.
	publisher string
	// files are what each firmware has for its boot loader.
	files  map[string]string
	store  *store.Store
	device store.Keys
	secure *secure // nil without TLS
	// hooks has the firmware run hooks.
	hooks bool
	maker *guest.Maker
	// kernel is the path of every firmware's.
	kernel string
	cloud  *cloud // nil without a fleet
	// fleet has a world for each board, which shares all of the above but
	// folder and timeline; and name is the board's there. The fleet's own world
	// has no board.
	fleet []*World
	name  string
	board *board.Board
	// failing serves the board's disk where a scenario lets it fail.
	failing *nbd.Disk
	// seen is where the log was read up to, boot where the current boot began.
	seen, boot board.Mark
}

const (
	bucket = "fleet-firmware"
	// hostAlias is the host's loopback as QEMU's user network shows it.
	hostAlias = "10.0.2.2"
	// FactoryVersion is what a board leaves the factory with.
	FactoryVersion = "1"
)

// Fetch fills the user's cache with what worlds of any kind of board need, so
// that they can be made without network. It says on log what takes long.
func Fetch(ctx context.Context, log io.Writer) error {
	cache, err := parts.DefaultCache()
	if err != nil {
		return err
	}
	for _, kind := range parts.Boards() {
		if _, err := parts.Fetch(ctx, kind, cache, log); err != nil {
			return err
		}
	}
	return store.Fetch(ctx)
}

// NewWorld builds everything. Close releases it.
func NewWorld(ctx context.Context, opts Options) (_ *World, err error) {
	w := &World{dir: opts.Dir, timeline: opts.Timeline, kind: opts.Board, hooks: opts.Setting.Hooks}
	if w.kind.Name == "" {
		w.kind = parts.DefaultBoard()
	}
	if opts.Setting.Verity {
		w.kind = w.kind.Verified()
	}
	if opts.Setting.Watchdog {
		if w.kind, err = parts.WithWatchdog(w.kind); err != nil {
			return nil, err
		}
	}
	w.loader = loader.For(w.kind)
	w.disk = disk.Image{Path: filepath.Join(w.dir, "disk.img"), Layout: w.loader.Layout()}
	if len(opts.Setting.Fleet) > 0 {
		if err := canStream(w.kind); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	cache, err := parts.DefaultCache()
	if err != nil {
		return nil, err
	}
	set, err := parts.Get(ctx, w.kind, cache, w.timeline)
	if err != nil {
		return nil, err
	}
	module, err := FindModule(ctx)
	if err != nil {
		return nil, err
	}
	abota := opts.Abota
	if abota == "" {
		w.timeline.Note("building abota for %s", w.kind.Debian)
		if abota, err = module.Build(ctx, "abota", w.kind.Go, w.dir); err != nil {
			return nil, err
		}
	}
	if w.publisher, err = module.Build(ctx, "abota-publish", "", w.dir); err != nil {
		return nil, err
	}
	if err := w.openServers(ctx, opts.Setting); err != nil {
		return nil, err
	}
	f, err := w.openFactory(ctx, module, set, abota)
	if err != nil {
		return nil, err
	}
	if err := w.makeBoards(ctx, f, opts); err != nil {
		return nil, err
	}
	return w, nil
}

// openServers starts what boards take their updates from.
func (w *World) openServers(ctx context.Context, s Setting) (err error) {
	if len(s.Fleet) > 0 {
		return w.openCloud(ctx, s.Fleet)
	}
	if err := w.openStore(ctx); err != nil {
		return err
	}
	if s.Secure {
		w.secure, err = newSecure(w.store.Endpoint())
	}
	return err
}

// makeBoards makes the board, or each one of the fleet.
func (w *World) makeBoards(ctx context.Context, f *factory, opts Options) error {
	if len(opts.Setting.Fleet) == 0 {
		return w.makeBoard(ctx, f, opts)
	}
	for _, name := range opts.Setting.Fleet {
		m, err := w.member(name)
		if err != nil {
			return err
		}
		its := opts
		if opts.Console != nil {
			its.Console = &labelled{out: opts.Console, label: name}
		}
		if err := m.makeBoard(ctx, f, its); err != nil {
			return err
		}
		w.fleet = append(w.fleet, m)
	}
	return nil
}

// makeBoard makes a board and its disk.
func (w *World) makeBoard(ctx context.Context, f *factory, opts Options) error {
	if err := f.buildDisk(ctx, w); err != nil {
		return err
	}
	c := board.Config{
		Parts: f.parts, Disk: w.disk.Path, Vars: w.varsPath(), Dir: w.dir, Clock: opts.Setting.Clock,
		Console: opts.Console, WriteLog: opts.WriteLog,
	}
	if opts.WriteLog != "" && w.kind.Loader == parts.LoaderEFI {
		if err := w.logVars(&c); err != nil {
			return err
		}
	}
	w.board = board.New(c)
	w.board.Log().Watch(w.timeline.event)
	return f.firstBoot(ctx, w)
}

// logVars moves the firmware's variables behind the disk's end, so that one log
// has the writes to both, in their order.
func (w *World) logVars(c *board.Config) error {
	content, err := os.ReadFile(c.Vars)
	if err != nil {
		return fmt.Errorf("read the firmware's variables: %w", err)
	}
	c.VarsAt = w.disk.Size()
	f, err := os.OpenFile(w.disk.Path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("put the firmware's variables behind the disk: %w", err)
	}
	_, err = f.WriteAt(content, c.VarsAt)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("put the firmware's variables behind the disk: %w", err)
	}
	w.behind = disk.Layout{{Name: disk.Vars, Offset: c.VarsAt, Size: int64(len(content))}}
	return nil
}

// Close takes the boards' power and stops what they take their updates from.
func (w *World) Close() error {
	for _, m := range w.fleet {
		m.board.PowerCut()
	}
	if w.board != nil {
		w.board.PowerCut()
	}
	w.secure.close()
	if w.failing != nil {
		if err := w.failing.Close(); err != nil {
			w.timeline.Note("close the failing disk: %v", err)
		}
	}
	if w.cloud != nil {
		return w.cloud.Close()
	}
	if w.store != nil {
		return w.store.Stop()
	}
	return nil
}

// Board is the board itself.
func (w *World) Board() *board.Board { return w.board }

// Disk is the image of the board's disk, as it is now.
func (w *World) Disk() string { return w.disk.Path }

// Kind is the kind of board.
func (w *World) Kind() parts.Board { return w.kind }

// LoaderFiles are what each firmware has for its boot loader below /etc/abota, by
// name.
func (w *World) LoaderFiles() map[string]string { return maps.Clone(w.files) }

// Layout is what the disk's partitions are, and what lies behind its end: the
// firmware's variables, where a log has the writes to them.
func (w *World) Layout() disk.Layout { return slices.Concat(w.disk.Layout, w.behind) }

// CommandLine starts the board as it is now by hand; of a fleet there is a line
// for each board.
func (w *World) CommandLine() string {
	if w.board != nil {
		return w.board.CommandLine()
	}
	var lines []string
	for _, m := range w.fleet {
		lines = append(lines, m.board.CommandLine())
	}
	return strings.Join(lines, "\n  ")
}

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

// image builds a firmware with the board's configuration.
func (w *World) image(ctx context.Context, version string, b guest.Behaviour) (string, error) {
	config, err := w.deviceConfig(b)
	if err != nil {
		return "", err
	}
	fw := guest.Firmware{Version: version, Behaviour: b, Config: config, Files: maps.Clone(w.files)}
	if w.hooks {
		fw.Config += hooksConfig
	}
	if w.secure != nil {
		fw.Config += "tls: {ca_file: /etc/abota/ca.pem}\n"
		fw.Authority = string(w.secure.ca.PEM())
	}
	if w.cloud != nil {
		if err := w.cloud.firmware(&fw); err != nil {
			return "", err
		}
	}
	return w.maker.Image(ctx, fw)
}

// The deadlines of the board's health checks. One that passes has as long as
// a busy host may need; one that never does is waited for, but is looked at
// before.
const (
	patientDeadline = 3 * time.Minute
	sickDeadline    = 15 * time.Second
	// particularDeadline has to do for both.
	particularDeadline = 45 * time.Second
)

// watchdogTimeout is short only where a scenario waits for it.
func (w *World) watchdogTimeout(b guest.Behaviour) time.Duration {
	if b.Locks() || w.kind.HasWatchdog() {
		return dogTimeout
	}
	return time.Minute
}

const dogTimeout = 10 * time.Second

// deviceConfig is the board's /etc/abota/config.yaml.
func (w *World) deviceConfig(b guest.Behaviour) (string, error) {
	deadline := patientDeadline
	if b == guest.Unhealthy {
		deadline = sickDeadline
	}
	if b == guest.Particular {
		deadline = particularDeadline
	}
	from, err := w.sourceConfig()
	if err != nil {
		return "", err
	}
	return from + w.loader.Config() + fmt.Sprintf(`health:
  deadline: %s
  stable_for: 2s
  update_path_deadline: %s
  checks:
    - {exec: [/usr/bin/selftest], timeout: 30s}
watchdog: {device: /dev/watchdog, timeout: %s}
`,
		deadline, patientDeadline, w.watchdogTimeout(b)), nil
}

// sourceConfig is the part of it that says where updates come from.
func (w *World) sourceConfig() (string, error) {
	shown := w.store.Endpoint()
	if w.secure != nil {
		shown = w.secure.front.Endpoint()
	}
	endpoint, err := url.Parse(shown)
	if err != nil {
		return "", fmt.Errorf("read the store's address: %w", err)
	}
	endpoint.Host = hostAlias + ":" + endpoint.Port()
	store := fmt.Sprintf("region: %s\nbucket: %s\nendpoint: %s\n", w.store.Region(), bucket, endpoint)
	if w.cloud != nil {
		return store + w.cloud.config(), nil
	}
	return fmt.Sprintf("accesskey: %s\nsecretkey: %s\nsessiontoken: %s\n", w.device.AccessKey, w.device.SecretKey, w.device.SessionToken) + store, nil
}
