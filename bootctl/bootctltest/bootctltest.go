// Package bootctltest is what every bootctl.Backend has to pass: it stores the
// tables that the verbs can make on a disk that loses power, lies and fails.
//
// # Guarantee
//
// A backend that passes kept every table that the verbs reach, as far as its
// Caps say; at every cut that cutdisk yields within a Store it held the old
// table or the new one, and could be written again; it survived damage to
// either copy; it never reported success for a table that a cut at that moment
// would lose, nor after an I/O error, nor when the disk ignored the write.
//
// A storage that changes in whole steps (firmware's variables, files of which
// one sector is overwritten) is tried by [RunSteps] instead, together with a
// model of its loader.
//
// # Not guaranteed
//
// That a bootloader reads the same: compare with the loader's own tools. A
// disk that lies about a sync cannot be found out.
package bootctltest

import (
	"testing"

	"abota/bootctl"
	"abota/sim/cutdisk"
)

// Layout is how a backend uses its storage.
type Layout uint8

const (
	// Alternating: a store overwrites the older of two copies.
	Alternating Layout = iota
	// Marked: a store overwrites the older of two copies, and marks the other one
	// as the older, without which that still holds what it held.
	Marked
	// Mirrored: a store brings two copies to the same table, one after the
	// other. They are part of something that exists before the backend does:
	// when both are lost, it refuses to make them up.
	Mirrored
	// Single: there is one copy, of one sector, which the medium is trusted to
	// write whole or not at all. A sector that is torn or damaged all the same
	// may cost the table, but never makes up another one.
	Single
)

// Factory makes the backend under test. Its storage is two copies on one disk,
// or a single one.
type Factory struct {
	// Layout is Alternating unless it is said.
	Layout Layout
	// Blank is the disk before there is a table: a few sectors, since it is
	// copied for every cut.
	Blank []byte
	// Given says that the storage is another updater's: there is a table in Blank
	// already, and one that is lost is never made up.
	Given bool
	// Unchecked says that nothing in the storage tells damage: a sector that is
	// torn, or decays, is the loader's to bear. A single copy is written whole or
	// not at all then.
	Unchecked bool
	// Open returns the backend on this disk, as after power on.
	Open func(*cutdisk.Disk) bootctl.Backend
	// Copies say where the copies lie, so that they can be damaged. The second
	// one of a single copy is empty.
	Copies [2]Region
}

// Region is a part of the disk, in bytes.
type Region struct{ Offset, Size int64 }

// check is one property. It returns the first violation that it finds.
type check struct {
	name string
	run  func(*suite) error
}

func checks() []check {
	return []check{
		{"storage without a table says so", (*suite).checkEmpty},
		{"every table is kept", (*suite).checkRoundTrip},
		{"an unchanged table writes nothing", (*suite).checkUnchanged},
		{"a store changes its copies alone, and one is always whole", (*suite).checkCopies},
		{"a cut leaves the old table or the new one", (*suite).checkCuts},
		{"a cut of the store after a cut does too", (*suite).checkCutsAfterCuts},
		{"lost power is not reported as success", (*suite).checkPowerLost},
		{"damage to one copy is survived", (*suite).checkDamage},
		{"an I/O error is returned", (*suite).checkFaults},
		{"a disk that ignores writes is caught", (*suite).checkLies},
	}
}

// Run runs every check and logs how many cut points were tried.
func Run(t *testing.T, f Factory) {
	t.Helper()
	s := newSuite(f)
	t.Logf("caps %+v, %d tables, %d transitions", s.caps, len(s.tables), len(s.edges))
	total := 0
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			s.cuts = 0
			if err := c.run(s); err != nil {
				t.Error(err)
			}
			t.Logf("%d cut points", s.cuts)
			total += s.cuts
		})
	}
	t.Logf("total: %d cut points", total)
}
