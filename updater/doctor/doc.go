// Package doctor judges whether a device could take an update, and come back
// from a bad one, by facts that were gathered before.
//
// # Guarantee
//
// [Examine] is pure: the same facts give the same findings, in the order of the
// checks. A fact that could not be found out is a finding too, where an update
// depends on it. Every finding says what was found and what to do. [AtRisk] is
// true exactly when one of them is an [Error].
//
// # Not guaranteed
//
// That a device without findings takes an update: the source, the release and
// the medium have their say only then. Nothing here proves that the boot
// loader reads what abota writes; it shows where they contradict each other,
// or where nothing speaks for it.
//
// # Levels
//
// An Error means that an update could not be taken, would not be started by the
// boot loader, or could not be gone back from. A Warning is what should be put
// right, but has a safe outcome as it is. What a device of the factory shows
// before its first update is never an Error.
package doctor

import "time"

// Level is how bad a finding is.
type Level string

// The levels.
const (
	Error   Level = "error"
	Warning Level = "warning"
)

// Finding is one thing that is not as it should be.
type Finding struct {
	// Check is the name of what was looked at, the same in every release.
	Check string `json:"check"`
	Level Level  `json:"level"`
	// What was found, and what to do about it. Do is empty where What, being
	// the error of another part, says it already.
	What string `json:"finding"`
	Do   string `json:"do,omitempty"`
}

// String is the finding in one line, without its level and check.
func (f Finding) String() string {
	if f.Do == "" {
		return f.What
	}
	return f.What + ": " + f.Do
}

// AtRisk reports whether an update should not be started as things are.
func AtRisk(all []Finding) bool { return Count(all, Error) > 0 }

// Count is how many findings have this level.
func Count(all []Finding, level Level) (n int) {
	for _, f := range all {
		if f.Level == level {
			n++
		}
	}
	return n
}

// Facts are what was seen on the device. An error in them is what kept
// something from being seen, in the words of who looked.
type Facts struct {
	Slots [2]Slot
	// Booted is the index of the slot that runs, when BootedErr is nil.
	Booted    int
	BootedErr error
	// Unseen is why nobody knows who uses the slots.
	Unseen error
	// Same says that the two slots share storage.
	Same error
	// Loaded says that a boot loader reads the table, and not abota itself.
	Loaded bool
	Table  Table
	// Env is U-Boot's, and Loader what is known of another boot loader; each is
	// nil where the boot table is kept elsewhere.
	Env     *Environment
	Foreign Foreign
	Loader  *Loader
	Kernel  Kernel
	State   State
	Trust   []Trust
	Clock   Clock
	Dog     Watchdog
	Rivals  []Rival
	Private error // a secret that everybody on the device can read
}

// Slot is one of the two, as configured and as it is.
type Slot struct {
	// Name is "A" or "B", Spec how the configuration names its place.
	Name, Spec string
	// Err is why it was not found or cannot be a slot.
	Err error
	// InUse is why it must not be written although it does not run.
	InUse error
	// Parts are what it is made of, none for a folder.
	Parts []Part
	// Image is how many bytes of it the last release takes, Whole that this is
	// of the partition as a whole, since no release of its was ever written.
	Image int64
	Whole bool
	// Listed says that it is in the boot order, Good that it is confirmed,
	// Proven that its digest held after its last write.
	Listed, Good, Proven bool
}

// Part is one device or file of a slot. Size is its room in bytes, Image how
// many of them the last release takes.
type Part struct {
	Name, Spec  string
	Size, Image int64
}

// Table is the boot table.
type Table struct {
	// Err is why it cannot be read, or be kept where it is.
	Err error
	// Unmade says that Err is no more than that there is none yet, and that
	// the first install makes it.
	Unmade bool
	// Settled says that nothing is under way.
	Settled bool
}

// Foreign is a boot script of another updater, whose variables abota writes.
type Foreign struct {
	// Configured says that the configuration says so.
	Configured bool
	// Spoken is the updater whose variables are written, and Found the one that
	// those that are there seem to be of; empty: abota's, or unknown.
	Spoken, Found string
	// Doubts speak against relying on the variables that are there.
	Doubts []string
}

// Environment is U-Boot's environment.
type Environment struct {
	Copies []Copy
	// Tools says where U-Boot's own tools look instead, empty where they look
	// in the same places or are not configured.
	Tools string
	// Known are the variables that abota writes, Names all that are there.
	Known, Names []string
	// Order is the value of BOOT_ORDER.
	Order string
}

// Copy is one copy of the environment.
type Copy struct {
	// Name is how a message calls it.
	Name string
	// Storage is the same text for two copies on one file or device, and empty
	// where that is not known.
	Storage string
	Offset  int64
	// Flash says that it has erase blocks of its own, so that the other copy may
	// lie right beside it; Hole that its file has no blocks there yet.
	Flash, Hole bool
	// Err is why it cannot be read, Writable why it cannot be written.
	Err, Writable error
	// Valid says that its checksum holds, OtherForm that it would if U-Boot kept
	// two copies where a single one is configured, or the other way round, and
	// Elsewhere at which offsets of the same storage that of another place does.
	Valid, OtherForm bool
	Elsewhere        []int64
}

// Kernel is what the boot script put on the kernel command line.
type Kernel struct {
	Err error
	// Contract is abota.contract, RAUC that rauc.slot is there.
	Contract, RAUC bool
	// Slot is the value of abota.slot or rauc.slot, Env that of abota.env.
	Slot, Env string
}

// State is the folder on the data partition.
type State struct {
	Dir string
	// Err is why nothing can be written there.
	Err error
	// OnSlot names the slot that it lies on; Volatile says that it is memory.
	OnSlot   string
	Volatile bool
	// Free is in bytes. Needed is how much of it the records still lack.
	Free, Needed int64
	// Journal is why the journal cannot be read; Missing that there is none.
	Journal error
	Missing bool
}

// Trust is something that a release or a server is proven by.
type Trust struct {
	// Name is the configuration's key.
	Name string
	// Err is why it cannot be used.
	Err error
	// Note is what is worth knowing of it, although it can be used.
	Note string
}

// Clock is the time that the system shows, and when this program was made.
type Clock struct{ Now, Built time.Time }

// Watchdog is what resets a device that hangs.
type Watchdog struct {
	// Configured is the path in the configuration, or empty.
	Configured string
	// Err is why it cannot be held.
	Err error
	// NoWayOut says that its driver never disarms it.
	NoWayOut bool
	// Init says that the init system holds it, in which words.
	Init string
}

// Rival is a program that changes which slot boots.
type Rival struct {
	// Name of the service or process, and where it was found.
	Name, Where string
	// Confirms says that it marks a slot good by itself.
	Confirms bool
}
