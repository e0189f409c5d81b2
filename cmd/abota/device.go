package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"abota/bootctl"
	"abota/updater"
	"abota/updater/config"
	"abota/updater/journal"
	"abota/updater/slot"
)

// recordSize is the room for one journal record, in bytes: a full list of
// verdicts fits several times.
const recordSize = 32 << 10

// tableSize is the room for one boot table in a record, in bytes.
const tableSize = 4 << 10

// device is the engine with what it stands on.
type device struct {
	*updater.Engine
	cfg *config.Config
	// digest reads what a slot holds.
	digest func(context.Context, bootctl.Slot) ([]slot.Held, error)
	opened []interface{ Close() error }
	// dog is the watchdog that was held in a trial, if one was.
	dog armedDog
	// kind is that of the boot pointer, as configured or as detected.
	kind string
	// unmade says that the boot table need not be there yet.
	unmade bool
}

// Close gives up the lock and the journal.
func (d *device) Close() {
	for i := len(d.opened) - 1; i >= 0; i-- {
		d.opened[i].Close()
	}
	d.opened = nil
}

// access is what a verb does with the device.
type access int

const (
	// reading changes nothing, not even a state directory.
	reading access = iota
	// writing takes the lock and insists on the journal.
	writing
	// rescuing is writing that goes on without lock file and journal, since a
	// full or broken data partition must never stop a rollback.
	rescuing
	// booting is rescuing that waits for the lock instead of giving up.
	booting
)

// open builds the engine from configuration, kernel command line and device.
func (c *command) open(ctx context.Context, how access) (*device, error) {
	return c.openWith(func(d *device) error { return d.build(ctx, c, how) })
}

// openWith builds an engine on what the configuration says.
func (c *command) openWith(build func(*device) error) (*device, error) {
	cfg, err := c.load()
	if err != nil {
		return nil, err
	}
	return c.openOn(cfg, build)
}

