package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"abota/bootctl"
	"abota/bootctl/record"
	"abota/bootctl/symlink"
	"abota/updater"
	"abota/updater/config"
	"abota/updater/journal"
	"abota/updater/program"
	"abota/updater/slot"
	"abota/updater/tree"
)

// service is what runs from directory slots.
type service struct {
	*symlink.Link
	argv    []string
	timeout time.Duration
}

// Restart runs the configured program. Without one, whatever runs is meant to
// look at the link by itself.
func (s service) Restart(ctx context.Context) error {
	if len(s.argv) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := program.Run(ctx, s.argv, []string{"ABOTA_LINK=" + s.Path()}); err != nil {
		return fmt.Errorf("%s: %w", s.argv[0], err)
	}
	return nil
}

// buildOnFolders builds the engine on directory slots: abota itself is their
// boot loader, so whichever verb writes first in a boot chooses the slot.
func (d *device) buildOnFolders(ctx context.Context, c *command, how access) error {
	d.kind = config.KindSymlink
	link, err := c.link(d.cfg, how)
	if err != nil {
		return err
	}
	lock, err := d.takeLock(ctx, c.log, how)
	if err != nil {
		return err
	}
	backend := symlink.Backend{Backend: d.tableOfFolders(c.log, how)}
	j, err := d.journal(c.log, how)
	if err != nil {
		return err
	}
	id, err := bootID()
	if err != nil {
		return err
	}
	d.Engine = &updater.Engine{
		Backend: backend, Journal: j, Paths: link.Slots(), BootID: id,
		Service:        service{link, d.cfg.Bootloader.Restart, d.cfg.Bootloader.RestartTimeout},
		Tree:           tree.Options{MaxEntries: d.cfg.Tree.MaxEntries, MaxSize: d.cfg.Tree.MaxSize, Warn: func(s string) { c.log.Warn(s) }},
		ConfirmedTries: d.cfg.Bootloader.ConfirmedTries,
	}
	if d.Booted, d.Moved, err = d.chosen(c.log, link, how); err != nil {
		return err
	}
	if err := c.agrees(d.Booted, how); err != nil {
		return err
	}
	d.digest = func(ctx context.Context, s bootctl.Slot) ([]slot.Held, error) {
		proof, err := tree.Digest(ctx, d.Paths[s])
		return []slot.Held{{SHA256: proof.SHA256, Size: proof.Size}}, err
	}
	d.Note = d.note(false)
	d.Judged = func() bool { return held(filepath.Join(d.cfg.StateDir, trialLock)) }
	d.equip(c, lock, how)
	return nil
}

// agrees holds --booted against the link, which nothing overrides.
func (c *command) agrees(shown bootctl.Slot, how access) error {
	if c.booted == "" || how == reading {
		return nil
	}
	said, err := bootctl.ParseSlot(c.booted)
	if err == nil && said != shown {
		err = fmt.Errorf("cannot go on because --booted says that slot %s runs, but the link shows slot %s: leave --booted out", said, shown)
	}
	if err != nil {
		return &configError{err}
	}
	return nil
}

// bootID tells this boot from the next.
func bootID() (string, error) {
	id, err := os.ReadFile(onMachine("proc/sys/kernel/random/boot_id"))
	if err != nil {
		return "", fmt.Errorf("cannot tell this boot from the next: %w", err)
	}
	return string(id[:len(id)-1]), nil
}

// link is the configured link over the slots, where all of it can work. What
// stands where a slot should be keeps nobody from the other slot.
func (c *command) link(cfg *config.Config, how access) (*symlink.Link, error) {
	link, err := symlink.New(cfg.Bootloader.Link, [2]string{cfg.Slots[bootctl.A].Dir, cfg.Slots[bootctl.B].Dir})
	if err != nil {
		return nil, &configError{err}
	}
	for _, s := range bootctl.Slots {
		err := tree.CheckPlace(link.Slots()[s])
		switch {
		case err != nil && how == writing:
			return nil, &configError{fmt.Errorf("slot %s: %w", s, err)}
		case err != nil:
			c.log.Warn("a slot cannot be used", "slot", s.String(), "error", err)
		}
	}
	if same(link.Slots()) {
		return nil, &configError{fmt.Errorf("both slots (%s and %s) are one folder: name two", link.Slots()[bootctl.A], link.Slots()[bootctl.B])}
	}
	return link, c.outside(cfg, link)
}

