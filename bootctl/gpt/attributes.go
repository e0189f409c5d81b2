package gpt

import (
	"encoding/binary"
	"fmt"

	"abota/bootctl"
)

// The boot bits of an entry's attributes.
const (
	priorityBit   = 48
	triesBit      = 52
	successfulBit = 56
	fourBits      = 15
	// bootBits may differ between the copies, since a loader or a Store may
	// have been interrupted between them. Bit 57 is vboot's error counter.
	bootBits = uint64(0x3ff) << priorityBit
	ownBits  = uint64(0x1ff) << priorityBit
)

// stateIn is what an entry's attributes say. Tries of a confirmed slot mean
// nothing to any loader.
func stateIn(attributes uint64) bootctl.State {
	s := bootctl.State{
		Priority: int(attributes >> priorityBit & fourBits),
		Tries:    int(attributes >> triesBit & fourBits),
		Good:     attributes>>successfulBit&1 == 1,
	}
	if s.Good {
		s.Tries = 0
	}
	return s
}

// withState puts a state into the attributes and keeps all other bits.
func withState(attributes uint64, s bootctl.State) (uint64, error) {
	if s.Tries < 0 || s.Tries > fourBits {
		return 0, fmt.Errorf("cannot store %d tries because a GPT attribute counts up to %d: use fewer", s.Tries, fourBits)
	}
	attributes &^= ownBits
	attributes |= uint64(s.Priority) << priorityBit
	attributes |= uint64(s.Tries) << triesBit
	if s.Good {
		attributes |= 1 << successfulBit
	}
	return attributes, nil
}

// bootable reports whether a loader would start an entry with these
// attributes.
func bootable(attributes uint64) bool {
	s := stateIn(attributes)
	return s.Bootable() && (s.Good || s.Tries > 0)
}

// entry is one entry of the array, in place.
type entry []byte

func (e entry) used() bool             { return guid(e[:16]) != guid{} }
func (e entry) kind() guid             { return guid(e[:16]) }
func (e entry) unique() guid           { return guid(e[16:32]) }
func (e entry) attributes() uint64     { return binary.LittleEndian.Uint64(e[48:]) }
func (e entry) setAttributes(a uint64) { binary.LittleEndian.PutUint64(e[48:], a) }

// name is the entry's label, decoded far enough to be compared.
func (e entry) name() string { return decodeName(e[56:128]) }
