package bootctltest

import (
	"bytes"
	"cmp"
	"errors"
	"testing"

	"abota/bootctl"
	"abota/sim/cutdisk"
)

const (
	primaryFirst  defect = "writes the copy that counts first"
	noBarrier     defect = "writes both copies before it syncs"
	leavesDamage  defect = "does not repair the copy that does not count"
	makesUp       defect = "writes where there is nothing"
	trustsOneLeft defect = "overwrites the only valid copy"
)

// mirror is a backend that keeps one table in two places, the second one for
// when the first is damaged.
type mirror struct {
	model
}

func mirrorFactory(d defect) Factory {
	blank := make([]byte, 2*modelSize)
	copy(blank, encodeModel(bootctl.Table{}, 0))
	copy(blank[modelSize:], encodeModel(bootctl.Table{}, 0))
	return Factory{
		Layout: Mirrored,
		Blank:  blank,
		Open:   func(disk *cutdisk.Disk) bootctl.Backend { return &mirror{model{disk, d}} },
		Copies: [2]Region{{0, modelSize}, {modelSize, modelSize}},
	}
}

func (m *mirror) both() (copies [2]found, counts int, err error) {
	var errs [2]error
	for i := range copies {
		copies[i], errs[i] = m.read(i)
		copies[i].torn = errs[i] != nil
	}
	switch {
	case errs[0] == nil:
		return copies, 0, nil
	case errs[1] == nil:
		return copies, 1, nil
	case errs[0] == errDamaged && errs[1] == errDamaged:
		return copies, 0, bootctl.ErrNoTable
	}
	return copies, 0, cmp.Or(errs[0], errs[1])
}

func (m *mirror) Load() (bootctl.Table, error) {
	copies, counts, err := m.both()
	if err == nil && copies[counts].table == (bootctl.Table{}) {
		err = bootctl.ErrNoTable
	}
	return copies[counts].table, err
}

func (m *mirror) Store(t bootctl.Table) error {
	if err := m.d.Sync(); err != nil {
		return err
	}
	copies, counts, err := m.both()
	if err != nil && (m.defect != makesUp || !errors.Is(err, bootctl.ErrNoTable)) {
		return err
	}
	image := encodeModel(t, byte(t.Generation))
	if counts == 1 && m.defect != trustsOneLeft {
		if err := m.write(make([]byte, cutdisk.SectorSize), 0); err != nil {
			return err
		}
		if err := m.write(copies[1].image, 0); err != nil {
			return err
		}
		copies[0] = found{image: copies[1].image}
	}
	order := []int{1, 0}
	switch m.defect {
	case primaryFirst:
		order = []int{0, 1}
	case leavesDamage:
		order = order[1:]
	case noBarrier:
		order = order[1:]
		if _, err := m.d.WriteAt(image, modelSize); err != nil {
			return err
		}
	}
	for _, i := range order {
		if copies[i].torn || !bytes.Equal(copies[i].image, image) {
			if err := m.write(image, i); err != nil {
				return err
			}
		}
	}
	_, err = m.read(0)
	return err
}

func TestASoundMirrorPasses(t *testing.T) { Run(t, mirrorFactory(none)) }

func TestEachDefectOfAMirrorIsFound(t *testing.T) {
	finds := map[defect]string{
		makesUp:       "storage without a table says so",
		leavesDamage:  "a store changes its copies alone, and one is always whole",
		noBarrier:     "a cut leaves the old table or the new one",
		noSync:        "a cut leaves the old table or the new one",
		primaryFirst:  "a cut of the store after a cut does too",
		trustsOneLeft: "a cut of the store after a cut does too",
		noReadBack:    "a disk that ignores writes is caught",
	}
	for d, name := range finds {
		for _, c := range checks() {
			if c.name != name {
				continue
			}
			err := c.run(newSuite(mirrorFactory(d)))
			if err == nil {
				t.Errorf("the check %q passes a mirror that %s", name, d)
			}
			t.Logf("a mirror that %s: %v", d, err)
		}
	}
}
