package powercut

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"abota/sim/disk"
	"abota/sim/parts"
	"abota/updater"
	"abota/updater/journal"
)

// seenRecord is what the data partition says.
type seenRecord struct {
	// damaged says that the file system cannot be mounted: checks beyond
	// replaying its journal would be needed. abota then goes on without.
	damaged bool
	// payload is the record, nil when there is none, and then why says why.
	payload []byte
	record  *updater.Record
	why     string
}

// records reads abota's journal out of disks: the file system's own journal is
// replayed as a mount would, and checked, then the file is read by the
// product's code. Each distinct content of the partition is read once.
type records struct {
	dir            string
	fsck, debugger string
	seen           map[Sum]seenRecord
}

func newRecords(dir string) (*records, error) {
	fsck, err := parts.Tool("e2fsck")
	if err != nil {
		return nil, err
	}
	debugger, err := parts.Tool("debugfs")
	if err != nil {
		return nil, err
	}
	return &records{dir: dir, fsck: fsck, debugger: debugger, seen: map[Sum]seenRecord{}}, nil
}

// of is the record on a disk.
func (r *records) of(ctx context.Context, d *Disk) (seenRecord, error) {
	sum := d.Sum(disk.Data)
	if s, known := r.seen[sum]; known {
		return s, nil
	}
	s, err := r.read(ctx, d)
	if err == nil {
		r.seen[sum] = s
	}
	return s, err
}

// fsckBroken is the least exit status of e2fsck that means more than "clean"
// or "corrected" (man 8 e2fsck).
const fsckBroken = 4

func (r *records) read(ctx context.Context, d *Disk) (seenRecord, error) {
	image, file := filepath.Join(r.dir, "data"), filepath.Join(r.dir, "journal")
	p := d.partition(disk.Data)
	if err := d.Write(image, p.Offset, p.Size); err != nil {
		return seenRecord{}, err
	}
	out, err := exec.CommandContext(ctx, r.fsck, "-fp", image).CombinedOutput()
	var status *exec.ExitError
	switch {
	case errors.As(err, &status) && status.ExitCode() >= fsckBroken:
		return seenRecord{damaged: true, why: fmt.Sprintf("e2fsck: %s", lastLine(out))}, nil
	case err != nil && status == nil:
		return seenRecord{}, fmt.Errorf("check the data partition: %w", err)
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return seenRecord{}, fmt.Errorf("read the journal: %w", err)
	}
	// debugfs exits with 0 even when the file is not there: then none is made.
	if out, err := exec.CommandContext(ctx, r.debugger, "-R", "dump /journal "+file, image).CombinedOutput(); err != nil {
		return seenRecord{}, fmt.Errorf("read the journal: debugfs: %w: %s", err, lastLine(out))
	}
	return loadRecord(file)
}

// loadRecord reads the record with the product's code.
func loadRecord(file string) (seenRecord, error) {
	j, err := journal.OpenReadOnly(file)
	if errors.Is(err, journal.ErrLost) {
		return seenRecord{why: err.Error()}, nil
	}
	if err != nil {
		return seenRecord{}, err
	}
	defer j.Close()
	payload, err := j.Load()
	if err != nil {
		return seenRecord{why: err.Error()}, nil
	}
	s := seenRecord{payload: payload, record: &updater.Record{}}
	if err := json.Unmarshal(payload, s.record); err != nil {
		return seenRecord{why: err.Error()}, nil
	}
	return s, nil
}

// lastLine is the end of a tool's output.
func lastLine(out []byte) string {
	text := string(out)
	for len(text) > 0 && text[len(text)-1] == '\n' {
		text = text[:len(text)-1]
	}
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == '\n' {
			return text[i+1:]
		}
	}
	return text
}
