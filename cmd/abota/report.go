package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/google/renameio/v2"

	"abota/cmd/internal/cli"
	"abota/updater/config"
	"abota/updater/eventlog"
	"abota/updater/journal"
	"abota/updater/report"
)

// makeReport collects what support needs into one archive. It takes no lock,
// changes nothing, and fails only where the archive cannot be written.
func makeReport(c *command, flags *flag.FlagSet) action {
	out := flags.String("o", "", "")
	return func(ctx context.Context, _ []string) error {
		if *out == "-" && c.JSON {
			return cli.Usage("-o - and --json both want stdout: name a file")
		}
		now := time.Now().UTC()
		if *out == "" {
			*out = now.Format("abota-report-20060102T150405Z.tar.gz")
		}
		archive, missing, err := c.collect(ctx, now)
		if err != nil {
			return err
		}
		if *out == "-" {
			_, err := c.Stdout.Write(archive)
			return err
		}
		if err := writeReport(*out, archive); err != nil {
			return err
		}
		c.Say("report written to %s (%s)", *out, cli.Size(int64(len(archive))))
		if missing > 0 {
			c.Say("it says in missing.txt what could not be collected (%d)", missing)
		}
		if c.JSON {
			c.Result(map[string]any{"report": *out, "size": len(archive), "missing": missing})
		}
		return nil
	}
}

// collect makes the archive, and says how much is missing in it.
func (c *command) collect(ctx context.Context, now time.Time) (archive []byte, missing int, err error) {
	cfg, cfgErr := c.load()
	if cfgErr != nil {
		cfg = config.Default()
	}
	r := report.New(now, c.secrets(cfg))
	if cfgErr != nil {
		r.Missing("config.json", cfgErr)
	} else {
		r.AddJSON("config.json", cfg.Public())
	}
	c.addVersions(r, now)
	c.addState(r, cfg.StateDir)
	c.addDevice(ctx, r, cfg)
	r.AddSystem("/")
	r.AddKernelLog()
	var all bytes.Buffer
	if _, err := r.WriteTo(&all); err != nil {
		return nil, 0, fmt.Errorf("make the report: %w", err)
	}
	return all.Bytes(), r.MissingCount(), nil
}

func (c *command) addVersions(r *report.Report, now time.Time) {
	text := fmt.Sprintf("abota %s\nreported at %s\n\n", buildVersion(), now.Format(time.RFC3339))
	if built, ok := debug.ReadBuildInfo(); ok {
		text += built.String()
	}
	r.Add("version.txt", []byte(text))
}

// addState adds what lies in the state directory, as it lies there.
func (c *command) addState(r *report.Report, dir string) {
	r.AddFolder("state/folder.txt", dir)
	for _, name := range eventlog.Names {
		path := filepath.Join(dir, name)
		switch err := lookAt(path); {
		case errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, errLink):
			r.Missing("state/"+name+".jsonl", err)
		default:
			r.AddFile("state/"+name+".jsonl", path, eventlog.MaxSize)
		}
	}
	for name, kept := range map[string]keptRecord{"state/agent.json": agentRecord(dir), "state/job.json": jobRecord(dir)} {
		if record, err := kept.Load(); err == nil {
			r.AddJSON(name, json.RawMessage(record))
		} else if !errors.Is(err, fs.ErrNotExist) {
			r.Missing(name, err)
		}
	}
	for name, size := range map[string]int64{"journal": recordSize, "table": tableSize} {
		path := filepath.Join(dir, name)
		err := lookAt(path)
		if name == "table" && errors.Is(err, fs.ErrNotExist) {
			continue // the bootloader keeps it
		}
		if errors.Is(err, errLink) {
			r.Missing("state/"+name+".bin", err)
			continue
		}
		for i, offset := range journal.Offsets {
			r.AddRange(fmt.Sprintf("state/%s-%d.bin", name, i+1), path, offset, size)
		}
	}
}

// errLink: whoever can write the data partition could have any file of this
// device sent to support by it.
var errLink = errors.New("it is a link, and abota makes none")

func lookAt(path string) error {
	st, err := os.Lstat(path)
	if err == nil && st.Mode()&fs.ModeSymlink != 0 {
		return errLink
	}
	return err
}

// addDevice adds what abota makes of the device, and the raw boot table.
func (c *command) addDevice(ctx context.Context, r *report.Report, cfg *config.Config) {
	addLoader(r, cfg)
	d, err := c.open(ctx, reading)
	if err != nil {
		r.Missing("status.json, table.json and journal.json", err)
		return
	}
	defer d.Close()
	if s, err := d.Status(); err != nil {
		r.Missing("status.json", err)
	} else {
		r.AddJSON("status.json", standing(d, s))
	}
	if table, err := d.Backend.Load(); err != nil {
		r.Missing("table.json", err)
	} else {
		r.AddJSON("table.json", map[string]any{"backend": d.kind, "caps": d.Backend.Caps(), "table": table})
	}
	if record, err := d.Journal.Load(); err != nil {
		r.Missing("journal.json", err)
	} else {
		r.AddJSON("journal.json", json.RawMessage(record))
	}
}

// writeReport writes the archive whole or not at all, for its owner only. It
// takes the place of a file, but of nothing else: least of all of a link like
// /dev/stdout.
func writeReport(path string, archive []byte) error {
	if st, err := os.Lstat(path); err == nil && !st.Mode().IsRegular() {
		return cli.Usage("cannot write the report to %s because that is no file: name another one with -o, or - for stdout", path)
	}
	dir := filepath.Dir(path)
	if err := replace(path, dir, archive); err != nil {
		return fmt.Errorf("cannot write the report: %w: name another place with -o", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}

// replace is renameio.WriteFile, which would keep the mode of what was there.
func replace(path, dir string, content []byte) error {
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(dir), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return err
	}
	defer f.Cleanup()
	if _, err := f.Write(content); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}
