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

// defect is one way in which a backend can be wrong.
type defect string

const (
	none              defect = ""
	writesBoth        defect = "writes both copies at once"
	writesInTurn      defect = "writes one copy and then the other"
	writesNewer       defect = "overwrites the newer copy"
	singleCopy        defect = "keeps a single copy"
	noSync            defect = "reports success before it syncs"
	noReadBack        defect = "does not read back"
	noChecksum        defect = "does not check the checksum"
	noWrap            defect = "lets the serial number wrap without noticing"
	rewrites          defect = "writes what is already there"
	forgets           defect = "forgets what failed"
	hidesPowerLoss    defect = "takes lost power for success"
	hidesWriteError   defect = "does not return a write error"
	hidesSyncError    defect = "does not return a sync error"
	readErrorIsNone   defect = "takes a read error for no table"
	trustsUnsynced    defect = "takes an unsynced table for stored"
	completesTorn     defect = "lets a second store complete a torn one"
	inventsTable      defect = "makes up a table where there is none"
	strictAboutDamage defect = "fails when one copy is damaged"
)

// model is a backend like a real one: two copies of [crc32 | serial | table |
// filler that depends on the serial], with one defect or none.
type model struct {
	d      *cutdisk.Disk
	defect defect
}

const modelSize = 2 * cutdisk.SectorSize

func modelFactory(d defect) Factory {
	return Factory{
		Blank:  make([]byte, 2*modelSize),
		Open:   func(disk *cutdisk.Disk) bootctl.Backend { return &model{disk, d} },
		Copies: [2]Region{{0, modelSize}, {modelSize, modelSize}},
	}
}

func (m *model) Caps() bootctl.Caps { return bootctl.Caps{Good: true, Generation: true, Tries: true} }

func encodeModel(t bootctl.Table, serial byte) []byte {
	text, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	b := bytes.Repeat([]byte{serial}, modelSize)
	n := copy(b[5:], text)
	clear(b[5+n : cutdisk.SectorSize])
	binary.LittleEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	return b
}

// found is the copy that counts.
type found struct {
	table  bootctl.Table
	image  []byte
	serial byte
	index  int
	torn   bool // the other copy is not valid
}

var errDamaged = errors.New("damaged copy")

func (m *model) read(i int) (found, error) {
	f := found{index: i, image: make([]byte, modelSize)}
	if _, err := m.d.ReadAt(f.image, int64(i)*modelSize); err != nil {
		return f, err
	}
	f.serial = f.image[4]
	text, _, _ := bytes.Cut(f.image[5:], []byte{0})
	if m.defect != noChecksum && binary.LittleEndian.Uint32(f.image) != crc32.ChecksumIEEE(f.image[4:]) {
		return f, errDamaged
	}
	if err := json.Unmarshal(text, &f.table); err != nil {
		return f, errDamaged
	}
	return f, nil
}

func (m *model) current() (found, error) {
	a, errA := m.read(0)
	b, errB := m.read(1)
	if m.defect == singleCopy {
		b, errB = a, errA
	}
	a.torn, b.torn = errB != nil, errA != nil
	newer := b.serial-a.serial < 128 && b.serial != a.serial
	if m.defect == noWrap {
		newer = b.serial > a.serial
	}
	for _, err := range []error{errA, errB} {
		if err != nil && err != errDamaged && m.defect != readErrorIsNone {
			return a, err
		}
	}
	switch {
	case m.defect == strictAboutDamage && errA != errB && a.serial > 0 && b.serial > 0:
		return a, errors.Join(errA, errB)
	case errB == nil && (errA != nil || newer):
		return b, nil
	case errA == nil:
		return a, nil
	case m.defect == inventsTable:
		return a, nil
	}
	return found{index: 1, torn: true}, bootctl.ErrNoTable
}

func (m *model) Load() (bootctl.Table, error) {
	f, err := m.current()
	return f.table, err
}