// openOn builds an engine on a configuration that was read before.
func (c *command) openOn(cfg *config.Config, build func(*device) error) (*device, error) {
	if err := cfg.NeedSlots(); err != nil {
		return nil, err
	}
	d := &device{cfg: cfg}
	if err := build(d); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// load reads the configuration and passes its warnings on.
func (c *command) load() (*config.Config, error) {
	cfg, err := config.Load(c.configPaths(), c.environ, c.sets)
	if err != nil {
		return nil, err
	}
	c.warn(cfg)
	return cfg, nil
}

func (c *command) warn(cfg *config.Config) {
	for _, w := range cfg.Warnings {
		c.log.Warn(w)
	}
}

// warnOf says what its storage is to be warned of, each time.
func (c *command) warnOf(backend bootctl.Backend) {
	if b, ok := backend.(interface{ Warning() string }); ok && b.Warning() != "" {
		c.log.Warn(b.Warning())
	}
}

func (d *device) build(ctx context.Context, c *command, how access) error {
	if d.cfg.Slots[bootctl.A].Dir != "" {
		return d.buildOnFolders(ctx, c, how)
	}
	host := slot.Host{InPlace: keepsPlace}
	slots, err := d.findSlots(host)
	if err != nil {
		return err
	}
	held, err := d.takeLock(ctx, c.log, how)
	if err != nil {
		return err
	}
	said, err := readClaims(c.booted, bootnames(d.cfg.Bootloader))
	if err != nil {
		return err
	}
	backend, err := d.backend(host, slots, how)
	if err != nil {
		return err
	}
	c.warnOf(backend)
	said = said.orLoader(backend)
	j, err := d.journal(c.log, how)
	if err != nil {
		return err
	}
	_, journalErr := j.Load()
	booted, err := said.resolve(host, slots, backend, journalErr == nil, how)
	if err != nil {
		return err
	}
	id, err := bootID()
	if err != nil {
		return err
	}
	d.digest = func(ctx context.Context, s bootctl.Slot) ([]slot.Held, error) { return digestOf(ctx, slots[s]) }
	d.Engine = &updater.Engine{
		Backend: backend, Journal: j, Host: host, Paths: pathsOf(slots), Groups: d.groupsOf(slots), Booted: booted,
		BootID: id, ConfirmedTries: d.cfg.Bootloader.ConfirmedTries,
		Reboot: rebootFor(backend, booted, said.byLoader() || !plainFiles(slots), c.log), Evidence: pstoreEvidence,
	}
	if d.TableSeen, err = tableSeen(d.kind); err != nil {
		return err
	}
	d.Note = d.note(said.byLoader() || !plainFiles(slots))
	d.equip(c, held, how)
	return nil
}

// equip gives the engine what is the same for every kind of slot.
func (d *device) equip(c *command, held *stateLock, how access) {
	e := d.Engine
	e.Watchdog, e.Progress, e.Hooks = d.watchdog(c.log), func(updater.Progress) {}, d.hooks()
	e.Code, e.Now, e.Log = exitCode, time.Now, c.log
	if how != reading {
		e.Events = d.events(c, d.BootID)
	}
	e.Prove = func(ctx context.Context) error { return d.prove(ctx, c) }
	if e.Service == nil { // which is restarted first, and takes its own time
		e.ProveWithin = d.gate(c).Longest()
	}
	if held != nil {
		e.Unlocked = held.unlocked
	}
}

// configError is a configuration that does not fit the device: exit 2.
type configError struct{ error }

func (e *configError) Unwrap() error { return e.error }

// takeLock returns nil where the verb needs no lock, or goes on without.
func (d *device) takeLock(ctx context.Context, log *slog.Logger, how access) (*stateLock, error) {
	if how == reading {
		return nil, nil
	}
	held, err := openLock(d.cfg.StateDir)
	if err == nil {
		d.opened = append(d.opened, held)
		take := held.try
		if how == booting {
			take = func() error { return held.wait(ctx) }
		}
		err = take()
	}
	// A lock that somebody holds is one; a lock that fails is none.
	if err == nil || how == writing || errors.Is(err, errLocked) || ctx.Err() != nil {
		return held, err
	}
	log.Error("going on without the lock", "error", err)
	return nil, nil
}

// journal opens the record's file. What cannot be opened counts as lost where
// the verb must go on.
func (d *device) journal(log *slog.Logger, how access) (updater.Journal, error) {
	path := filepath.Join(d.cfg.StateDir, "journal")
	j, err := openRecord(path, recordSize, how)
	switch {
	case err == nil:
		d.opened = append(d.opened, j)
		return j, nil
	case how == writing:
		return nil, err
	case how != reading:
		log.Error("the journal cannot be used", "error", err)
		// On a read-only file system what it says still counts.
		if old, roErr := journal.OpenReadOnly(path); roErr == nil {
			d.opened = append(d.opened, old)
			return readOnlyJournal{old, err}, nil
		}
	}
	return noJournal{err}, nil
}

// readOnlyJournal is one that can be read, and why it cannot be written.
type readOnlyJournal struct {
	*journal.File
	err error
}

func (r readOnlyJournal) Save([]byte) error { return r.err }

func openRecord(path string, size int, how access) (*journal.File, error) {
	if how == reading {
		return journal.OpenReadOnly(path)
	}
	return journal.Open(path, size)
}

// noJournal stands in for one that cannot be opened.
type noJournal struct{ err error }

func (n noJournal) Load() ([]byte, error) { return nil, n.err }
func (n noJournal) Save([]byte) error     { return n.err }

// argument finds name=value on a kernel command line.
func argument(cmdline []byte, name string) (value string, found bool) {
	for _, word := range bytes.Fields(cmdline) {
		if key, v, ok := bytes.Cut(word, []byte("=")); ok && string(key) == name {
			value, found = string(v), true
		}
	}
	return value, found
}
