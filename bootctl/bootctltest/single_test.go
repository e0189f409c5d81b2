package bootctltest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"testing"

	"abota/bootctl"
	"abota/sim/cutdisk"
)

const twoSectors defect = "writes a second sector"

// single is a backend that keeps one table in one sector: [crc32 | table].
type single struct {
	d      *cutdisk.Disk
	defect defect
}

func singleFactory(d defect) Factory {
	return Factory{
		Layout: Single,
		Blank:  make([]byte, 2*cutdisk.SectorSize),
		Open:   func(disk *cutdisk.Disk) bootctl.Backend { return &single{disk, d} },
		Copies: [2]Region{{0, cutdisk.SectorSize}, {}},
	}
}

func (s *single) Caps() bootctl.Caps {
	return bootctl.Caps{OneShot: true, Good: true, Generation: true}
}

func (s *single) Load() (t bootctl.Table, err error) {
	b := make([]byte, cutdisk.SectorSize)
	if _, err := s.d.ReadAt(b, 0); err != nil {
		return t, err
	}
	if s.defect == strictAboutDamage && bytes.Count(b, []byte{0}) == len(b) {
		return t, nil
	}
	text, _, _ := bytes.Cut(b[4:], []byte{0})
	if s.defect != noChecksum && binary.LittleEndian.Uint32(b) != crc32.ChecksumIEEE(b[4:]) || json.Unmarshal(text, &t) != nil {
		return bootctl.Table{}, bootctl.ErrNoTable
	}
	return t, nil
}

func (s *single) Store(t bootctl.Table) error {
	if err := s.d.Sync(); err != nil {
		return err
	}
	t = s.Caps().Keep(t)
	was, err := s.Load()
	if err != nil && (s.defect == strictAboutDamage || !errors.Is(err, bootctl.ErrNoTable)) {
		return err
	}
	if err == nil && was == t && s.defect != rewrites {
		return nil
	}
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	b := make([]byte, cutdisk.SectorSize)
	copy(b[4:], text)
	binary.LittleEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	if s.defect == twoSectors {
		b = append(b, text...)
	}
	if _, err := s.d.WriteAt(b, 0); err != nil && s.defect != hidesWriteError {
		return fmt.Errorf("write: %w", err)
	}
	if s.defect != noSync {
		if err := s.d.Sync(); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
	}
	if s.defect == noReadBack || s.defect == hidesWriteError {
		return nil
	}
	if got, err := s.Load(); err != nil || got != t {
		return fmt.Errorf("read back something else: %w", err)
	}
	return nil
}

func TestASoundSingleCopyPasses(t *testing.T) { Run(t, singleFactory(none)) }

func TestEachDefectOfASingleCopyIsFound(t *testing.T) {
	finds := map[defect]string{
		rewrites:          "an unchanged table writes nothing",
		strictAboutDamage: "a store changes its copies alone, and one is always whole",
		twoSectors:        "a store changes its copies alone, and one is always whole",
		noChecksum:        "damage to one copy is survived",
		noSync:            "a cut leaves the old table or the new one",
		noReadBack:        "a disk that ignores writes is caught",
		hidesWriteError:   "an I/O error is returned",
	}
	for d, name := range finds {
		for _, c := range checks() {
			if c.name != name {
				continue
			}
			err := c.run(newSuite(singleFactory(d)))
			if err == nil {
				t.Errorf("the check %q passes a single copy that %s", name, d)
			}
			t.Logf("a single copy that %s: %v", d, err)
		}
	}
}