func (m *model) Store(t bootctl.Table) error {
	if m.defect == forgets {
		t.Slots[bootctl.B].Failed = ""
	}
	cur, err := m.current()
	if err != nil && !errors.Is(err, bootctl.ErrNoTable) {
		return err
	}
	if err == nil && cur.table == t && m.defect != rewrites {
		if m.defect == trustsUnsynced {
			return nil
		}
		return m.finish(cur.image, cur.index)
	}
	image := encodeModel(t, cur.serial+1)
	switch m.defect {
	case singleCopy:
		return m.write(image, 0)
	case writesNewer:
		return m.write(image, cur.index)
	case writesBoth:
		if _, err := m.d.WriteAt(image, int64(cur.index)*modelSize); err != nil {
			return err
		}
	}
	if cur.torn && m.defect != completesTorn {
		if err := m.write(make([]byte, cutdisk.SectorSize), 1-cur.index); err != nil {
			return err
		}
	}
	err = m.write(image, 1-cur.index)
	if err == nil && m.defect == writesInTurn {
		err = m.write(image, cur.index)
	}
	if m.defect == hidesPowerLoss && errors.Is(err, cutdisk.ErrPowerLost) {
		return nil
	}
	return err
}

func (m *model) write(image []byte, index int) error {
	if _, err := m.d.WriteAt(image, int64(index)*modelSize); err != nil && m.defect != hidesWriteError {
		return fmt.Errorf("write: %w", err)
	}
	return m.finish(image, index)
}

func (m *model) finish(image []byte, index int) error {
	if m.defect != noSync {
		if err := m.d.Sync(); err != nil && m.defect != hidesSyncError {
			return fmt.Errorf("sync: %w", err)
		}
	}
	if m.defect == noReadBack || m.defect == hidesWriteError {
		return nil
	}
	back := make([]byte, len(image))
	if _, err := m.d.ReadAt(back, int64(index)*modelSize); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if !bytes.Equal(back, image) {
		return errors.New("read back something else")
	}
	return nil
}

func TestASoundBackendPasses(t *testing.T) { Run(t, modelFactory(none)) }

func TestEachDefectIsFound(t *testing.T) {
	finds := map[string][]defect{
		"storage without a table says so":                           {inventsTable},
		"every table is kept":                                       {forgets, noWrap},
		"an unchanged table writes nothing":                         {rewrites},
		"a store changes its copies alone, and one is always whole": {writesBoth, writesInTurn, singleCopy, writesNewer},
		"a cut leaves the old table or the new one":                 {writesBoth, singleCopy, writesNewer, noSync, noChecksum},
		"a cut of the store after a cut does too":                   {completesTorn},
		"lost power is not reported as success":                     {hidesPowerLoss, noReadBack},
		"damage to one copy is survived":                            {singleCopy, noChecksum, strictAboutDamage},
		"an I/O error is returned":                                  {hidesWriteError, hidesSyncError, readErrorIsNone, trustsUnsynced},
		"a disk that ignores writes is caught":                      {noReadBack},
	}
	for _, c := range checks() {
		if len(finds[c.name]) == 0 {
			t.Errorf("no defect shows that the check %q can fail", c.name)
		}
		for _, d := range finds[c.name] {
			err := c.run(newSuite(modelFactory(d)))
			if err == nil {
				t.Errorf("the check %q passes a backend that %s", c.name, d)
				continue
			}
			t.Logf("a backend that %s: found by %q", d, c.name)
		}
	}
}

func TestTransitionsReachEveryKindOfTable(t *testing.T) {
	tables, edges := transitions()
	if len(tables) < 50 || len(edges) < 250 {
		t.Errorf("only %d tables and %d transitions", len(tables), len(edges))
	}
	kinds := map[string]func(bootctl.Table) bool{
		"B first":       func(t bootctl.Table) bool { s, _ := t.Primary(); return s == bootctl.B },
		"A alone":       func(t bootctl.Table) bool { return !t.Slots[bootctl.B].Bootable() },
		"a trial":       func(t bootctl.Table) bool { return t.Slots[bootctl.B].Bootable() && !t.Slots[bootctl.B].Good },
		"no tries left": func(t bootctl.Table) bool { return t.Slots[bootctl.B].Bootable() && t.Slots[bootctl.B].Tries == 0 },
		"condemned":     func(t bootctl.Table) bool { return t.Slots[bootctl.A].Failed != "" },
		"not counted":   func(t bootctl.Table) bool { return t.ConfirmedTries == 0 },
	}
	for name, is := range kinds {
		n := 0
		for _, table := range tables {
			if is(table) {
				n++
			}
		}
		if n == 0 {
			t.Errorf("no table is reached with %s", name)
		}
	}
	t.Logf("%d tables, %d transitions", len(tables), len(edges))
}