// same reports whether two names lead to one folder, as through a bind mount, or
// where upper and lower case are one.
func same(slots [2]string) bool {
	a, errA := os.Lstat(slots[bootctl.A])
	b, errB := os.Lstat(slots[bootctl.B])
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// outside makes sure that nothing of abota's own is replaced by an update, or
// wiped: who would go back then?
func (c *command) outside(cfg *config.Config, link *symlink.Link) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot tell where abota itself is: %w", err)
	}
	own := []struct{ what, path string }{{"abota itself", self}, {"state_dir", cfg.StateDir}, {"key_file", cfg.KeyFile}}
	for _, path := range c.configPaths() {
		own = append(own, struct{ what, path string }{"the configuration", path})
	}
	for _, s := range bootctl.Slots {
		for what, path := range map[string]string{"the link": link.Path(), "slot " + s.Other().String(): link.Slots()[s.Other()]} {
			if unfinished := tree.Unfinished(link.Slots()[s]); symlink.Within(path, unfinished) {
				return &configError{fmt.Errorf("%s (%s) lies in %s, where the next tree of slot %s is written: name another path", what, path, unfinished, s)}
			}
		}
	}
	for _, o := range own {
		if o.path == "" {
			continue
		}
		path := resolved(o.path)
		for _, s := range bootctl.Slots {
			for _, folder := range []string{link.Slots()[s], tree.Unfinished(link.Slots()[s])} {
				if symlink.Within(path, folder) {
					return &configError{fmt.Errorf("%s (%s) lies in %s, which updates of slot %s replace: keep it elsewhere", o.what, o.path, folder, s)}
				}
			}
		}
		if symlink.Within(path, link.Path()) {
			return &configError{fmt.Errorf("%s (%s) lies behind the link %s, which updates move: keep it elsewhere", o.what, o.path, link.Path())}
		}
	}
	return nil
}

// resolved follows symbolic links as far as a path exists.
func resolved(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	rest := ""
	for at := abs; ; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest)
		}
		if at == filepath.Dir(at) {
			return abs
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}

// tableOfFolders is the record. Where the verb must go on although it cannot
// be written, it is at least read.
func (d *device) tableOfFolders(log *slog.Logger, how access) bootctl.Backend {
	path := filepath.Join(d.cfg.StateDir, "table")
	f, err := openRecord(path, tableSize, how)
	if err != nil && how != reading {
		log.Error("the boot table cannot be written", "error", err)
		f, err = journal.OpenReadOnly(path)
	}
	if err == nil {
		d.opened = append(d.opened, f)
		return record.New(f, journal.ErrLost)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = journal.ErrLost
	}
	return record.New(noJournal{err}, journal.ErrLost)
}

// loader chooses the slot that runs.
func (d *device) loader(log *slog.Logger, link *symlink.Link, backend bootctl.Backend, id string) symlink.Loader {
	return symlink.Loader{
		Backend: backend, Link: link, BootID: id,
		Marker: filepath.Join(d.cfg.StateDir, "selected"), Warn: func(s string) { log.Warn(s) },
	}
}

// chosen is the slot that runs, and whether the link was moved for it after
// init may have started what it showed.
func (d *device) chosen(log *slog.Logger, link *symlink.Link, how access) (bootctl.Slot, bool, error) {
	shown, ok := link.Shows()
	if how == reading {
		return shown, false, nil
	}
	if !link.Startable(bootctl.A) && !link.Startable(bootctl.B) {
		first := bootctl.A
		if ok {
			first = shown
		}
		if err := os.Mkdir(link.Slots()[first], 0o755); err != nil {
			return 0, false, fmt.Errorf("begin with an empty slot %s: %w", first, err)
		}
		log.Info("neither slot is there: beginning with an empty one", "slot", first.String())
		return first, false, link.Point(first)
	}
	s, err := d.loader(log, link, d.Backend, d.BootID).Select()
	return s.Slot, s.Moved, err
}

// selectWait is how long a service's start waits for another abota.
const selectWait = 10 * time.Second

// selectSlot is what runs before the service starts: it sets the link and does
// nothing else. Only the first call in a boot counts, and needs the lock for
// it; but no lock keeps a service from starting.
func (c *command) selectSlot(ctx context.Context) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if cfg.Slots[bootctl.A].Dir == "" {
		return &configError{errors.New("boot --select is for directory slots: what a bootloader starts needs no link")}
	}
	link, err := c.link(cfg, booting)
	if err != nil {
		return err
	}
	id, err := bootID()
	if err != nil {
		return err
	}
	d := &device{cfg: cfg}
	defer d.Close()
	if d.loader(c.log, link, nil, id).Counted() {
		return c.selected(d.loader(c.log, link, d.tableOfFolders(c.log, reading), id))
	}
	wait, cancel := context.WithTimeout(ctx, selectWait)
	defer cancel()
	if _, err := d.takeLock(wait, c.log, booting); err != nil {
		c.log.Warn("no attempt is counted", "error", err)
		return c.selected(d.loader(c.log, link, d.tableOfFolders(c.log, reading), id))
	}
	return c.selected(d.loader(c.log, link, d.tableOfFolders(c.log, booting), id))
}

func (c *command) selected(l symlink.Loader) error {
	s, err := l.Select()
	if err != nil {
		return err
	}
	c.Say("slot %s is linked", s.Slot)
	if c.JSON {
		c.Result(map[string]any{"slot": s.Slot, "moved": s.Moved})
	}
	return nil
}
